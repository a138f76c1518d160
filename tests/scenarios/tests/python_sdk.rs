//! A store written by another language's SDK holds the same truth.
//!
//! Needs a Python with the `duroxide` package, named by `DUROXIDE_PYTHON`, and one with an old version of it, named by
//! `DUROXIDE_OLD_PYTHON`; `tests/run` makes both.

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
    sql,
};

#[tokio::test(flavor = "multi_thread")]
async fn every_number_is_exact_for_a_store_written_by_python() {
    let Some(python) = python("DUROXIDE_PYTHON") else { return };
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    write_store(&python, &path, "");

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

#[tokio::test(flavor = "multi_thread")]
async fn every_number_is_exact_while_a_newer_sdk_migrates_the_store_of_an_old_one() {
    let (Some(old), Some(new)) = (python("DUROXIDE_OLD_PYTHON"), python("DUROXIDE_PYTHON")) else { return };
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    write_store(&old, &path, "");
    sql::execute(&path, NAMELESS_FAILURES).await;
    let exporter = Running::start(&path).await;
    let before = assert_exact(&path, &exporter, Exporter::Fresh).await;

    for (python, prefix) in [(old, "old-"), (new, "new-")] {
        let store = path.clone();
        let writer = tokio::task::spawn_blocking(move || write_store(&python, &store, prefix));
        writer.await.unwrap();
        assert_exact(&path, &exporter, Exporter::Seasoned).await;
    }
    let after = exporter.fresh_scrape().await;
    exporter.stop().await;
    // Each of them did its part.
    let failed = [("orchestration", "Fails"), ("version", "1.0.0"), ("status", "failed"), ("store", STORE)];
    let failed = key("duroxide_instances", &failed);
    assert_eq!([&before, &after].map(|series| series.get(&failed).copied()), [Some(1.0), Some(3.0)]);
}

/// The SDKs before the oldest that comes compiled wrote failures that do not say whose they are.
const NAMELESS_FAILURES: &str =
    "CREATE TRIGGER nameless AFTER INSERT ON history WHEN NEW.event_type = 'OrchestrationFailed' BEGIN
       UPDATE history SET event_data = json_set(event_data, '$.instance_id', '', '$.execution_id', 0)
         WHERE instance_id = NEW.instance_id AND execution_id = NEW.execution_id AND event_id = NEW.event_id;
     END";

/// `None` when the test is switched off; a missing interpreter must not look like a success.
fn python(variable: &str) -> Option<PathBuf> {
    let python = std::env::var_os(variable).map(PathBuf::from);
    let skip = std::env::var_os("DUROXIDE_SKIP_PYTHON").is_some_and(|value| value == "1");
    assert!(
        python.is_some() || skip,
        "{variable} names no Python with the duroxide package. `tests/run` makes one and sets it; \
         DUROXIDE_SKIP_PYTHON=1 leaves this test out."
    );
    python.filter(|_| !skip)
}

fn write_store(python: &Path, store: &Path, prefix: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/store.py");
    let output = Command::new(python)
        .arg(script)
        .arg(store)
        .arg(prefix)
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
