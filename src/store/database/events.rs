//! Rows of a history as events. A row that cannot be decoded is an event all the same.

use crate::history::Event;
use crate::management::Timestamp;

/// What a row of a history says besides its JSON.
pub(in crate::store) struct Columns<'a> {
    pub(in crate::store) instance: &'a str,
    pub(in crate::store) execution: i64,
    pub(in crate::store) id: i64,
    /// `None` where the column does not tell.
    pub(in crate::store) event_type: Option<String>,
    pub(in crate::store) committed_at: Option<Timestamp>,
}

/// The event of a row: what its JSON says, or, where that is damaged, what the columns tell.
pub(in crate::store) fn event(json: &[u8], columns: Columns<'_>) -> Event {
    let decoded = match std::str::from_utf8(json) {
        Ok(json) => Event::decode(json).map_err(|error| error.to_string()),
        Err(_) => Err("not a history event: no valid UTF-8".to_owned()),
    };
    decoded.unwrap_or_else(|why| {
        let Columns { instance, execution, id, event_type, committed_at } = columns;
        let committed = committed_at.and_then(|time| u64::try_from(time.unix_millis()).ok());
        Event {
            event_id: u64::try_from(id).unwrap_or(0),
            source_event_id: None,
            instance_id: instance.to_owned(),
            execution_id: u64::try_from(execution).unwrap_or(0),
            timestamp_ms: committed.unwrap_or(0),
            duroxide_version: String::new(),
            event_type: event_type.unwrap_or_default(),
            undecodable: Some(why),
            fields: serde_json::Map::new(),
        }
    })
}
