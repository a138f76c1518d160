//! The demo as a newcomer starts it: true numbers appear at the printed URL, and it ends as it should.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// Killed when the test ends, however it ends.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn scrape(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /metrics HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn value(body: &str, series: &str) -> Option<f64> {
    body.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn shows_work_at_the_printed_url_and_ends_with_0_on_sigterm() {
    let mut demo = Demo(demo(&["--web.listen-address", "127.0.0.1:0"]).spawn().unwrap());
    let mut lines = BufReader::new(demo.0.stdout.take().unwrap()).lines().map_while(Result::ok);
    let address = lines
        .find_map(|line| {
            Some(
                line.trim()
                    .strip_prefix("metrics")?
                    .trim()
                    .strip_prefix("http://")?
                    .strip_suffix("/metrics")?
                    .to_owned(),
            )
        })
        .expect("a line with the URL of the metrics");

    let deadline = Instant::now() + PATIENCE;
    loop {
        let body = scrape(&address);
        let up = value(&body, r#"duroxide_up{store="demo"}"#);
        let worked = value(&body, r#"duroxide_queue_dequeued_total{store="demo",queue="worker"}"#);
        if up == Some(1.0) && worked > Some(10.0) {
            break;
        }
        assert!(Instant::now() < deadline, "no activities were worked off:\n{body}");
        std::thread::sleep(Duration::from_millis(100));
    }

    let id = demo.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = demo.0.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < deadline, "it does not stop");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(0));
}

#[test]
fn ends_with_0_after_its_duration() {
    let output = demo(&["--web.listen-address", "127.0.0.1:0", "--duration", "1s"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn says_what_is_wrong() {
    let output = demo(&["--duration", "5"]).output().unwrap();
    assert_eq!(output.status.code(), Some(64));

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = demo(&["--web.listen-address", &address]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains(&address) && error.contains("another --web.listen-address"), "{error}");
}
