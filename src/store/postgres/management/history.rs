//! The history of one execution.

use futures_util::TryStreamExt;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::super::reader::Snapshot;
use super::super::schema::Schema;
use super::super::sql::{millis, text, time, while_there_is_room};
use super::executions::instance_exists;
use crate::history::{Event, Row};
use crate::management::{ManagementError, Page, PageRequest};
use crate::store::database::budget::Room;
use crate::store::database::events;
use crate::store::database::group::unsigned;
use crate::store::database::keys::{self, List};
use crate::store::database::reading::QueryResult;

/// What both providers write as the type of every event: it tells nothing.
const TYPE_OF_ALL: &str = "Event";

/// Events of the instance `$1` and its execution `$2` with this data; conditions follow.
pub(super) fn select(schema: &Schema, data: &str) -> String {
    format!(
        "SELECT event_id::int8, {data}, {committed}, event_type FROM {schema}.history WHERE instance_id = $1 AND execution_id = $2",
        committed = millis("created_at"),
    )
}

/// An event, its number and its size.
pub(super) fn read(row: &PgRow, instance: &str, execution: i64) -> Result<(i64, Event, usize), sqlx::Error> {
    let id: i64 = row.try_get(0)?;
    let json = text(row, 1)?.unwrap_or_default();
    let event_type = text(row, 3)?.filter(|event_type| event_type != TYPE_OF_ALL);
    let stored = Row {
        instance_id: instance,
        execution_id: unsigned(execution),
        event_id: unsigned(id),
        event_type: &event_type.unwrap_or_default(),
        text: Some(&json),
    };
    Ok((id, events::event(stored, time(row, 2)?), json.len()))
}

pub(super) async fn page(
    snapshot: &mut Snapshot,
    instance: &str,
    execution_id: u64,
    request: &PageRequest,
) -> QueryResult<Page<Event>> {
    let after = keys::position(List::Events, request)?;
    instance_exists(snapshot, instance).await?;
    let execution = keys::execution(instance, execution_id)?;
    let first = after.map_or(i64::MIN, |last| last.saturating_add(1));
    let data = while_there_is_room("event_data", "event_id", "$5");
    let sql = select(&snapshot.schema, &data) + " AND event_id >= $3 ORDER BY event_id LIMIT $4";
    let mut room = Room::new(request.limit);
    let connection = snapshot.allow().await?;
    let mut rows = sqlx::query(&sql)
        .bind(instance)
        .bind(execution)
        .bind(first)
        .bind(room.entries_left() + 1)
        .bind(room.bytes_left())
        .fetch(connection);
    let mut items = Vec::new();
    let mut last = None;
    let mut next = None;
    while let Some(row) = rows.try_next().await? {
        if room.is_full() {
            next = next.or_else(|| last.map(|id: i64| List::Events.key(id)));
            continue;
        }
        let (id, event, size) = read(&row, instance, execution)?;
        room.take(size);
        items.push(event);
        last = Some(id);
    }
    drop(rows);
    if items.is_empty() && after.is_none() {
        let sql = format!(
            "SELECT 1 FROM {}.executions WHERE instance_id = $1 AND execution_id = $2",
            snapshot.schema
        );
        let found: Option<i32> = sqlx::query_scalar(&sql)
            .bind(instance)
            .bind(execution)
            .fetch_optional(snapshot.transaction())
            .await?;
        found.ok_or_else(|| ManagementError::no_execution(instance, execution_id))?;
    }
    Ok(Page { items, next, partial: false })
}
