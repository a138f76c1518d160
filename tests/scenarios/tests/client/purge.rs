//! Purging a store at work, and what its last moment leaves behind.

use std::time::Duration;

use duroxide::providers::Provider;
use duroxide_exporter::{PurgeRequest, Timestamp};
use scenarios::{scrape::wait_for, sql};

use crate::{Store, items::child};

/// Everything that has ended by now.
fn everything() -> PurgeRequest {
    PurgeRequest::older_than(Timestamp::from_unix_millis(Timestamp::now().unix_millis() + 1000))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_at_work_is_purged_of_what_has_ended() {
    let store = Store::new().await;
    let _runtime = store.runtime().await;
    for n in 0..60 {
        let orchestration = if n % 3 == 0 { "Parent" } else { "Hello" };
        store.client.start_orchestration(format!("ended-{n}"), orchestration, "x").await.unwrap();
    }
    store.begin("tree", "Tree", "").await;
    store.begun("tree::sub::2").await;
    for n in 0..60 {
        store.end(&format!("ended-{n}")).await.unwrap();
    }
    // The runtime goes on writing: the deletions find the store locked now and then.
    for n in 0..150 {
        store.client.start_orchestration(format!("busy-{n}"), "Timer", "60000").await.unwrap();
    }
    let report = store.client.purge_completed(everything()).await.unwrap();
    assert_eq!(report.failures, Vec::<String>::new());
    assert_eq!((report.trees_deleted, report.trees_kept), (60, 0));
    assert_eq!(report.instances.len(), 40 + 20 * 4);
    for n in [0, 149] {
        store.begun(&format!("busy-{n}")).await;
    }
    store.still_works("the purge").await;
    assert_eq!(store.number("SELECT COUNT(*) FROM history WHERE instance_id LIKE 'ended-%'").await, 0);
    assert_eq!(store.number("SELECT COUNT(*) FROM instances WHERE instance_id LIKE 'tree%'").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_was_quicker_only_delays_a_purge() {
    let store = Store::new().await;
    let runtime = store.runtime().await;
    store.begin("done", "Hello", "x").await;
    store.end("done").await.unwrap();
    runtime.shutdown(None).await;
    let mut writer = sql::connect(&store.path).await;
    sql::run(&mut writer, "BEGIN IMMEDIATE; UPDATE instances SET orchestration_version = '1.0.1'").await;
    // The deletion has read before it waits for the lock; what it read is old once the writer commits, and SQLite
    // refuses it at once.
    let (report, ()) = tokio::join!(store.client.purge_completed(everything()), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        sql::run(&mut writer, "COMMIT").await;
    });
    let report = report.unwrap();
    assert_eq!((report.instances, report.failures), (vec!["done".to_owned()], vec![]));
}

/// The rest of the window that the documentation of `ProviderManagement` speaks of.
#[tokio::test(flavor = "multi_thread")]
async fn a_child_whose_parent_was_deleted_before_its_first_turn_is_lost_without_stalling_the_store() {
    let store = Store::new().await;
    let runtime = store.runtime().await;
    store.begin("parent", "Hello", "x").await;
    store.end("parent").await.unwrap();
    runtime.shutdown(None).await;
    store.provider.enqueue_for_orchestrator(child("parent::sub::9", "parent"), None).await.unwrap();
    let report = store.client.purge_completed(everything()).await.unwrap();
    assert_eq!(report.instances, ["parent"], "a start in a queue is nothing one could see");

    let _runtime = store.runtime().await;
    store.still_works("a child without a parent").await;
    wait_for("the child's failure", async || {
        let failed =
            "SELECT COUNT(*) FROM executions WHERE instance_id = 'parent::sub::9' AND status = 'Failed'";
        (store.number(failed).await == 1).then_some(())
    })
    .await;
    assert_eq!(store.number("SELECT COUNT(*) FROM instances WHERE instance_id = 'parent::sub::9'").await, 0);
    assert_eq!(store.number("SELECT COUNT(*) FROM orchestrator_queue").await, 0);
}
