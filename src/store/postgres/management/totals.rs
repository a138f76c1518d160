//! Totals of the store.

use std::time::Duration;

use super::super::queues;
use super::super::reader::Snapshot;
use super::super::sql::{count, text};
use super::instances::with_status;
use crate::labels::{FailureReason, InstanceStatus};
use crate::management::{QueueDepths, SystemMetrics};
use crate::store::database::budget::Budget;
use crate::store::database::failure::StoreError;
use crate::store::database::reading::QueryResult;

pub(super) async fn metrics(snapshot: &mut Snapshot, events: Budget) -> QueryResult<SystemMetrics> {
    let mut metrics = SystemMetrics::default();
    let sql = format!("SELECT e.status, COUNT(*) {} GROUP BY e.status", with_status(&snapshot.schema));
    let connection = snapshot.allow().await?;
    for row in sqlx::query(&sql).fetch_all(connection).await? {
        let count = count(&row, 1)?;
        metrics.total_instances += count;
        match InstanceStatus::from_framework(text(&row, 0)?.as_deref()) {
            InstanceStatus::Running => metrics.running_instances += count,
            InstanceStatus::Completed => metrics.completed_instances += count,
            InstanceStatus::Failed => metrics.failed_instances += count,
            InstanceStatus::Unknown => {}
        }
    }
    // The framework leaves executions without an instance behind: nobody's, they are not counted.
    let schema = &snapshot.schema;
    let sql = format!(
        "SELECT COUNT(*) FROM {schema}.executions e JOIN {schema}.instances i ON i.instance_id = e.instance_id"
    );
    let executions = sqlx::query(&sql).fetch_one(snapshot.allow().await?).await?;
    metrics.total_executions = count(&executions, 0)?;
    metrics.total_events = count_events(snapshot, events).await?;
    Ok(metrics)
}

/// `None` when there are too many to be counted in time.
async fn count_events(snapshot: &mut Snapshot, budget: Budget) -> Result<Option<u64>, StoreError> {
    // A statement that is interrupted takes its transaction with it, but not past here.
    snapshot.transaction().simple("SAVEPOINT counting").await?;
    let sql = format!("SELECT COUNT(*) FROM {}.history", snapshot.schema);
    let counted = sqlx::query(&sql).fetch_one(snapshot.allow_until(budget.deadline()).await?).await;
    match counted.map_err(StoreError::from) {
        Ok(row) => Ok(Some(count(&row, 0)?)),
        Err(failure) if failure.reason == FailureReason::Timeout => {
            snapshot.transaction().simple("ROLLBACK TO SAVEPOINT counting").await?;
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

pub(super) async fn depths(snapshot: &mut Snapshot) -> QueryResult<QueueDepths> {
    Ok(queues::depths(snapshot).await?)
}

/// How old a standby's data is.
pub(super) async fn age(snapshot: &mut Snapshot) -> QueryResult<Option<Duration>> {
    let replication = snapshot.moment.replication.as_ref();
    Ok(replication
        .map(|replication| Duration::from_millis(u64::try_from(replication.behind_ms).unwrap_or(0))))
}
