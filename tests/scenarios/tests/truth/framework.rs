//! The evidence for `docs/reading-metrics.md`: what the framework's own depths say of a store, beside what is true.

use std::time::Duration;

use duroxide::providers::{Provider, TagFilter, WorkItem};
use scenarios::{
    compare::{Exporter, assert_exact},
    exporter::Running,
    files::Scratch,
    scrape::wait_for,
    workload,
};

use crate::of_queue;

#[tokio::test(flavor = "multi_thread")]
async fn the_frameworks_depths_count_what_sleeps_and_miss_what_died() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let store = workload::open(&path).await;
    // Five starts that are scheduled for tomorrow: nothing is late.
    for n in 0..5 {
        let start = WorkItem::StartOrchestration {
            instance: format!("tomorrow-{n}"),
            orchestration: "Hello".to_owned(),
            input: String::new(),
            version: None,
            parent_instance: None,
            parent_id: None,
            parent_execution_id: None,
            execution_id: 1,
        };
        store.enqueue_for_orchestrator(start, Some(Duration::from_secs(86_400))).await.unwrap();
    }
    // Two activities whose worker died.
    for id in 2..4 {
        let activity = WorkItem::ActivityExecute {
            instance: "i".to_owned(),
            execution_id: 1,
            id,
            name: "Greet".to_owned(),
            input: String::new(),
            session_id: None,
            tag: None,
        };
        store.enqueue_for_worker(activity).await.unwrap();
    }
    for _ in 0..2 {
        // Long enough that the second fetch is not handed the first activity again.
        let lease = Duration::from_secs(2);
        store
            .fetch_work_item(lease, Duration::ZERO, None, &TagFilter::Any)
            .await
            .unwrap()
            .expect("an activity");
    }

    let exporter = Running::start(&path).await;
    wait_for("both leases to run out", async || {
        let series = exporter.fresh_scrape().await;
        (of_queue(&series, "duroxide_queue_fetchable_messages", "worker") == 2.0).then_some(())
    })
    .await;
    let ours = assert_exact(&path, &exporter, Exporter::Fresh).await;
    let theirs = store.as_management_capability().unwrap().get_queue_depths().await.unwrap();

    assert_eq!(of_queue(&ours, "duroxide_queue_fetchable_messages", "orchestrator"), 0.0, "nothing is late");
    assert_eq!(theirs.orchestrator_queue, 5, "the framework calls what sleeps until tomorrow a backlog");
    assert_eq!(
        of_queue(&ours, "duroxide_queue_fetchable_messages", "worker"),
        2.0,
        "two wait for another worker"
    );
    assert_eq!(theirs.worker_queue, 0, "the framework does not see them");
    exporter.stop().await;
}
