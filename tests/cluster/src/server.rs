//! A running server.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Child,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use tempfile::TempDir;

use crate::{
    builder::Builder,
    config,
    keeper::Keeper,
    language, place, programs,
    tls::Authorities,
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
    pub(crate) nature: Nature,
    /// Settings that were changed later.
    changes: Mutex<BTreeMap<String, String>>,
    // In this order: the keeper empties the directory.
    _keeper: Keeper,
    directory: TempDir,
}

/// What a server is from its beginning.
#[derive(Debug)]
pub(crate) struct Nature {
    pub(crate) name: String,
    pub(crate) password: Arc<str>,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) authorities: Option<Arc<Authorities>>,
    pub(crate) german: bool,
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
        &self.nature.password
    }

    /// What a standby calls itself: its `application_name` at its primary. Empty for a primary.
    pub fn name(&self) -> &str {
        &self.nature.name
    }

    /// URL of a database for the superuser, with the password.
    pub fn url(&self, database: &str) -> String {
        self.url_as(SUPERUSER, &self.nature.password, database)
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
    pub(crate) fn over(nature: Nature, fill: impl FnOnce(&Self)) -> Self {
        let directory = place::directory();
        programs::give(directory.path());
        let mut server = Self {
            process: Mutex::new(None),
            port: 0,
            nature,
            changes: Mutex::default(),
            _keeper: Keeper::of(directory.path()),
            directory,
        };
        fill(&server);
        if server.nature.german {
            language::add_german(server.directory());
        }
        config::write(&server.data().join("pg_hba.conf"), &config::access(&[]));
        let started = (0..10).any(|_| {
            server.port = place::port();
            server.try_launch()
        });
        assert!(started, "somebody takes every port first; the server's log:\n{}", server.log());
        server
    }

    /// Writes `postgresql.conf`.
    pub(crate) fn write_settings(&self) {
        let (port, directory) = (self.port.to_string(), self.directory().to_string_lossy());
        let place = [("port", port.as_str()), ("unix_socket_directories", &directory)];
        let changes = self.changes();
        let own = self.nature.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let changed = changes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let all = place.into_iter().chain(own).chain(changed);
        config::write(&self.data().join("postgresql.conf"), &config::settings(all));
    }

    /// Starts the postmaster and waits until it lets clients in; `false` if somebody has its port.
    pub(crate) fn try_launch(&self) -> bool {
        self.write_settings();
        let before = self.log().len();
        let open = || fs::OpenOptions::new().create(true).append(true).open(self.directory().join("log"));
        let mut command = programs::server("postgres", self.directory());
        command.arg("-D").arg(self.data());
        if self.nature.german {
            command.env("LOCPATH", self.directory());
        }
        command.stdout(open().expect("its log")).stderr(open().expect("its log"));
        let mut process = self.process();
        let child = process.insert(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")));
        let id = child.id();
        let ready = wait::until(|| match child.try_wait().expect("our child") {
            Some(status) => Some(Err(status)),
            None => (self.state_of(id).as_deref() == Some("ready")).then_some(Ok(())),
        });
        let status = match ready {
            Some(Ok(())) => return true,
            Some(Err(status)) => status.to_string(),
            None => panic!("the server is not ready after {PATIENCE:?}; its log:\n{}", self.log()),
        };
        *process = None;
        let log = self.log().split_off(before);
        assert!(
            log.contains("could not create any TCP/IP sockets"),
            "the server ended with {status}; its log:\n{log}"
        );
        false
    }

    /// What the postmaster with this id says of itself in its lock file: `starting`, `ready`, `stopping`, `standby`
    /// (no clients yet). The file of a killed one stays.
    pub(crate) fn state_of(&self, id: u32) -> Option<String> {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        let mut lines = file.lines();
        (lines.next()? == id.to_string()).then_some(())?;
        Some(lines.nth(6)?.trim().to_owned())
    }

    /// The postmaster's id.
    pub fn id(&self) -> u32 {
        self.process().as_ref().expect("a running server").id()
    }

    pub(crate) fn changes(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn process(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Percent-encodes everything that could mean something in a URL.
pub(crate) fn encode(text: &str) -> String {
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
