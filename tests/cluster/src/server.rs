//! A running server.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::{Arc, Mutex, MutexGuard, OnceLock},
};

use tempfile::TempDir;

use crate::{
    builder::Builder,
    config,
    keeper::Keeper,
    programs,
    wait::{self, PATIENCE},
};

/// The name of the superuser.
pub(crate) const SUPERUSER: &str = "postgres";

/// A PostgreSQL server of our own, on 127.0.0.1. It ends with this value, and its data with it.
#[derive(Debug)]
pub struct Server {
    /// The postmaster; none while the server is down.
    process: Mutex<Option<Child>>,
    port: u16,
    password: Arc<str>,
    name: String,
    pub(crate) settings: Vec<(String, String)>,
    // In this order: the keeper empties the directory.
    _keeper: Keeper,
    directory: TempDir,
}

/// Why a server did not start.
enum Refusal {
    PortTaken,
    Other(String),
}

impl Server {
    /// Starts a server of its own.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// For one that is not like the others.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The server that all tests of this process share: for those that only need a database of their own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Where it listens.
    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    /// Where it listens; a server that is down keeps its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The superuser's password.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// What a standby calls itself: its `application_name` at its primary. Empty for a primary.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// URL of a database for the superuser, with the password.
    pub fn url(&self, database: &str) -> String {
        self.url_as(SUPERUSER, &self.password, database)
    }

    /// The same for somebody else.
    pub fn url_as(&self, user: &str, password: &str, database: &str) -> String {
        let (user, password, database) = (encode(user), encode(password), encode(database));
        format!("postgres://{user}:{password}@{}:{}/{database}", self.host(), self.port)
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        fs::read(self.directory().join("log"))
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .unwrap_or_default()
    }

    /// Everything of it is here: `data`, `log`, the Unix socket.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.directory().join("data")
    }

    /// A server over a data directory that `fill` makes.
    pub(crate) fn over(
        name: String,
        password: Arc<str>,
        settings: Vec<(String, String)>,
        fill: impl FnOnce(&Self),
    ) -> Self {
        let directory = new_directory();
        programs::give(directory.path());
        let mut server = Self {
            process: Mutex::new(None),
            port: 0,
            password,
            name,
            settings,
            _keeper: Keeper::of(directory.path()),
            directory,
        };
        fill(&server);
        config::write(&server.data().join("pg_hba.conf"), config::ACCESS);
        for _ in 0..10 {
            server.port = crate::ports::free();
            match server.launch() {
                Ok(()) => return server,
                Err(Refusal::PortTaken) => {}
                Err(Refusal::Other(why)) => panic!("{why}"),
            }
        }
        panic!("somebody takes every port first; the server's log:\n{}", server.log());
    }

    /// Writes `postgresql.conf`, where `also` comes last.
    pub(crate) fn write_settings(&self, also: &[(&str, &str)]) {
        let (port, directory) = (self.port.to_string(), self.directory().to_string_lossy());
        let place = [("port", port.as_str()), ("unix_socket_directories", &directory)];
        let own = self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let all = place.into_iter().chain(own).chain(also.iter().copied());
        config::write(&self.data().join("postgresql.conf"), &config::settings(all));
    }

    /// Starts the postmaster; returns when it lets clients in.
    fn launch(&self) -> Result<(), Refusal> {
        self.write_settings(&[]);
        let before = self.log().len();
        let mut command = programs::server("postgres", self.directory());
        let log = fs::OpenOptions::new().create(true).append(true).open(self.directory().join("log"));
        let log = log.expect("its log");
        command.arg("-D").arg(self.data()).stdout(log.try_clone().expect("its log")).stderr(log);
        command.stdin(Stdio::null());
        let mut process = self.process();
        let child = process.insert(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")));
        let id = child.id();
        let result = wait::until(|| match child.try_wait().expect("our child") {
            Some(status) => Some(Err(status)),
            None => (self.state_of(id).as_deref() == Some("ready")).then_some(Ok(())),
        });
        let why = match result {
            Some(Ok(())) => return Ok(()),
            Some(Err(status)) => format!("the server ended with {status}"),
            None => format!("the server is not ready after {PATIENCE:?}"),
        };
        let log = self.log().split_off(before);
        if log.contains("could not create any TCP/IP sockets") {
            return Err(Refusal::PortTaken);
        }
        Err(Refusal::Other(format!("{why}; its log:\n{log}")))
    }

    /// What the postmaster with this id says of itself in its lock file: `starting`, `ready`, `stopping`, `standby`
    /// (no clients yet). The file of a killed one stays.
    fn state_of(&self, id: u32) -> Option<String> {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        let mut lines = file.lines();
        (lines.next()? == id.to_string()).then_some(())?;
        Some(lines.nth(6)?.trim().to_owned())
    }

    pub(crate) fn process(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut postmaster) = self.process().take() {
            let _ = postmaster.kill();
            let _ = postmaster.wait();
        }
        // The keeper does the rest.
    }
}

/// A directory whose Unix socket has a path that fits: 107 bytes.
fn new_directory() -> TempDir {
    let mut builder = tempfile::Builder::new();
    builder.prefix("duroxide-pg-");
    let usual = std::env::temp_dir();
    let directory = if usual.as_os_str().len() < 70 { builder.tempdir() } else { builder.tempdir_in("/tmp") };
    directory.expect("a temporary directory")
}

/// Percent-encodes everything that could mean something in a URL.
fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_a_url_is_encoded() {
        assert_eq!(encode("a-Z_0.9"), "a-Z_0.9");
        assert_eq!(encode("p@:/?#% é"), "p%40%3A%2F%3F%23%25%20%C3%A9");
    }
}
