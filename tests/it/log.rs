//! A log that nothing reads, or that cannot be written, with the real binary: polls, scrapes and the end go on without it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, PipeReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::liveness::{get, value};

/// Nothing here takes a tenth of it; only a defect does.
const PATIENCE: Duration = Duration::from_secs(60);
const POLLS: &str = r#"duroxide_polls_total{store="a"}"#;
const DROPPED: &str = "duroxide_exporter_log_dropped_lines_total";

/// A running `serve` whose log goes somewhere. Ended when dropped.
struct Serving {
    child: Child,
    address: SocketAddr,
}

impl Serving {
    fn start(level: &str, address: SocketAddr, log: impl Into<Stdio>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_duroxide-exporter"));
        command.args([
            "serve",
            "--store=a=sqlite:/nowhere/a.db",
            "--poll-interval=100ms",
            "--log.level",
            level,
        ]);
        command.arg(format!("--web.listen-address={address}"));
        let child =
            command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Self { child, address }
    }

    fn eventually<T>(&self, what: &str, find: impl Fn() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = find() {
                return found;
            }
            assert!(Instant::now() < deadline, "never: {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn listens(&self) {
        self.eventually("it listens", || TcpStream::connect(self.address).ok());
    }

    fn number(&self, series: &str) -> f64 {
        value(&get(self.address, "/metrics").1, series).unwrap_or_else(|| panic!("no {series}"))
    }

    fn polls_go_on(&self) {
        let before = self.number(POLLS);
        self.eventually("three more polls", || (self.number(POLLS) >= before + 3.0).then_some(()));
        assert_eq!(get(self.address, "/livez"), (200, "ok\n".to_owned()));
    }

    fn ends(mut self, code: i32) {
        let status = self.eventually_ended();
        assert_eq!(status.code(), Some(code));
    }

    fn eventually_ended(&mut self) -> std::process::ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn terminate(&self) {
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Asks for so many pages on one connection, each of which the log tells at level debug.
    fn ask(&self, times: usize) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut answer = [0; 4096];
        for _ in 0..times {
            stream.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            assert!(stream.read(&mut answer).unwrap() > 0);
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The two ends of a pipe that takes nothing more until it is read.
fn full_pipe() -> (PipeReader, Stdio) {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut filling = writer.try_clone().unwrap();
    let (written, count) = std::sync::mpsc::channel();
    // The last write waits for a reader, and is the last.
    std::thread::spawn(move || while filling.write_all(b".").is_ok() && written.send(()).is_ok() {});
    while count.recv_timeout(Duration::from_millis(500)).is_ok() {}
    (reader, writer.into())
}

#[test]
fn a_log_that_nothing_reads_holds_nothing_up() {
    for level in ["info", "debug"] {
        let (reader, log) = full_pipe();
        let serving = Serving::start(level, free_address(), log);
        serving.listens();
        serving.polls_go_on();
        serving.terminate();
        serving.ends(0);
        drop(reader);
    }
}

#[test]
fn a_start_that_fails_ends_although_nothing_reads_why() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (reader, log) = full_pipe();
    Serving::start("info", taken.local_addr().unwrap(), log).ends(1);
    drop(reader);
}

#[test]
fn lines_that_find_no_place_are_counted_and_told() {
    let (reader, log) = full_pipe();
    let serving = Serving::start("debug", free_address(), log);
    serving.listens();
    serving.eventually("a line is dropped", || {
        serving.ask(500);
        (serving.number(DROPPED) > 0.0).then_some(())
    });
    let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
    let told = lines.find(|line| line.contains("lines of this log were dropped")).unwrap();
    assert!(told.contains("WARN") && told.contains("lines="), "{told}");
    serving.polls_go_on();
    serving.terminate();
    let rest: Vec<String> = lines.collect();
    assert!(rest.iter().any(|line| line.contains("SIGTERM: stopping")), "{rest:?}");
    assert!(rest.last().unwrap().ends_with("stopped"), "{rest:?}");
    serving.ends(0);
}

#[test]
fn a_log_that_cannot_be_written_is_counted() {
    let (reader, closed) = std::io::pipe().unwrap();
    drop(reader);
    let full = File::options().write(true).open("/dev/full").unwrap();
    for log in [Stdio::from(closed), Stdio::from(full)] {
        let serving = Serving::start("info", free_address(), log);
        serving.listens();
        serving.eventually("lines are lost", || (serving.number(DROPPED) >= 2.0).then_some(()));
        serving.polls_go_on();
        serving.terminate();
        serving.ends(0);
    }
}
