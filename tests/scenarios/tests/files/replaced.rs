//! The file is exchanged while the exporter runs: renamed over, deleted, created again. No restart is needed, and
//! nothing frozen looks fresh.

use std::fs;

use scenarios::{
    compare::{self, Exporter},
    disk,
    exporter::{POLL_INTERVAL, Running, STORE},
    files::Scratch,
    recount,
    scrape::wait_for,
    sql,
    target::up,
    workload,
};

use crate::{assert_copy, assert_live, past, value};

#[tokio::test(flavor = "multi_thread")]
async fn another_copy_renamed_into_place_is_read_at_the_next_poll() {
    let scratch = Scratch::new();
    let (a, b, path) = (scratch.file("a.db"), scratch.file("b.db"), scratch.file("store.db"));
    let (_provider_a, newest_a) = past::create(&a).await;
    let (_provider_b, newest_b) = past::create(&b).await;
    sql::execute(&b, "INSERT INTO instances (instance_id, orchestration_name, orchestration_version) VALUES ('b', 'B', '2')")
        .await;
    let url = format!("sqlite:{}", path.display());
    disk::copy_at_rest(&a, &path).await;
    let exporter = Running::with(&url, |exporter| exporter.poll_interval(POLL_INTERVAL)).await;
    let of_a = exporter.fresh_scrape().await;
    assert_copy("the first", &a, newest_a, &of_a, Exporter::Fresh).await;

    disk::copy_at_rest(&b, &scratch.file("next.db")).await;
    fs::rename(scratch.file("next.db"), &path).unwrap();
    let of_b = exporter.fresh_scrape().await;
    assert_copy("the second", &b, newest_b, &of_b, Exporter::Seasoned).await;

    fs::remove_file(&path).unwrap();
    let down = exporter.target().down().await;
    assert_eq!(down.reason, "unavailable", "{down:?}");
    let gone = exporter.scrape().await;
    assert_copy("the last good numbers", &b, newest_b, &gone, Exporter::Seasoned).await;
    let age = |series| value(series, "duroxide_snapshot_age_seconds");
    let later = exporter.target().polled().await;
    assert!(age(&later) > age(&gone), "the age does not grow: {}, then {}", age(&gone), age(&later));

    disk::copy_at_rest(&a, &scratch.file("next.db")).await;
    fs::rename(scratch.file("next.db"), &path).unwrap();
    let back = exporter.fresh_scrape().await;
    assert_copy("the first again", &a, newest_a, &back, Exporter::Seasoned).await;
    assert!(age(&back) < age(&later), "fresh numbers have a small age: {}", age(&back));
    exporter.stop().await;
}

/// A new deployment starts with a new store at the old place, after the old runtime has gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_live_store_in_the_place_of_another_is_read_at_the_next_poll() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let (old, _) = past::create(&path).await;
    let url = format!("sqlite:{}", path.display());
    let exporter = Running::with(&url, |exporter| exporter.poll_interval(POLL_INTERVAL)).await;
    assert_live("the old store", &path, async || exporter.fresh_scrape().await).await;

    drop(old);
    for suffix in disk::LIVE {
        fs::rename(disk::part(&path, suffix), disk::part(&scratch.file("old.db"), suffix)).ok();
    }
    wait_for("the old store to be gone", async || (up(&exporter.scrape().await) == 0.0).then_some(())).await;
    let new = workload::open(&path).await;
    workload::queue_without_runtime(new.clone()).await;
    // Everything of the old one is gone but the names, which are zero.
    let before = recount::recount(&path, STORE).await.unwrap();
    let told = exporter.fresh_scrape().await;
    let after = recount::recount(&path, STORE).await.unwrap();
    let report = compare::differences(&before, &after, &told, Exporter::Seasoned);
    assert!(report.is_empty(), "the new store's numbers are wrong:\n{report}");
    exporter.stop().await;
}
