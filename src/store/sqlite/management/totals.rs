//! Totals of the store.

use std::time::Duration;

use super::super::queues;
use super::super::reader::Snapshot;
use super::super::sql;
use super::instances::FROM;
use crate::labels::{FailureReason, InstanceStatus};
use crate::management::{QueueDepths, SystemMetrics};
use crate::store::database::budget::Budget;
use crate::store::database::failure::StoreError;
use crate::store::database::reading::QueryResult;

pub(super) async fn metrics(snapshot: &mut Snapshot, events: Budget) -> QueryResult<SystemMetrics> {
    let mut metrics = SystemMetrics::default();
    let by_status = format!("SELECT e.status, COUNT(*) {FROM} GROUP BY e.status");
    for row in sqlx::query(&by_status).fetch_all(snapshot.connection()).await? {
        let count = sql::count(&row, 1)?;
        metrics.total_instances += count;
        match InstanceStatus::from_framework(sql::text(&row, 0)?.as_deref()) {
            InstanceStatus::Running => metrics.running_instances += count,
            InstanceStatus::Completed => metrics.completed_instances += count,
            InstanceStatus::Failed => metrics.failed_instances += count,
            InstanceStatus::Unknown => {}
        }
    }
    // The framework leaves executions without an instance behind: nobody's, they are not counted.
    metrics.total_executions = count(
        snapshot,
        "SELECT COUNT(*) FROM executions e WHERE EXISTS (SELECT 1 FROM instances i WHERE i.instance_id = e.instance_id)",
    )
    .await?;

    let deadline = snapshot.limit(events.deadline());
    let counted = count(snapshot, "SELECT COUNT(*) FROM history").await;
    snapshot.restore(deadline);
    metrics.total_events = match counted {
        Err(failure) if failure.reason == FailureReason::Timeout => None,
        counted => Some(counted?),
    };
    Ok(metrics)
}

async fn count(snapshot: &mut Snapshot, statement: &str) -> Result<u64, StoreError> {
    Ok(sql::count(&sqlx::query(statement).fetch_one(snapshot.connection()).await?, 0)?)
}

pub(super) async fn depths(snapshot: &mut Snapshot) -> QueryResult<QueueDepths> {
    let now_ms = snapshot.moment().await?.now_ms;
    let schema = snapshot.schema.clone();
    Ok(queues::depths(snapshot.connection(), &schema, now_ms).await?)
}

/// How old a replica's data is.
pub(super) async fn age(snapshot: &mut Snapshot) -> QueryResult<Option<Duration>> {
    let age = snapshot.moment().await?.last_replay_age_ms;
    Ok(age.map(|age| Duration::from_millis(u64::try_from(age).unwrap_or(0))))
}
