//! The instance census: how many instances of each orchestration, version and status.

use std::sync::Arc;

use futures_util::TryStreamExt;
use sqlx::Row;

use super::reader::Snapshot;
use super::sql::{count, millis, name_prefix, text};
use crate::labels::InstanceStatus;
use crate::labels::name::shorten;
use crate::source::{ExecutionKey, InstanceCensus, InstanceCount, RunningInstance};
use crate::store::database::failure::StoreError;
use crate::store::database::group::Names;

/// Counts instances by the status of their current execution. Executions without an instance (the framework leaves such)
/// are never counted.
pub(super) async fn census(snapshot: &mut Snapshot) -> Result<InstanceCensus, StoreError> {
    let schema = &snapshot.schema;
    let sql = format!(
        "SELECT name, version, status, COUNT(*) FROM ( \
           SELECT {name} AS name, {version} AS version, e.status FROM {schema}.instances i \
           LEFT JOIN {schema}.executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id) AS i \
         GROUP BY name, version, status",
        name = name_prefix("i.orchestration_name"),
        version = name_prefix("i.orchestration_version"),
    );
    let connection = snapshot.allow().await?;
    let (mut names, mut counts) = (Names::default(), Vec::new());
    // Row by row: there may be as many groups as there are instances.
    let mut rows = sqlx::query(&sql).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        counts.push(InstanceCount {
            orchestration: names.get(&shorten(&text(&row, 0)?.unwrap_or_default())),
            version: names.get(&shorten(&text(&row, 1)?.unwrap_or_default())),
            status: InstanceStatus::from_framework(text(&row, 2)?.as_deref()),
            count: count(&row, 3)?,
        });
    }
    drop(rows);
    Ok(InstanceCensus { counts, running: running(snapshot, names).await? })
}

/// The running instances and their current executions.
async fn running(snapshot: &mut Snapshot, mut names: Names) -> Result<Vec<RunningInstance>, StoreError> {
    let schema = &snapshot.schema;
    let sql = format!(
        "SELECT i.instance_id, i.current_execution_id, {name}, {version}, {started} FROM {schema}.executions e \
         JOIN {schema}.instances i ON i.instance_id = e.instance_id AND i.current_execution_id = e.execution_id \
         WHERE e.status IN ('Running', 'ContinuedAsNew')",
        name = name_prefix("i.orchestration_name"),
        version = name_prefix("i.orchestration_version"),
        started = millis("e.started_at"),
    );
    let mut running = Vec::new();
    let mut rows = sqlx::query(&sql).fetch(snapshot.allow().await?);
    while let Some(row) = rows.try_next().await? {
        let mut name = |column| -> Result<Arc<str>, sqlx::Error> {
            Ok(names.get(&shorten(&text(&row, column)?.unwrap_or_default())))
        };
        let instance_id = text(&row, 0)?.unwrap_or_default().into_boxed_str();
        running.push(RunningInstance {
            key: ExecutionKey { instance_id, execution_id: count(&row, 1)? },
            orchestration: name(2)?,
            version: name(3)?,
            started_ms: row.try_get(4)?,
        });
    }
    Ok(running)
}

/// How many instances there are.
pub(super) async fn total(snapshot: &mut Snapshot) -> Result<u64, StoreError> {
    let sql = format!("SELECT COUNT(*) FROM {}.instances", snapshot.schema);
    let row = sqlx::query(&sql).fetch_one(snapshot.allow().await?).await?;
    Ok(count(&row, 0)?)
}

/// When the newest of them was written, by the clock of the worker that did. Twice as dear as counting them: the column is
/// behind others.
pub(super) async fn newest(snapshot: &mut Snapshot) -> Result<Option<i64>, StoreError> {
    let sql = format!("SELECT {} FROM {}.instances", millis("MAX(updated_at)"), snapshot.schema);
    let connection = snapshot.allow().await?;
    Ok(sqlx::query_scalar(&sql).fetch_one(connection).await?)
}
