//! The demo as a newcomer starts it: true numbers appear at the printed URL, and it ends as it should.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

#[cfg(all(feature = "postgres", feature = "postgres-opt"))]
mod postgres;
mod process;
#[cfg(all(feature = "postgres", feature = "postgres-opt"))]
mod roles;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use process::{Demo, PATIENCE, complaint, demo};

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

/// Waits until the embedded exporter has seen activities come and go.
fn wait_for_work(address: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let body = scrape(address);
        let up = value(&body, r#"duroxide_up{store="demo"}"#);
        let worked = value(&body, r#"duroxide_queue_dequeued_total{store="demo",queue="worker"}"#);
        if up == Some(1.0) && worked > Some(10.0) {
            break;
        }
        assert!(Instant::now() < deadline, "no activities were worked off:\n{body}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn shows_work_at_the_printed_url_and_ends_with_0_on_sigterm() {
    let mut demo = Demo::start(demo(&["--web.listen-address", "127.0.0.1:0"]));
    wait_for_work(&demo.address());
    assert_eq!(demo.stop(), Some(0));
}

#[test]
fn ends_with_0_after_its_duration() {
    for arguments in [["--web.listen-address", "127.0.0.1:0"].as_slice(), &["--without-exporter"]] {
        let output = demo(arguments).args(["--duration", "1s"]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(printed.contains("/metrics"), arguments.len() == 2, "{printed}");
    }
}

#[test]
fn says_what_is_wrong() {
    let (code, error) = complaint(demo(&["--duration", "5"]));
    assert_eq!(code, Some(64), "{error}");

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, error) = complaint(demo(&["--web.listen-address", &address]));
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains(&address) && error.contains("another --web.listen-address"), "{error}");
}

#[test]
fn says_what_is_wrong_with_a_store_without_its_password() {
    let mut both = demo(&["--data-dir", "/nowhere"]);
    both.env("DUROXIDE_DEMO_STORE", "postgres://u:hunter2@h/d");
    for (command, expected) in [
        (both, "exclude each other"),
        (demo(&["--store", "postgres://u:hunter2@h/d?schema=Orders"]), "give schema=orders"),
        (demo(&["--store", "postgres://u:hunter2@h/d?scheme=orders"]), "unknown option"),
        (demo(&["--without-exporter", "--web.listen-address", ":0"]), "cannot be used with"),
    ] {
        let (code, error) = complaint(command);
        assert_eq!(code, Some(64), "{error}");
        assert!(error.contains(expected) && !error.contains("hunter2"), "{error}");
    }

    let mut help = demo(&["--help"]);
    let help = help.env("DUROXIDE_DEMO_STORE", "postgres://u:hunter2@h/d").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("DUROXIDE_DEMO_STORE") && !help.contains("hunter2"), "{help}");
}

#[cfg(not(feature = "postgres"))]
#[test]
fn a_build_without_postgres_says_how_to_get_it() {
    let (code, error) = complaint(demo(&["--store", "postgres://u:hunter2@h/d", "--without-exporter"]));
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("--features postgres") && !error.contains("hunter2"), "{error}");
}

#[cfg(not(feature = "otel"))]
#[test]
fn a_build_without_otlp_says_how_to_get_it() {
    let (code, error) = complaint(demo(&["--otlp.endpoint", "http://127.0.0.1:4317", "--without-exporter"]));
    assert_eq!(code, Some(64), "{error}");
    assert!(error.contains("--features otel"), "{error}");
}

#[cfg(feature = "otel")]
#[test]
fn an_endpoint_that_is_none_is_told() {
    let (code, error) = complaint(demo(&["--otlp.endpoint", "no address", "--without-exporter"]));
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("cannot push to no address by OTLP"), "{error}");
}
