//! PgBouncer before a server, and other clients of its pool.

use std::{
    env, fs,
    net::TcpStream,
    path::PathBuf,
    process::{Child, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use tempfile::TempDir;

use crate::{
    Server, config,
    keeper::Keeper,
    place, programs,
    server::{SUPERUSER, encode},
    wait::{self, PATIENCE},
};

/// For how long a pooler lends a connection of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// As long as the client is connected.
    Session,
    /// For one transaction.
    Transaction,
    /// For one statement.
    Statement,
}

/// A PgBouncer of our own, on 127.0.0.1, with no setting but where it listens, who may come, its pool, and that it tries again
/// soon where a server refuses. It ends with this value.
#[derive(Debug)]
pub struct Pooler {
    process: Child,
    port: u16,
    password: Arc<str>,
    // In this order: the keeper empties the directory.
    _keeper: Keeper,
    directory: TempDir,
}

impl Server {
    /// A pooler that has so many connections for each user and database of this server. Beside the superuser it knows
    /// these users, by name and password.
    pub fn pooler(&self, pooling: Pooling, connections: u32, users: &[(&str, &str)]) -> Pooler {
        let directory = place::directory();
        programs::give(directory.path());
        let keeper = Keeper::of(directory.path());
        let superuser = [(SUPERUSER, self.password())];
        let users =
            superuser.iter().chain(users).map(|(name, password)| format!("\"{name}\" \"{password}\"\n"));
        config::write(&directory.path().join("users"), &users.collect::<String>());
        for _ in 0..10 {
            let port = place::port();
            let settings = format!(
                "[databases]\n* = host={host} port={server}\n\
                 [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
                 auth_type = scram-sha-256\nauth_file = users\n\
                 pool_mode = {mode}\ndefault_pool_size = {connections}\nmax_client_conn = 200\n\
                 server_login_retry = 1\n",
                host = self.host(),
                server = self.port(),
                mode = format!("{pooling:?}").to_lowercase(),
            );
            config::write(&directory.path().join("pgbouncer.ini"), &settings);
            let log = fs::File::create(directory.path().join("log")).expect("its log");
            let mut command = programs::server(&program(), directory.path());
            command.arg("pgbouncer.ini").stdout(Stdio::null()).stderr(log);
            let mut process = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
            let listens = wait::until(|| match process.try_wait().expect("our child") {
                Some(_) => Some(false),
                None => TcpStream::connect((self.host(), port)).is_ok().then_some(true),
            });
            match listens {
                Some(true) => {
                    let password = self.password().into();
                    return Pooler { process, port, password, _keeper: keeper, directory };
                }
                // Somebody was quicker with that port.
                Some(false) => {}
                None => panic!("the pooler does not listen after {PATIENCE:?}"),
            }
        }
        let log = fs::read_to_string(directory.path().join("log")).unwrap_or_default();
        panic!("the pooler does not start; its log:\n{log}");
    }
}

/// `DUROXIDE_PGBOUNCER`, Debian's, or what is in the path.
fn program() -> String {
    let named = env::var("DUROXIDE_PGBOUNCER").ok().filter(|named| !named.is_empty());
    let path = env::var_os("PATH").unwrap_or_default();
    let everywhere = || {
        let mut places = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
        places.find_map(|place| Some(place.join("pgbouncer")).filter(|program| program.is_file()))
    };
    named.or_else(|| Some(everywhere()?.to_str()?.to_owned())).unwrap_or_else(|| {
        panic!("no PgBouncer: DUROXIDE_PGBOUNCER names the program; tests/run unpacks one")
    })
}

impl Pooler {
    /// URL of a database for the superuser, with the password.
    pub fn url(&self, database: &str) -> String {
        self.url_as(SUPERUSER, &self.password, database)
    }

    /// The same for somebody else.
    pub fn url_as(&self, user: &str, password: &str, database: &str) -> String {
        let (user, password, database) = (encode(user), encode(password), encode(database));
        format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Other clients of the superuser's pool of a database, all the time, `per_second` transactions of this script, which
    /// are prepared without a name as the exporter's are, and have its settings: so a pooler has nothing to set between the
    /// two.
    pub fn traffic(&self, database: &str, script: &str, clients: u32, per_second: u32) -> Traffic {
        let file = self.directory.path().join(format!("traffic-{database}.sql"));
        fs::write(&file, script).expect("a script");
        let mut command = programs::client("pgbench", self.directory.path());
        command
            .args(["-n", "-M", "extended", "-T", "2", "-h", "127.0.0.1", "-U", SUPERUSER, "-p"])
            .arg(self.port.to_string())
            .args(["-c", &clients.to_string(), "-R", &per_second.to_string(), "-f"])
            .arg(&file)
            .arg(database)
            .env("PGPASSWORD", &*self.password)
            .env("PGAPPNAME", "duroxide-exporter")
            .env("PGCLIENTENCODING", "UTF8")
            .env("PGDATESTYLE", "ISO, MDY")
            .env("PGTZ", "UTC");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut done = 0;
            while !stopped.load(Ordering::SeqCst) {
                let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                let count = text
                    .lines()
                    .find_map(|line| line.strip_prefix("number of transactions actually processed: "));
                match count.and_then(|count| count.parse::<u64>().ok()) {
                    Some(count) if output.status.success() => done += count,
                    _ => return Err(text + &String::from_utf8_lossy(&output.stderr)),
                }
            }
            Ok(done)
        });
        Traffic { stop, thread: Some(thread) }
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Clients that are at work until this value ends.
#[derive(Debug)]
pub struct Traffic {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<u64, String>>>,
}

impl Traffic {
    /// Ends it; answers how many transactions there were. Panics if one failed.
    pub fn end(mut self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        let ended = self.thread.take().expect("not ended before").join().expect("no panic");
        ended.unwrap_or_else(|error| panic!("another client failed: {error}"))
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        // It ends within seconds.
        self.stop.store(true, Ordering::SeqCst);
    }
}
