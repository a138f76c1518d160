//! The executions of one instance.

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteRow;

use super::super::reader::Snapshot;
use super::super::sql::{bytes, count, millis, number, text, time};
use crate::labels::{ExecutionStatus, FailureKind};
use crate::management::{ExecutionInfo, ManagementError, Page, PageRequest};
use crate::store::database::budget::Room;
use crate::store::database::events;
use crate::store::database::keys::{self, List};
use crate::store::database::reading::QueryResult;

/// The start of an execution is in its first event, to the millisecond. In the row it has whole seconds, but a first
/// event as large as this is not parsed for its time alone.
const LARGEST_FIRST_EVENT: usize = 64 << 10;

/// A query for executions of the instance `?1`; conditions follow.
fn select() -> String {
    format!(
        "SELECT e.execution_id, e.status, e.output, \
           COALESCE((SELECT CASE WHEN octet_length(f.event_data) <= {LARGEST_FIRST_EVENT} AND json_valid(f.event_data) \
                       THEN CAST(json_extract(f.event_data, '$.timestamp_ms') AS INTEGER) END \
                     FROM history f WHERE f.instance_id = e.instance_id AND f.execution_id = e.execution_id \
                     ORDER BY f.event_id LIMIT 1), {started}), \
           {completed}, \
           (SELECT COUNT(*) FROM history c WHERE c.instance_id = e.instance_id AND c.execution_id = e.execution_id), \
           CASE WHEN e.status = 'Failed' THEN \
             (SELECT l.event_data FROM history l WHERE l.instance_id = e.instance_id \
                AND l.execution_id = e.execution_id AND l.event_type = 'OrchestrationFailed' \
              ORDER BY l.event_id DESC LIMIT 1) END \
         FROM executions e WHERE e.instance_id = ?",
        started = millis("e.started_at"),
        completed = millis("e.completed_at"),
    )
}

fn read(row: &SqliteRow) -> Result<(i64, ExecutionInfo), sqlx::Error> {
    let id = number(row, 0)?.unwrap_or(0);
    let status = ExecutionStatus::from_framework(text(row, 1)?.as_deref());
    let output = text(row, 2)?;
    let failed = bytes(row, 6)?;
    let info = ExecutionInfo {
        output_bytes: output.as_ref().map(|output| output.len() as u64),
        output,
        failure_kind: (status == ExecutionStatus::Failed).then(|| failure_kind(failed)),
        started_at: time(row, 3)?,
        completed_at: time(row, 4)?,
        event_count: count(row, 5)?,
        ..ExecutionInfo::new(u64::try_from(id).unwrap_or(0), status)
    };
    Ok((id, info))
}

fn failure_kind(event: Option<&[u8]>) -> FailureKind {
    let event = event.and_then(|json| events::told(&String::from_utf8_lossy(json)));
    event.and_then(|event| event.failure_kind()).unwrap_or(FailureKind::Unknown)
}

/// Executions without an instance, which the framework leaves behind in rare cases, are nobody's.
pub(super) async fn instance_exists(snapshot: &mut Snapshot, instance: &str) -> QueryResult<()> {
    let found = sqlx::query("SELECT 1 FROM instances WHERE instance_id = ?")
        .bind(instance)
        .fetch_optional(snapshot.connection())
        .await?;
    match found {
        Some(_) => Ok(()),
        None => Err(ManagementError::no_instance(instance).into()),
    }
}

pub(super) async fn info(
    snapshot: &mut Snapshot,
    instance: &str,
    execution_id: u64,
) -> QueryResult<ExecutionInfo> {
    instance_exists(snapshot, instance).await?;
    let execution = keys::execution(instance, execution_id)?;
    let row = sqlx::query(&(select() + " AND e.execution_id = ?"))
        .bind(instance)
        .bind(execution)
        .fetch_optional(snapshot.connection())
        .await?;
    let row = row.ok_or_else(|| ManagementError::no_execution(instance, execution_id))?;
    Ok(read(&row)?.1)
}

pub(super) async fn page(
    snapshot: &mut Snapshot,
    instance: &str,
    request: &PageRequest,
) -> QueryResult<Page<ExecutionInfo>> {
    let after = keys::position(List::Executions, request)?;
    instance_exists(snapshot, instance).await?;
    let newest = after.map_or(i64::MAX, |last| last.saturating_sub(1));
    let sql = select() + " AND e.execution_id <= ? ORDER BY e.execution_id DESC";
    let mut room = Room::new(request.limit);
    let mut items = Vec::new();
    let mut last = None;
    let mut rows = sqlx::query(&sql).bind(instance).bind(newest).fetch(snapshot.connection());
    while let Some(row) = rows.try_next().await? {
        if room.is_full() {
            return Ok(Page { items, next: last.map(|id| List::Executions.key(id)), partial: false });
        }
        let (id, execution) = read(&row)?;
        room.take(execution.output.as_ref().map_or(0, String::len));
        items.push(execution);
        last = Some(id);
    }
    Ok(Page::whole(items))
}
