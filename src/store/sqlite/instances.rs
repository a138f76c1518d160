//! The instance census: how many instances of each orchestration, version and status.

use std::sync::Arc;

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteConnection;

use super::{sql, text};
use crate::labels::InstanceStatus;
use crate::source::{ExecutionKey, InstanceCensus, InstanceCount, RunningInstance};
use crate::store::database::failure::StoreError;
use crate::store::database::group::Names;

/// Counts instances by the status of their current execution. Reads `instances` once and looks up one execution
/// for each; executions without an instance (the framework leaves such) are never counted.
pub(super) async fn census(connection: &mut SqliteConnection) -> Result<InstanceCensus, StoreError> {
    let sql = format!(
        "SELECT name, version, status, COUNT(*) FROM ( \
           SELECT {name} AS name, {version} AS version, e.status AS status FROM instances i \
           LEFT JOIN executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id) AS i \
         GROUP BY i.name, i.version, i.status",
        name = text::sql_prefix("i.orchestration_name"),
        version = text::sql_prefix("i.orchestration_version"),
    );
    let (mut names, mut counts) = (Names::default(), Vec::new());
    // Row by row: there may be as many groups as there are instances.
    let mut rows = sqlx::query(&sql).fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        counts.push(InstanceCount {
            orchestration: names.get(&text::name(sql::bytes(&row, 0)?.unwrap_or_default())),
            version: names.get(&text::name(sql::bytes(&row, 1)?.unwrap_or_default())),
            status: InstanceStatus::from_framework(sql::text(&row, 2)?.as_deref()),
            count: sql::count(&row, 3)?,
        });
    }
    drop(rows);
    Ok(InstanceCensus { counts, running: running(connection, names).await? })
}

/// The running instances and their current executions.
async fn running(
    connection: &mut SqliteConnection,
    mut names: Names,
) -> Result<Vec<RunningInstance>, StoreError> {
    let sql = format!(
        "SELECT i.instance_id, i.current_execution_id, {name}, {version}, {started} \
         FROM executions e \
         JOIN instances i ON i.instance_id = e.instance_id AND i.current_execution_id = e.execution_id \
         WHERE e.status IN ('Running', 'ContinuedAsNew')",
        name = text::sql_prefix("i.orchestration_name"),
        version = text::sql_prefix("i.orchestration_version"),
        started = sql::millis("e.started_at"),
    );
    let mut running = Vec::new();
    let mut rows = sqlx::query(&sql).fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        let mut name = |column| -> Result<Arc<str>, sqlx::Error> {
            Ok(names.get(&text::name(sql::bytes(&row, column)?.unwrap_or_default())))
        };
        let instance_id = sql::text(&row, 0)?.unwrap_or_default().into_boxed_str();
        running.push(RunningInstance {
            key: ExecutionKey { instance_id, execution_id: sql::count(&row, 1)? },
            orchestration: name(2)?,
            version: name(3)?,
            started_ms: sql::number(&row, 4)?,
        });
    }
    Ok(running)
}

/// How many instances there are: SQLite looks at the leaves of its smallest index, and at no row.
pub(super) async fn total(connection: &mut SqliteConnection) -> Result<u64, StoreError> {
    let row = sqlx::query("SELECT COUNT(*) FROM instances").fetch_one(connection).await?;
    Ok(sql::count(&row, 0)?)
}
