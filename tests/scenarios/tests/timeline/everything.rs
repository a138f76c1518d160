//! Every execution of the workload that brings about all there is, compared with counts and columns of the store.

use std::collections::BTreeMap;

use duroxide_exporter::{ExecutionStatus, FailureKind, TimelineKind, TimelineOutcome};
use scenarios::{files::Scratch, sql, workload};
use sqlx::Row as _;

use crate::timeline;

/// Types that begin an entry, and of what kind.
const BEGINS: [(&str, TimelineKind); 12] = [
    ("ActivityScheduled", TimelineKind::Activity),
    ("TimerCreated", TimelineKind::Timer),
    ("ExternalSubscribed", TimelineKind::Event),
    ("ExternalSubscribedPersistent", TimelineKind::QueueEvent),
    ("SubOrchestrationScheduled", TimelineKind::Child),
    ("OrchestrationChained", TimelineKind::Detached),
    ("OrchestrationCancelRequested", TimelineKind::CancelRequested),
    ("CustomStatusUpdated", TimelineKind::CustomStatus),
    ("KeyValueSet", TimelineKind::KeyValue),
    ("KeyValueCleared", TimelineKind::KeyValue),
    ("KeyValuesCleared", TimelineKind::KeyValue),
    ("OrchestrationContinuedAsNew", TimelineKind::ContinueAsNew),
];

/// How the workload's failures came about.
const FAILURES: [(&str, FailureKind); 9] = [
    ("fails", FailureKind::Application),
    ("failing-activity", FailureKind::Application),
    ("panicking-activity", FailureKind::Application),
    ("panics", FailureKind::Panicked),
    ("nondeterministic", FailureKind::Nondeterminism),
    ("unknown-orchestration", FailureKind::Poison),
    ("unknown-activity", FailureKind::Poison),
    ("tree", FailureKind::Cancelled),
    ("tree::sub::2", FailureKind::Cancelled),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_execution_has_a_timeline_that_agrees_with_the_store() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let store = workload::open(&path).await;
    let runtime = workload::start_runtime(store.clone()).await;
    workload::run(store.clone(), &path).await;
    runtime.shutdown(Some(0)).await;

    let mut connection = sql::connect(&path).await;
    let executions = sqlx::query(
        "SELECT instance_id, execution_id, status, completed_at FROM executions
         WHERE instance_id IN (SELECT instance_id FROM instances)",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert!(executions.len() > 25, "{}", executions.len());
    let mut failures = BTreeMap::new();
    for row in executions {
        let (instance, execution): (String, i64) = (row.get("instance_id"), row.get("execution_id"));
        let timeline = timeline(&path, &instance, u64::try_from(execution).unwrap()).await;
        let context = format!("{instance} #{execution}: {timeline:#?}");

        assert_eq!(timeline.status, ExecutionStatus::from_framework(row.get("status")), "{context}");
        let completed_at: Option<i64> = row.get("completed_at");
        assert_eq!(timeline.ended_at.is_some(), completed_at.is_some(), "{context}");
        if let (Some(ended), Some(completed)) = (timeline.ended_at, completed_at) {
            let later = completed - ended.unix_millis();
            assert!((0..5_000).contains(&later), "committed {later} ms after its end: {context}");
        }
        failures.insert(instance.clone(), timeline.failure_kind);

        for (kind, entries) in counts(&mut connection, &instance, execution).await {
            let found = timeline.entries.iter().filter(|entry| entry.kind == kind).count();
            assert_eq!(found, entries, "{kind:?} in {context}");
        }
        let open = timeline.entries.iter().any(|entry| entry.outcome == TimelineOutcome::Open);
        assert!(!open || timeline.status == ExecutionStatus::Running, "{context}");
    }
    for (instance, kind) in FAILURES {
        assert_eq!(failures.get(instance), Some(&Some(kind)), "{instance}");
    }
    let failed: Vec<_> =
        failures.iter().filter(|(_, kind)| kind.is_some()).map(|(id, _)| id.as_str()).collect();
    let of_others = |id: &&&str| !FAILURES.iter().any(|(known, _)| *known == **id);
    // Children: the failing one of `parent`, and the loser of `losers`.
    assert_eq!(failed.iter().filter(of_others).count(), 2, "{failed:?}");
}

/// How many entries of each kind there must be.
async fn counts(
    connection: &mut sqlx::SqliteConnection,
    instance: &str,
    execution: i64,
) -> Vec<(TimelineKind, usize)> {
    let mut kinds: Vec<(TimelineKind, usize)> = Vec::new();
    for (event_type, kind) in BEGINS {
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM history WHERE instance_id = ? AND execution_id = ? AND event_data ->> 'type' = ?
             AND coalesce(event_data ->> 'name', '') NOT LIKE '\\_\\_duroxide\\_syscall:%' ESCAPE '\\'",
        )
        .bind(instance)
        .bind(execution)
        .bind(event_type)
        .fetch_one(&mut *connection)
        .await
        .unwrap();
        let count = usize::try_from(count).unwrap();
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, sum)) => *sum += count,
            None => kinds.push((kind, count)),
        }
    }
    kinds
}
