//! Rows of a history as events. A row that cannot be decoded is an event all the same.

use crate::history::{Event, Row};
use crate::management::Timestamp;

/// The event of a row: what its text says, or, where that is damaged, what the columns tell.
pub(in crate::store) fn event(row: Row<'_>, committed_at: Option<Timestamp>) -> Event {
    Event::of(row).unwrap_or_else(|why| {
        let committed = committed_at.and_then(|time| u64::try_from(time.unix_millis()).ok());
        Event {
            event_id: row.event_id,
            source_event_id: None,
            instance_id: row.instance_id.to_owned(),
            execution_id: row.execution_id,
            timestamp_ms: committed.unwrap_or(0),
            duroxide_version: String::new(),
            event_type: row.event_type.to_owned(),
            undecodable: Some(why.to_string()),
            fields: serde_json::Map::new(),
        }
    })
}

/// What an event tells, but for whose it is: the caller knows.
pub(in crate::store) fn told(json: &str) -> Option<Event> {
    Event::of(Row { instance_id: "", execution_id: 0, event_id: 0, event_type: "", text: Some(json) }).ok()
}
