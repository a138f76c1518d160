//! The executions of one instance.

use futures_util::TryStreamExt;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::super::reader::Snapshot;
use super::super::schema::Schema;
use super::super::sql::{count, millis, text, time, while_there_is_room};
use crate::history::Event;
use crate::labels::{ExecutionStatus, FailureKind};
use crate::management::{ExecutionInfo, ManagementError, Page, PageRequest, Timestamp};
use crate::store::database::budget::Room;
use crate::store::database::events;
use crate::store::database::keys::{self, List};
use crate::store::database::reading::QueryResult;

/// The start of an execution is in its first event, and the end of one that continued as new (whose row has none) in its
/// last; but an event as large as this is not read for its time alone.
const LARGEST_FOR_ITS_TIME: usize = 64 << 10;

/// The newest event of a type. The column `event_type` says the same of all; inside a JSON string the quotes would be
/// escaped, so this is found only where it is the event's own type. Written by the framework or by the database.
fn newest_event(schema: &Schema, event_type: &str) -> String {
    format!(
        "(SELECT h.event_data FROM {schema}.history h WHERE h.instance_id = e.instance_id AND h.execution_id = e.execution_id \
            AND (strpos(h.event_data, '\"type\":\"{event_type}\"') > 0 OR strpos(h.event_data, '\"type\": \"{event_type}\"') > 0) \
          ORDER BY h.event_id DESC LIMIT 1)"
    )
}

/// A query for executions of the instance `$1` with this output; conditions follow.
fn select(schema: &Schema, output: &str) -> String {
    format!(
        "SELECT e.execution_id::int8, e.status, {output}, {started}, {completed}, \
           (SELECT COUNT(*) FROM {schema}.history c WHERE c.instance_id = e.instance_id AND c.execution_id = e.execution_id), \
           (SELECT CASE WHEN octet_length(f.event_data) <= {LARGEST_FOR_ITS_TIME} THEN f.event_data END FROM {schema}.history f \
            WHERE f.instance_id = e.instance_id AND f.execution_id = e.execution_id ORDER BY f.event_id LIMIT 1), \
           CASE e.status WHEN 'Failed' THEN {failed} \
                         WHEN 'ContinuedAsNew' THEN CASE WHEN e.completed_at IS NULL THEN {continued} END END \
         FROM {schema}.executions e WHERE e.instance_id = $1",
        started = millis("e.started_at"),
        completed = millis("e.completed_at"),
        failed = newest_event(schema, "OrchestrationFailed"),
        continued = newest_event(schema, "OrchestrationContinuedAsNew"),
    )
}

fn read(row: &PgRow) -> Result<(i64, ExecutionInfo), sqlx::Error> {
    let id: i64 = row.try_get(0)?;
    let status = ExecutionStatus::from_framework(text(row, 1)?.as_deref());
    let output = text(row, 2)?;
    let event = |column| -> Result<Option<Event>, sqlx::Error> {
        Ok(text(row, column)?.and_then(|json| events::told(&json)))
    };
    let moment = |event: &Event| i64::try_from(event.timestamp_ms).ok().map(Timestamp::from_unix_millis);
    let (first, last) = (event(6)?, event(7)?);
    let failure_kind = || last.as_ref().and_then(Event::failure_kind).unwrap_or(FailureKind::Unknown);
    let info = ExecutionInfo {
        output_bytes: output.as_ref().map(|output| output.len() as u64),
        output,
        failure_kind: (status == ExecutionStatus::Failed).then(failure_kind),
        started_at: first.as_ref().and_then(moment).or(time(row, 3)?),
        completed_at: match (time(row, 4)?, status) {
            (None, ExecutionStatus::ContinuedAsNew) => last.as_ref().and_then(moment),
            (completed, _) => completed,
        },
        event_count: count(row, 5)?,
        ..ExecutionInfo::new(u64::try_from(id).unwrap_or(0), status)
    };
    Ok((id, info))
}

/// Executions without an instance, which the framework leaves behind in rare cases, are nobody's.
pub(super) async fn instance_exists(snapshot: &mut Snapshot, instance: &str) -> QueryResult<()> {
    if instance.contains('\0') {
        return Err(ManagementError::no_instance(instance).into());
    }
    let sql = format!("SELECT 1 FROM {}.instances WHERE instance_id = $1", snapshot.schema);
    let found: Option<i32> =
        sqlx::query_scalar(&sql).bind(instance).fetch_optional(snapshot.transaction()).await?;
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
    let sql = select(&snapshot.schema, "e.output") + " AND e.execution_id = $2";
    let connection = snapshot.allow().await?;
    let row = sqlx::query(&sql).bind(instance).bind(execution).fetch_optional(connection).await?;
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
    let mut room = Room::new(request.limit);
    let output = while_there_is_room("e.output", "e.execution_id DESC", "$4");
    let sql =
        select(&snapshot.schema, &output) + " AND e.execution_id <= $2 ORDER BY e.execution_id DESC LIMIT $3";
    let connection = snapshot.allow().await?;
    let mut rows = sqlx::query(&sql)
        .bind(instance)
        .bind(newest)
        .bind(room.entries_left() + 1)
        .bind(room.bytes_left())
        .fetch(connection);
    let mut items = Vec::new();
    let mut next = None;
    let mut last = None;
    while let Some(row) = rows.try_next().await? {
        if room.is_full() {
            next = next.or_else(|| last.map(|id: i64| List::Executions.key(id)));
            continue;
        }
        let (id, execution) = read(&row)?;
        room.take(execution.output.as_ref().map_or(0, String::len));
        items.push(execution);
        last = Some(id);
    }
    Ok(Page { items, next, partial: false })
}
