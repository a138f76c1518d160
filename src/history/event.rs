//! One event, whole.

use serde::{Deserialize, Serialize};

#[cfg(any(feature = "exporter", feature = "postgres", feature = "sqlite"))]
use super::row::Row;

/// What the names of the framework's pseudo-activities begin with: new ids, the clock, other instances' values.
pub(crate) const SYSCALL: &str = "__duroxide_syscall:";

/// One history event, as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Number within its execution.
    pub event_id: u64,
    /// The event this one answers (the schedule of a completion).
    #[serde(default)]
    pub source_event_id: Option<u64>,
    /// Instance it belongs to.
    pub instance_id: String,
    /// Execution it belongs to.
    pub execution_id: u64,
    /// When the orchestration turn recorded it, in milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// Version of the framework that wrote it.
    #[serde(default)]
    pub duroxide_version: String,
    /// Its type, for example `ActivityScheduled`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Why the stored text could not be decoded. Then what is above comes from the row's columns as far as they
    /// tell, and `fields` is empty.
    #[serde(default, rename = "$undecodable", skip_serializing_if = "Option::is_none")]
    pub undecodable: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub fields: serde_json::Map<String, serde_json::Value>,
}

impl Event {
    /// Decodes one event that says itself whose it is.
    ///
    /// # Errors
    /// When the text is no JSON object or misses a part of the envelope. The message holds no payload.
    pub fn decode(json: &str) -> Result<Self, DecodeError> {
        serde_json::from_str(json).map_err(|error| DecodeError::from_json(&error))
    }

    /// Decodes the event of a row, which says whose it is.
    #[cfg(any(feature = "exporter", feature = "postgres", feature = "sqlite"))]
    pub(crate) fn of(row: Row<'_>) -> Result<Self, DecodeError> {
        let text = row.text.ok_or(DecodeError::NO_TEXT)?;
        let event = Self::decode(text)?;
        Ok(Self {
            event_id: row.event_id,
            instance_id: row.instance_id.to_owned(),
            execution_id: row.execution_id,
            undecodable: None,
            ..event
        })
    }

    /// A field that is a text.
    pub(crate) fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field)?.as_str()
    }

    /// The full id of the child of `parent` that it is about. Stored is an id without that of the parent, unless the
    /// application chose it.
    pub(crate) fn child_of(&self, parent: &str) -> Option<String> {
        Some(duroxide::build_child_instance_id(parent, self.text("instance")?))
    }

    /// A field that is a whole number.
    pub(crate) fn number(&self, field: &str) -> Option<u64> {
        self.fields.get(field)?.as_u64()
    }
}

impl TryFrom<&Event> for duroxide::Event {
    type Error = DecodeError;

    /// The framework's own event; fails for types that the linked framework does not know.
    fn try_from(event: &Event) -> Result<Self, Self::Error> {
        if event.undecodable.is_some() {
            return Err(DecodeError { class: "undecodable in the store", line: 0, column: 0 });
        }
        serde_json::to_value(event)
            .and_then(serde_json::from_value)
            .map_err(|error| DecodeError::from_json(&error))
    }
}

/// A stored event that cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a history event: {class}{}", self.place())]
pub struct DecodeError {
    class: &'static str,
    line: usize,
    column: usize,
}

impl DecodeError {
    fn place(&self) -> String {
        match self.line {
            0 => String::new(),
            line => format!(" at line {line}, column {}", self.column),
        }
    }

    #[cfg(any(feature = "exporter", feature = "postgres", feature = "sqlite"))]
    pub(super) const NO_TEXT: Self = Self { class: "no valid UTF-8", line: 0, column: 0 };

    // The library's message may quote the content, which may be personal data; position and class do not.
    pub(super) fn from_json(error: &serde_json::Error) -> Self {
        let class = match error.classify() {
            serde_json::error::Category::Eof => "text ends too early",
            serde_json::error::Category::Syntax => "no valid JSON",
            serde_json::error::Category::Data | serde_json::error::Category::Io => {
                "unexpected or missing field"
            }
        };
        Self { class, line: error.line(), column: error.column() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRED: &str = r#"{"event_id":4,"source_event_id":3,"instance_id":"a","execution_id":1,"timestamp_ms":1795408935949,"duroxide_version":"0.1.32","type":"TimerFired","fire_at_ms":1795408935942}"#;

    #[test]
    fn a_known_event_becomes_the_frameworks_and_back() {
        let event = Event::decode(FIRED).unwrap();
        assert_eq!(event.event_type, "TimerFired");
        let framework = duroxide::Event::try_from(&event).unwrap();
        assert_eq!(Event::decode(&serde_json::to_string(&framework).unwrap()).unwrap(), event);
    }

    #[test]
    fn unknown_types_and_fields_are_kept() {
        let event = Event::decode(&FIRED.replace("TimerFired", "FromTheFuture")).unwrap();
        assert_eq!(event.fields["fire_at_ms"], 1_795_408_935_942_u64);
        assert!(duroxide::Event::try_from(&event).is_err());
    }

    #[test]
    fn fields_are_read_as_what_they_are() {
        let event = Event::decode(&FIRED.replace('}', r#","name":"n","no_number":-1}"#)).unwrap();
        assert_eq!(event.text("name"), Some("n"));
        assert_eq!(event.number("fire_at_ms"), Some(1_795_408_935_942));
        assert_eq!([event.text("fire_at_ms"), event.text("missing")], [None; 2]);
        assert_eq!([event.number("name"), event.number("no_number"), event.number("missing")], [None; 3]);
    }

    #[test]
    fn errors_do_not_quote_the_payload() {
        let error = Event::decode(r#"{"event_id":"secret"}"#).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
