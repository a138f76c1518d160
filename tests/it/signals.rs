//! What signals do to the real binary.

use std::net::TcpListener;
use std::time::Duration;

use crate::cli::Serving;

#[test]
fn serve_stops_with_0_on_a_signal() {
    for signal in ["TERM", "INT"] {
        let mut serving = Serving::start(&[]);
        let line = serving.wait_for("listening on http://127.0.0.1:");
        for expected in [env!("CARGO_PKG_VERSION"), "a=sqlite:/nowhere/a.db", "5s", "/metrics"] {
            assert!(line.contains(expected), "{line}");
        }
        serving.signal(signal);
        serving.wait_for(&format!("SIG{signal}: stopping"));
        assert_eq!(serving.child.wait().unwrap().code(), Some(0), "{signal}");
        let mut out = String::new();
        std::io::Read::read_to_string(serving.child.stdout.as_mut().unwrap(), &mut out).unwrap();
        assert_eq!(out, "", "log lines are for standard error");
    }
}

/// An exporter whose end is held up by a collector that says nothing, and that collector.
fn held_up(drain: &str) -> (Serving, TcpListener) {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("--otlp.endpoint=http://{}", silent.local_addr().unwrap());
    let mut serving = Serving::start(&[&endpoint, "--otlp.timeout=1d", "--web.drain-timeout", drain]);
    serving.wait_for("metrics are pushed");
    (serving, silent)
}

#[test]
fn signals_that_come_together_are_one() {
    for signals in ["TERM TERM", "TERM INT", "INT TERM TERM"] {
        let (mut serving, _silent) = held_up("2s");
        serving.signal(signals);
        serving.wait_for("INFO duroxide_exporter::cli::serve: stopped");
        assert_eq!(serving.child.wait().unwrap().code(), Some(0), "{signals}");
    }
}

#[test]
fn a_second_signal_later_is_impatience() {
    let (mut serving, _silent) = held_up("1d");
    serving.signal("TERM");
    serving.wait_for("SIGTERM: stopping");
    std::thread::sleep(Duration::from_secs(1));
    // Whoever is impatient asks again.
    while serving.child.try_wait().unwrap().is_none() {
        serving.signal("TERM");
        std::thread::sleep(Duration::from_millis(100));
    }
    serving.wait_for("error: SIGTERM again: stopped at once");
    assert_eq!(serving.child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_hangup_ends_nothing() {
    let mut serving = Serving::start(&[]);
    serving.wait_for("listening on");
    serving.signal("HUP HUP");
    serving.wait_for("SIGHUP: ignored");
    serving.signal("HUP TERM");
    serving.wait_for("SIGTERM: stopping");
    assert_eq!(serving.child.wait().unwrap().code(), Some(0));
}
