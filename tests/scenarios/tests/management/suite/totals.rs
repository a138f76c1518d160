//! Numbers of the whole store.

use std::time::Duration;

use duroxide_exporter::{Capability, QueueDepths};
use scenarios::{
    recount::{self, Message, Rules},
    scrape::wait_for,
};

use crate::subject::{Reading, Subject, assert_unsupported};

/// A standby that shows what its primary shows is not older.
const LEVEL: Duration = Duration::from_secs(3);

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

/// The framework's numbers. On SQLite: rows without a token, whenever they are due. On Postgres: rows that are due and
/// that nobody holds, also behind a locked instance.
fn of_the_framework(subject: &Subject, now_ms: i64) -> QueueDepths {
    let free = |row: &&Message| match subject.truth.queues.rules {
        Rules::Sqlite => row.lock_token.is_none(),
        Rules::Postgres => {
            let due = row.visible_at.is_some_and(|at| at <= now_ms);
            due && (row.lock_token.is_none() || row.locked_until.is_some_and(|until| until <= now_ms))
        }
    };
    let count = |rows: &[Message]| u64::try_from(rows.iter().filter(free).count()).unwrap();
    let queues = &subject.truth.queues;
    QueueDepths {
        orchestrator_queue: count(&queues.orchestrator),
        worker_queue: count(&queues.worker),
        timer_queue: None,
    }
}

pub(crate) async fn depths_are_what_would_be_handed_out(subject: &Subject) {
    if !subject.has(Capability::QueueDepths) {
        assert_unsupported("get_queue_depths", subject.api.get_queue_depths().await);
        return;
    }
    if !subject.has(Capability::ExactQueueDepths) {
        let (said, wanted) = wait_for("the same before and after", async || {
            let before = of_the_framework(subject, recount::now_ms());
            let said = subject.api.get_queue_depths().await.unwrap();
            (before == of_the_framework(subject, recount::now_ms())).then_some((said, before))
        })
        .await;
        assert_eq!(said, wanted);
        return;
    }
    // Leases run out while we look.
    let (said, wanted) = wait_for("the same before and after", async || {
        let now = |wall: i64| match subject.reading {
            Reading::Live | Reading::Standby => wall,
            Reading::Copy => subject.truth.newest_ms.unwrap(),
        };
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
    match subject.reading {
        Reading::Live => return assert_eq!(age, None),
        // Nothing is missing in it, however long ago the last change was.
        Reading::Standby => return assert!(age.expect("a standby has an age") < LEVEL, "{age:?}"),
        Reading::Copy => {}
    }
    let newest = subject.truth.newest_ms.unwrap();
    let age = i64::try_from(age.expect("a copy has an age").as_millis()).unwrap();
    assert!((before - newest..=after - newest).contains(&age), "{age} ms, but the newest row is of {newest}");
}
