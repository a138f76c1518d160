//! The examples, run as whoever tries them runs them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail loudly")]

use std::{path::Path, process::Command};

/// What an example prints. Cargo builds examples with the tests, beside them, and tells nobody where.
fn output(name: &str) -> String {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(Path::parent).unwrap().join("examples").join(name);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(format!("{name}.rs"));
    let age = |path: &Path| path.metadata().and_then(|about| about.modified());
    let built = age(&program).unwrap_or_else(|error| {
        panic!("{}: {error}; build it with: cargo build -p scenarios --examples", program.display())
    });
    assert!(
        built >= age(&source).unwrap(),
        "{name} is older than its source; build it with: cargo build -p scenarios --examples"
    );
    // The framework logs to the same place.
    let run = Command::new(program).env("RUST_LOG", "off").output().unwrap();
    let text = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success(), "{name}: {}\n{text}\n{}", run.status, String::from_utf8_lossy(&run.stderr));
    text
}

#[test]
fn both_roles() {
    let expected = "hello-Grace: Hello, Grace! with 4 events\n\
        hello-Ada: Hello, Ada! with 4 events\n\
        purged 2 trees, 0 instances left\n";
    // Both may have begun within the same second, which is as exactly as the framework's provider sorts.
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&output("both_roles")), sorted(expected));
}

#[test]
fn client_only() {
    let expected = "cancel: Instance order-0 not found\n\
        Ok(\"order-1: approved\")\n\
        list: management API not configured: make the client with Client::with_management\n";
    assert_eq!(output("client_only"), expected);
}

#[test]
fn custom_management() {
    let expected = "by customer: {\"acme\": 2, \"initech\": 1}\n\
        instances: 3\n\
        depths: get_queue_depths is not supported by this backend\n";
    assert_eq!(output("custom_management"), expected);
}

#[test]
fn replica() {
    let text = output("replica");
    assert!(text.starts_with("primary: Completed { output: \"paper\""), "{text}");
    assert!(text.ends_with("replica: [\"before\"]\nreplica: instance \"after\" not found\n"), "{text}");
}
