//! A store written by another language's SDK holds the same truth.
//!
//! Needs a Python with the `duroxide` package, named by `DUROXIDE_PYTHON`; `tests/run` makes one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail loudly")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use scenarios::{
    compare::{Exporter, assert_exact},
    exporter::{Running, STORE},
    files::Scratch,
    series::key,
};

#[tokio::test(flavor = "multi_thread")]
async fn every_number_is_exact_for_a_store_written_by_python() {
    let Some(python) = python() else { return };
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    write_store(&python, &path);

    let exporter = Running::start(&path).await;
    let left = assert_exact(&path, &exporter, Exporter::Fresh).await;
    exporter.stop().await;
    // The comparison would hold for an empty store, too.
    for (family, labels) in [
        ("duroxide_queue_messages", [("queue", "timer"), ("state", "delayed")].as_slice()),
        ("duroxide_queue_fetchable_messages", &[("queue", "orchestrator")]),
        ("duroxide_queue_enqueued_total", &[("queue", "worker")]),
        ("duroxide_instances", &[("orchestration", "Hello"), ("version", "1.0.0"), ("status", "completed")]),
        ("duroxide_instances", &[("orchestration", "Fails"), ("version", "1.0.0"), ("status", "failed")]),
        ("duroxide_instances", &[("orchestration", "Sleeper"), ("version", "1.0.0"), ("status", "running")]),
    ] {
        let key = key(family, &[labels, &[("store", STORE)]].concat());
        let value = left.get(&key).copied();
        assert!(value > Some(0.0), "{key} is {value:?}: the script did not do its part");
    }
}

/// `None` when the test is switched off; a missing interpreter must not look like a success.
fn python() -> Option<PathBuf> {
    let python = std::env::var_os("DUROXIDE_PYTHON").map(PathBuf::from);
    let skip = std::env::var_os("DUROXIDE_SKIP_PYTHON").is_some_and(|value| value == "1");
    assert!(
        python.is_some() || skip,
        "DUROXIDE_PYTHON names no Python with the duroxide package. `tests/run` makes one and sets it; \
         DUROXIDE_SKIP_PYTHON=1 leaves this test out."
    );
    python.filter(|_| !skip)
}

fn write_store(python: &Path, store: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/store.py");
    let output = Command::new(python)
        .arg(script)
        .arg(store)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("cannot run {}: {error}", python.display()));
    assert!(
        output.status.success(),
        "the script ended with {}:\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
