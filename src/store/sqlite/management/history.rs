//! The history of one execution. A row that cannot be decoded is an event all the same.

use futures_util::TryStreamExt;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::super::reader::Snapshot;
use super::super::sql::{millis, text, time};
use super::Answer;
use super::budget::Room;
use super::executions::instance_exists;
use super::keys::{self, List};
use crate::history::Event;
use crate::management::{ManagementError, Page, PageRequest};

/// Events of the instance `?1` and its execution `?2`; conditions follow.
pub(super) fn select() -> String {
    format!(
        "SELECT CAST(event_id AS INTEGER), CAST(event_type AS BLOB), CAST(event_data AS BLOB), {created} FROM history \
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
    let id: i64 = row.try_get(0)?;
    let json: Option<Vec<u8>> = row.try_get(2)?;
    let json = json.unwrap_or_default();
    let decoded = match std::str::from_utf8(&json) {
        Ok(json) => Event::decode(json).map_err(|error| error.to_string()),
        Err(_) => Err("not a history event: no valid UTF-8".to_owned()),
    };
    let event = match decoded {
        Ok(event) => event,
        Err(why) => {
            let created = time(row, 3)?.and_then(|time| u64::try_from(time.unix_millis()).ok());
            Event {
                event_id: u64::try_from(id).unwrap_or(0),
                source_event_id: None,
                instance_id: instance.to_owned(),
                execution_id: u64::try_from(execution).unwrap_or(0),
                timestamp_ms: created.unwrap_or(0),
                duroxide_version: String::new(),
                event_type: text(row, 1)?.unwrap_or_default(),
                undecodable: Some(why),
                fields: serde_json::Map::new(),
            }
        }
    };
    Ok((id, event, json.len()))
}

pub(super) async fn page(
    snapshot: &mut Snapshot,
    instance: &str,
    execution_id: u64,
    request: &PageRequest,
) -> Answer<Page<Event>> {
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
        let found: Option<i64> =
            sqlx::query_scalar("SELECT 1 FROM executions WHERE instance_id = ? AND execution_id = ?")
                .bind(instance)
                .bind(execution)
                .fetch_optional(snapshot.connection())
                .await?;
        found.ok_or_else(|| ManagementError::no_execution(instance, execution_id))?;
    }
    Ok(Page::whole(items))
}
