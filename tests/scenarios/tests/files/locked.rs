//! Locks of others: a store in rollback mode locks readers out, which is told; a WAL store never does.

use std::time::{Duration, Instant};

use scenarios::{
    compare::{Exporter, assert_exact},
    disk,
    exporter::{POLL_INTERVAL, Running, STORE},
    files::Scratch,
    recount,
    scrape::wait_for,
    series::key,
    sql,
    target::up,
    workload,
};

use crate::{assert_copy, past};

/// Scrapes take what is there: none waits for the poll that waits for the lock.
const AT_ONCE: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread")]
async fn an_exclusive_lock_is_told_and_holds_up_no_scrape() {
    let scratch = Scratch::new();
    let (original, path) = (scratch.file("original.db"), scratch.file("store.db"));
    let (_provider, newest) = past::create(&original).await;
    disk::copy_at_rest(&original, &path).await;
    let mut writer = sql::connect(&path).await;
    sql::run(&mut writer, "PRAGMA journal_mode = DELETE").await;

    let exporter =
        Running::with(&format!("sqlite:{}", path.display()), |e| e.poll_interval(POLL_INTERVAL)).await;
    let before = exporter.fresh_scrape().await;
    assert_copy("rollback mode, at rest", &original, newest, &before, Exporter::Fresh).await;

    let change = "INSERT INTO sessions (session_id, worker_id, locked_until, last_activity_at) VALUES ('s', 'w', 1, 1)";
    sql::run(&mut writer, &format!("BEGIN EXCLUSIVE; {change}")).await;
    let locked = wait_for("the lock to be noticed", async || {
        let series = exporter.scrape().await;
        (up(&series) == 0.0).then_some(series)
    })
    .await;
    // One that waited for a poll would take as long as it; on a busy machine any one may take long.
    let failures = key("duroxide_poll_failures_total", &[("store", STORE), ("reason", "locked")]);
    let (first, mut slow) = (locked[&failures], 0.0);
    let polls = loop {
        let began = Instant::now();
        let polls = exporter.scrape().await[&failures] - first;
        slow += f64::from(u8::from(began.elapsed() > AT_ONCE));
        if polls >= 3.0 {
            break polls;
        }
    };
    assert!(
        slow * 2.0 < polls,
        "{slow} scrapes took longer than {AT_ONCE:?} beside {polls} polls of a locked store"
    );
    let down = exporter.target().health().await.expect_err("the store is down");
    assert_eq!(down.reason, "locked", "{down:?}");
    assert!(down.message.contains("keeps readers out"), "{down:?}");
    assert_copy("the last good numbers", &original, newest, &locked, Exporter::Fresh).await;

    sql::run(&mut writer, "COMMIT").await;
    wait_for("a good poll after the commit", async || (up(&exporter.scrape().await) == 1.0).then_some(()))
        .await;
    let after = exporter.scrape().await;
    let sessions = scenarios::series::key("duroxide_sessions", &[("store", "t"), ("state", "expired")]);
    assert_eq!(after[&sessions], before[&sessions] + 1.0, "what was committed");
    exporter.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_of_a_wal_store_locks_nobody_out() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let store = workload::open(&path).await;
    workload::queue_without_runtime(store.clone()).await;
    let exporter = Running::start(&path).await;
    let mut writer = sql::connect(&path).await;
    sql::run(&mut writer, "BEGIN IMMEDIATE; DELETE FROM orchestrator_queue").await;
    for _ in 0..3 {
        let polled = assert_exact(&path, &exporter, Exporter::Fresh).await;
        assert!(polled.values().sum::<f64>() > 0.0);
    }
    assert!(!recount::raw(&path).await.unwrap().orchestrator.is_empty(), "nothing is committed yet");
    sql::run(&mut writer, "COMMIT").await;
    let after = assert_exact(&path, &exporter, Exporter::Fresh).await;
    let failed: f64 =
        after.iter().filter(|(key, _)| key.starts_with("duroxide_poll_failures_total")).map(|(_, n)| n).sum();
    assert_eq!(failed, 0.0, "polls failed while a writer was at work");
    exporter.stop().await;
}
