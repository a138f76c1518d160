//! Numbers of the whole store.

use duroxide_exporter::{Capability, QueueDepths};
use scenarios::{recount, scrape::wait_for};

use crate::subject::{Subject, assert_unsupported};

pub(crate) async fn metrics_count_the_rows(subject: &Subject) {
    let metrics = subject.api.get_metrics().await;
    if !subject.has(Capability::Metrics) {
        assert_unsupported("get_metrics", metrics);
        return;
    }
    let mut wanted = subject.truth.metrics();
    let metrics = metrics.unwrap();
    if metrics.total_events.is_none() {
        wanted.total_events = None;
    }
    if !subject.tolerant {
        // The framework counts executions whose instance is gone; and whatever has neither completed nor failed,
        // runs: also what a fault left without a status.
        wanted.total_executions = u64::try_from(subject.truth.executions.len()).unwrap();
        wanted.running_instances =
            wanted.total_instances - wanted.completed_instances - wanted.failed_instances;
    }
    assert_eq!(metrics, wanted);
}

pub(crate) async fn depths_are_what_would_be_handed_out(subject: &Subject) {
    if !subject.has(Capability::QueueDepths) {
        assert_unsupported("get_queue_depths", subject.api.get_queue_depths().await);
        return;
    }
    if !subject.has(Capability::ExactQueueDepths) {
        // The framework's numbers: rows without a token, whenever they are due.
        let free = |rows: &[recount::Message]| {
            u64::try_from(rows.iter().filter(|row| row.lock_token.is_none()).count()).unwrap()
        };
        let queues = &subject.truth.queues;
        let wanted = QueueDepths {
            orchestrator_queue: free(&queues.orchestrator),
            worker_queue: free(&queues.worker),
            timer_queue: None,
        };
        assert_eq!(subject.api.get_queue_depths().await.unwrap(), wanted);
        return;
    }
    // Leases run out while we look.
    let (said, wanted) = wait_for("the same before and after", async || {
        let now = |wall: i64| if subject.replica { subject.truth.newest_ms.unwrap() } else { wall };
        let before = subject.truth.depths(now(recount::now_ms()));
        let said = subject.api.get_queue_depths().await.unwrap();
        (before == subject.truth.depths(now(recount::now_ms()))).then_some((said, before))
    })
    .await;
    assert_eq!(said, wanted);
    assert!(said.orchestrator_queue > 0 && said.worker_queue > 0 && said.timer_queue > Some(0), "{said:?}");
}

pub(crate) async fn only_a_copy_has_an_age(subject: &Subject) {
    let before = recount::now_ms();
    let age = subject.api.data_age().await.unwrap();
    let after = recount::now_ms();
    if !subject.replica {
        assert_eq!(age, None);
        return;
    }
    let newest = subject.truth.newest_ms.unwrap();
    let age = i64::try_from(age.expect("a copy has an age").as_millis()).unwrap();
    assert!((before - newest..=after - newest).contains(&age), "{age} ms, but the newest row is of {newest}");
}
