//! The instance census: how many instances of each orchestration, version and status.

use futures_util::TryStreamExt;
use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use super::{sql, text};
use crate::labels::InstanceStatus;
use crate::source::{ExecutionKey, InstanceCensus, InstanceCount};
use crate::store::database::failure::Failure;
use crate::store::database::group::unsigned;

/// Counts instances by the status of their current execution. Reads `instances` once and looks up one execution
/// for each; executions without an instance (the framework leaves such) are never counted.
pub(super) async fn census(connection: &mut SqliteConnection) -> Result<InstanceCensus, Failure> {
    let sql = format!(
        "SELECT CAST(name AS BLOB), CAST(version AS BLOB), CAST(status AS BLOB), COUNT(*) FROM ( \
           SELECT {name} AS name, {version} AS version, e.status AS status FROM instances i \
           LEFT JOIN executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id) AS i \
         GROUP BY i.name, i.version, i.status",
        name = text::sql_prefix("i.orchestration_name"),
        version = text::sql_prefix("i.orchestration_version"),
    );
    let mut counts = Vec::new();
    // Row by row: there may be as many groups as there are instances.
    let mut rows = sqlx::query(&sql).fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        let name: Option<Vec<u8>> = row.try_get(0)?;
        let version: Option<Vec<u8>> = row.try_get(1)?;
        let status: Option<Vec<u8>> = row.try_get(2)?;
        let count: i64 = row.try_get(3)?;
        counts.push(InstanceCount {
            orchestration: text::name(&name.unwrap_or_default()),
            version: text::name(&version.unwrap_or_default()),
            status: InstanceStatus::from_framework(
                status.as_deref().and_then(|text| std::str::from_utf8(text).ok()),
            ),
            count: u64::try_from(count).unwrap_or(0),
        });
    }
    drop(rows);
    Ok(InstanceCensus { counts, running: running(connection).await? })
}

/// The running instances and their current executions.
async fn running(connection: &mut SqliteConnection) -> Result<Vec<ExecutionKey>, Failure> {
    let mut running = Vec::new();
    let mut rows = sqlx::query(
        "SELECT CAST(i.instance_id AS BLOB), i.current_execution_id FROM executions e \
         JOIN instances i ON i.instance_id = e.instance_id AND i.current_execution_id = e.execution_id \
         WHERE e.status IN ('Running', 'ContinuedAsNew')",
    )
    .fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        let instance_id = sql::text(&row, 0)?.unwrap_or_default().into_boxed_str();
        running.push(ExecutionKey { instance_id, execution_id: unsigned(row.try_get(1)?) });
    }
    Ok(running)
}

/// How many instances there are: SQLite looks at the leaves of its smallest index, and at no row.
pub(super) async fn total(connection: &mut SqliteConnection) -> Result<u64, Failure> {
    let total: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM instances").fetch_one(connection).await?;
    Ok(unsigned(total))
}
