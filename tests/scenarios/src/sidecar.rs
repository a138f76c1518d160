//! The exporter as a process of its own: the real command line, also as a user who may write nothing.

use std::{
    ffi::OsString,
    fs,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use tempfile::TempDir;

use crate::{disk, exporter::STORE, scrape::PATIENCE, target::Target};

/// The user and group that own nothing, everywhere.
const NOBODY: u32 = 65534;

/// Where the program is, and as whom it runs.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    /// A directory of its own: the build's may be closed to others.
    _copy: Option<TempDir>,
    uid: Option<u32>,
    /// For its temporary files; empty at the start.
    temporary: TempDir,
}

/// A running exporter; killed when the test ends, however it ends.
#[derive(Debug)]
pub struct Sidecar {
    child: Child,
    target: Target,
    log: Arc<Mutex<String>>,
}

impl Program {
    /// The program as the user of the tests. `built` is what Cargo built; `DUROXIDE_EXPORTER_BIN` names another.
    pub fn new(built: &str) -> Self {
        let path = std::env::var_os("DUROXIDE_EXPORTER_BIN").unwrap_or_else(|| OsString::from(built));
        Self {
            path: path.into(),
            _copy: None,
            uid: None,
            temporary: tempfile::tempdir().expect("a directory"),
        }
    }

    /// The program as a user who may read and not write what others made. Without root there is no other user:
    /// then directories must be closed to ourselves.
    pub fn unprivileged(built: &str) -> Self {
        let mut program = Self::new(built);
        if disk::is_root() {
            let directory = tempfile::tempdir().expect("a directory");
            disk::chmod(directory.path(), 0o755);
            let copy = directory.path().join("duroxide-exporter");
            fs::copy(&program.path, &copy).expect("a copy of the program");
            program.path = copy;
            program._copy = Some(directory);
            program.uid = Some(NOBODY);
            std::os::unix::fs::chown(program.temporary.path(), Some(NOBODY), Some(NOBODY)).expect("chown");
        }
        program
    }

    /// The directory for its temporary files.
    pub fn temporary(&self) -> &Path {
        self.temporary.path()
    }

    /// Runs `serve` over the store at `url` until it listens.
    pub fn serve(&self, url: &str) -> Sidecar {
        self.serve_in(&[], url, &[])
    }

    /// The same, under a command that ends in executing its arguments, and with flags.
    pub fn serve_in(&self, wrapper: &[&str], url: &str, flags: &[&str]) -> Sidecar {
        let mut command = self.command(wrapper);
        command.arg("serve").arg("--store").arg(format!("{STORE}={url}"));
        command.args(["--web.listen-address", "127.0.0.1:0"]).args(flags);
        if !flags.contains(&"--poll-interval") {
            command.args(["--poll-interval", "100ms"]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let log = Arc::new(Mutex::new(String::new()));
        let address = read_log(&mut child, Arc::clone(&log));
        let Ok(address) = address.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("the exporter does not listen; its log:\n{}", log.lock().unwrap());
        };
        Sidecar { child, target: Target(address), log }
    }

    /// Runs `serve` over a store, which must refuse to start; what it wrote.
    pub fn refuses(&self, url: &str, flags: &[&str]) -> String {
        let mut command = self.command(&["timeout", "--signal=KILL", "30"]);
        command.arg("serve").arg("--store").arg(format!("{STORE}={url}"));
        command.args(["--web.listen-address", "127.0.0.1:0"]).args(flags);
        let output = command.stdin(Stdio::null()).output().expect("the exporter runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "it did not refuse: {said}");
        said
    }

    /// Runs `check` over the store at `url`.
    pub fn check(&self, url: &str) -> Output {
        self.check_with(url, &[])
    }

    /// The same with flags.
    pub fn check_with(&self, url: &str, flags: &[String]) -> Output {
        let mut command = self.command(&[]);
        command.arg("check").arg("--store").arg(format!("{STORE}={url}")).args(flags);
        command.output().expect("the exporter runs")
    }

    fn command(&self, wrapper: &[&str]) -> Command {
        let mut words = wrapper.iter().map(OsString::from).chain([self.path.clone().into_os_string()]);
        let mut command = Command::new(words.next().expect("the program itself"));
        command.args(words).env("TMPDIR", self.temporary.path()).current_dir("/");
        for (name, _) in std::env::vars_os().filter(|(name, _)| {
            ["DUROXIDE_", "OTEL_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix))
        }) {
            command.env_remove(name);
        }
        if let Some(uid) = self.uid {
            command.uid(uid).gid(uid);
        }
        command
    }
}

/// Keeps the log, and sends the address out of it once it is there.
fn read_log(child: &mut Child, log: Arc<Mutex<String>>) -> mpsc::Receiver<std::net::SocketAddr> {
    let (send, receive) = mpsc::channel();
    let stderr = BufReader::new(child.stderr.take().expect("standard error"));
    std::thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            let address =
                line.split_once("listening on http://").and_then(|(_, rest)| rest.split_once("/metrics"));
            if let Some((address, _)) = address {
                let _ = send.send(address.parse().expect("an address"));
            }
            let mut log = log.lock().unwrap();
            log.push_str(&line);
            log.push('\n');
        }
    });
    receive
}

impl Sidecar {
    /// Where it is scraped.
    pub fn target(&self) -> Target {
        self.target
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The most memory it ever used, in bytes, without the pages of files: most are of the program, which is several times
    /// as large unoptimised, and the kernel takes them back where memory is short.
    pub fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("its status");
        let kib = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect(name);
            line.trim().trim_end_matches(" kB").parse().expect("a number")
        };
        (kib("VmHWM:") - kib("RssFile:")) * 1024
    }

    /// Bytes that it has read so far, from wherever.
    pub fn bytes_read(&self) -> u64 {
        let io = fs::read_to_string(format!("/proc/{}/io", self.child.id())).expect("what it read");
        let line = io.lines().find_map(|line| line.strip_prefix("rchar: ")).expect("a line");
        line.parse().expect("a number")
    }

    /// SIGTERM, as a service manager does; how it ended.
    pub fn terminate(mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        let killed = Command::new("kill").args(["-TERM", &id]).status().expect("kill");
        assert!(killed.success(), "kill -TERM {id}");
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("our child") {
                return status;
            }
            assert!(std::time::Instant::now() < deadline, "it does not stop; its log:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
