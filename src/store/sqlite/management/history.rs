//! The history of one execution.

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteRow;

use super::super::reader::Snapshot;
use super::super::sql::{bytes, millis, number, text, time};
use super::executions::instance_exists;
use crate::history::{Event, Row};
use crate::management::{ManagementError, Page, PageRequest};
use crate::store::database::budget::Room;
use crate::store::database::events;
use crate::store::database::group::unsigned;
use crate::store::database::keys::{self, List};
use crate::store::database::reading::QueryResult;

/// Events of the instance `?1` and its execution `?2`; conditions follow.
pub(super) fn select() -> String {
    format!(
        "SELECT CAST(event_id AS INTEGER), event_type, event_data, {created} FROM history \
         WHERE instance_id = ? AND execution_id = ?",
        created = millis("created_at"),
    )
}

/// An event, its number and its size.
pub(super) fn read(
    row: &SqliteRow,
    instance: &str,
    execution: i64,
) -> Result<(i64, Event, usize), sqlx::Error> {
    let id = number(row, 0)?.unwrap_or(0);
    let json = bytes(row, 2)?.unwrap_or_default();
    let stored = Row {
        instance_id: instance,
        execution_id: unsigned(execution),
        event_id: unsigned(id),
        event_type: &text(row, 1)?.unwrap_or_default(),
        text: std::str::from_utf8(json).ok(),
    };
    Ok((id, events::event(stored, time(row, 3)?), json.len()))
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
    let sql = select() + " AND event_id >= ? ORDER BY event_id";
    let mut room = Room::new(request.limit);
    let mut items = Vec::new();
    let mut last = None;
    let mut rows = sqlx::query(&sql).bind(instance).bind(execution).bind(first).fetch(snapshot.connection());
    while let Some(row) = rows.try_next().await? {
        if room.is_full() {
            return Ok(Page { items, next: last.map(|id| List::Events.key(id)), partial: false });
        }
        let (id, event, size) = read(&row, instance, execution)?;
        room.take(size);
        items.push(event);
        last = Some(id);
    }
    drop(rows);
    if items.is_empty() && after.is_none() {
        let found = sqlx::query("SELECT 1 FROM executions WHERE instance_id = ? AND execution_id = ?")
            .bind(instance)
            .bind(execution)
            .fetch_optional(snapshot.connection())
            .await?;
        found.ok_or_else(|| ManagementError::no_execution(instance, execution_id))?;
    }
    Ok(Page::whole(items))
}
