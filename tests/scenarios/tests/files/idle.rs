//! Between two polls nothing is held: whoever owns the store can do with it what they could without us.

use std::fs;

use scenarios::{
    disk,
    exporter::STORE,
    files::Scratch,
    scrape::wait_for,
    series::{Series, key},
    sidecar::Program,
    sql,
    target::up,
    workload,
};
use sqlx::{Connection as _, Row as _};

use crate::value;

const BUILT: &str = env!("CARGO_BIN_EXE_sidecar");

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_that_ends_folds_its_wal_in() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let provider = workload::open(&path).await;
    workload::queue_without_runtime(provider.clone()).await;
    let program = Program::new(BUILT);
    // Polled before and not again before the test is over: what is looked at is the time between two polls.
    let exporter = program.serve_in(&[], &format!("sqlite:{}", path.display()), &["--poll-interval", "1h"]);
    wait_for("the first poll", async || (up(&exporter.target().scrape().await) == 1.0).then_some(())).await;

    provider.get_pool().close().await;
    assert!(!disk::part(&path, "-wal").exists(), "the last connection to close did not fold the -wal in");
    assert!(fs::metadata(&path).unwrap().len() > 4096, "the store's content is not in its main file");
    let mut owner = sql::connect(&path).await;
    let mode = sqlx::query("PRAGMA journal_mode = DELETE").fetch_one(&mut owner).await.unwrap();
    assert_eq!(mode.get::<String, _>(0), "delete", "the owner cannot change the journal mode");
    owner.close().await.unwrap();
    assert!(exporter.terminate().success());
}

/// The application is stopped on a backlog: exactly then nobody may believe that nothing waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_seen_live_stays_live_when_its_runtime_ends() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let provider = workload::open(&path).await;
    workload::queue_without_runtime(provider.clone()).await;
    let program = Program::new(BUILT);
    let exporter = program.serve(&format!("sqlite:{}", path.display()));
    let target = exporter.target();
    target.fresh_scrape().await;

    // Nothing happens in it for a minute, then its runtime ends cleanly.
    sql::execute(&path, "UPDATE orchestrator_queue SET visible_at = visible_at - 60000, created_at = datetime(created_at, '-60 seconds')").await;
    provider.get_pool().close().await;
    // No recount here: whoever opens the file leaves a -wal beside it, and it would look live again.
    let age = |series: &Series| {
        let labels = [("store", STORE), ("queue", "orchestrator")];
        series[&key("duroxide_queue_oldest_ready_age_seconds", &labels)]
    };
    let told = target.fresh_scrape().await;
    let later = target.fresh_scrape().await;
    assert!(!disk::part(&path, "-wal").exists(), "the runtime did not leave the file alone");
    assert_eq!(value(&told, "duroxide_store_replica"), 0.0, "read as a copy");
    assert!(age(&told) >= 60.0, "what waits is a minute old, not {} s", age(&told));
    assert!(age(&later) > age(&told), "the age stands still at {} s", age(&told));
    assert!(exporter.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_poll_interval_does_not_keep_the_process() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let _provider = workload::open(&path).await;
    let program = Program::new(BUILT);
    let exporter = program.serve_in(&[], &format!("sqlite:{}", path.display()), &["--poll-interval", "1h"]);
    // Patience is far shorter than the interval.
    assert!(exporter.terminate().success());
}
