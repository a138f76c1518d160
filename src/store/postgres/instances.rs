//! The instance census: how many instances of each orchestration, version and status.

use futures_util::TryStreamExt;
use sqlx::Row;

use super::reader::Snapshot;
use super::sql::{self, count, name_prefix, text};
use crate::labels::InstanceStatus;
use crate::source::{InstanceCensus, InstanceCount};
use crate::store::database::failure::Failure;
use crate::store::database::names::shorten;

/// Counts instances by the status of their current execution, and tells when the newest of them was written, by the
/// clock of the worker that did. Executions without an instance (the framework leaves such) are never counted.
pub(super) async fn census(snapshot: &mut Snapshot) -> Result<(InstanceCensus, Option<i64>), Failure> {
    let sql = format!(
        "SELECT name, version, status, COUNT(*), {newest} FROM ( \
           SELECT {name} AS name, {version} AS version, e.status, i.updated_at FROM instances i \
           LEFT JOIN executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id) AS i \
         GROUP BY name, version, status",
        name = name_prefix("i.orchestration_name"),
        version = name_prefix("i.orchestration_version"),
        newest = sql::millis("MAX(updated_at)"),
    );
    let connection = snapshot.allow().await?;
    let mut counts = Vec::new();
    let mut newest = None;
    // Row by row: there may be as many groups as there are instances.
    let mut rows = sqlx::query(&sql).persistent(false).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        counts.push(InstanceCount {
            orchestration: shorten(&text(&row, 0)?.unwrap_or_default()),
            version: shorten(&text(&row, 1)?.unwrap_or_default()),
            status: InstanceStatus::from_framework(text(&row, 2)?.as_deref()),
            count: count(&row, 3)?,
        });
        newest = newest.max(row.try_get(4)?);
    }
    Ok((InstanceCensus { counts, running: Vec::new() }, newest))
}
