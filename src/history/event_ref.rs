//! What counting needs of an event, borrowed from its text: no payload is copied, none is kept.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::failure::kind_of;
use super::{DecodeError, Row};
use crate::labels::{EventType, FailureKind};

/// Whose an event is, and the fields that counting looks at as they stand in its text. A field of an unexpected type is as
/// good as none: time and type are what makes an event, here as in [`Event::of`](super::Event::of).
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct EventRef<'a> {
    #[serde(skip)]
    pub(crate) instance_id: &'a str,
    #[serde(skip)]
    pub(crate) execution_id: u64,
    #[serde(skip)]
    pub(crate) event_id: u64,
    /// The framework reads no event without them; what they say does not count.
    #[serde(rename = "instance_id", borrow)]
    _instance_id: Cow<'a, str>,
    #[serde(rename = "execution_id")]
    _execution_id: u64,
    #[serde(rename = "event_id")]
    _event_id: u64,
    /// The event this one answers.
    #[serde(default)]
    pub(crate) source_event_id: Option<u64>,
    pub(crate) timestamp_ms: u64,
    #[serde(default, borrow)]
    pub(crate) duroxide_version: Cow<'a, str>,
    #[serde(rename = "type", deserialize_with = "event_type")]
    pub(crate) event_type: EventType,
    /// Whether its text was read. Of one whose text was not, no more is known than that it ended its execution, from its column.
    #[serde(skip)]
    pub(crate) is_read: bool,
    #[serde(default, borrow)]
    name: Option<&'a RawValue>,
    #[serde(default, borrow)]
    version: Option<&'a RawValue>,
    #[serde(default, borrow)]
    instance: Option<&'a RawValue>,
    #[serde(default, borrow)]
    fire_at_ms: Option<&'a RawValue>,
    #[serde(default, borrow)]
    reason: Option<&'a RawValue>,
    #[serde(default, borrow)]
    details: Option<&'a RawValue>,
}

impl<'a> EventRef<'a> {
    /// Decodes the event of a row.
    ///
    /// # Errors
    /// Where [`Event::of`](super::Event::of) fails.
    pub(crate) fn of(row: Row<'a>) -> Result<Self, DecodeError> {
        let text = row.text.ok_or(DecodeError::NO_TEXT)?;
        let event: Self = serde_json::from_str(text).map_err(|error| DecodeError::from_json(&error))?;
        Ok(Self { is_read: true, ..event }.with_ids(row))
    }

    /// What is known of an event whose text cannot be decoded.
    pub(crate) fn unread(row: Row<'a>) -> Self {
        let event_type = match EventType::from_framework(row.event_type) {
            end if end.ends_an_execution() => end,
            _ => EventType::Undecodable,
        };
        Self { event_type, ..Self::default() }.with_ids(row)
    }

    fn with_ids(self, row: Row<'a>) -> Self {
        let Row { instance_id, execution_id, event_id, .. } = row;
        Self { instance_id, execution_id, event_id, ..self }
    }

    pub(crate) fn name(&self) -> Cow<'a, str> {
        text(self.name)
    }

    pub(crate) fn version(&self) -> Cow<'a, str> {
        text(self.version)
    }

    /// Id of another instance, as the event has it.
    pub(crate) fn other_instance(&self) -> Cow<'a, str> {
        text(self.instance)
    }

    pub(crate) fn reason(&self) -> Cow<'a, str> {
        text(self.reason)
    }

    pub(crate) fn fire_at_ms(&self) -> Option<u64> {
        serde_json::from_str(self.fire_at_ms?.get()).ok()
    }

    /// Why it failed; see [`Event::failure_kind`](super::Event::failure_kind).
    pub(crate) fn failure_kind(&self) -> Option<FailureKind> {
        matches!(
            self.event_type,
            EventType::OrchestrationFailed | EventType::ActivityFailed | EventType::SubOrchestrationFailed
        )
        .then(|| {
            let details = self.details.and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
            details.as_ref().map_or(FailureKind::Unknown, kind_of)
        })
    }
}

/// A text that is borrowed where it holds no escapes.
#[derive(Deserialize)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

fn event_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<EventType, D::Error> {
    Borrowed::deserialize(deserializer).map(|name| EventType::from_framework(&name.0))
}

fn text(raw: Option<&RawValue>) -> Cow<'_, str> {
    raw.and_then(|raw| serde_json::from_str::<Borrowed<'_>>(raw.get()).ok())
        .map(|text| text.0)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::Event;
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    proptest! {
        #[test]
        fn it_says_what_the_whole_event_says(
            name in "(\\PC|[\\x00-\\x1f\"\\\\]){0,12}",
            kind in prop::sample::select(EventType::ALL),
            odd in any::<bool>(),
            id in any::<u64>(),
            source in any::<Option<u64>>(),
            column in prop::sample::select(vec!["", "TimerFired"]),
        ) {
            let value = if odd { json!({"name": [name.clone()]}) } else { json!(name.clone()) };
            let json = json!({
                "event_id": id, "source_event_id": source, "instance_id": name, "execution_id": 3, "timestamp_ms": 7,
                "duroxide_version": "0.1.32", "type": kind.as_str(), "name": value, "version": value, "reason": value,
                "instance": value, "fire_at_ms": id, "input": "x", "details": {"Poison": {"message": name}},
            })
            .to_string();
            let row = Row {
                instance_id: &name, execution_id: 4, event_id: id / 2, event_type: column, text: Some(&json),
            };
            let (brief, event) = (EventRef::of(row).unwrap(), Event::of(row).unwrap());
            let whose = (row.instance_id, row.execution_id, row.event_id);
            prop_assert_eq!((&*event.instance_id, event.execution_id, event.event_id), whose);
            prop_assert_eq!((brief.instance_id, brief.execution_id, brief.event_id), whose);
            prop_assert_eq!(brief.source_event_id, event.source_event_id);
            prop_assert_eq!(&brief.duroxide_version, &event.duroxide_version);
            prop_assert_eq!(brief.event_type, EventType::from_framework(&event.event_type));
            prop_assert_eq!((event.timestamp_ms, brief.timestamp_ms), (7, 7));
            prop_assert!(!event.fields.contains_key("instance_id") && !event.fields.contains_key("execution_id"));
            prop_assert_eq!(brief.name(), event.text("name").unwrap_or_default());
            prop_assert_eq!(brief.version(), event.text("version").unwrap_or_default());
            prop_assert_eq!(brief.reason(), event.text("reason").unwrap_or_default());
            prop_assert_eq!(brief.other_instance(), event.text("instance").unwrap_or_default());
            prop_assert_eq!(brief.fire_at_ms(), event.number("fire_at_ms"));
            prop_assert_eq!(brief.failure_kind(), event.failure_kind());
        }
    }

    const ROW: Row<'_> = Row { instance_id: "a", execution_id: 1, event_id: 2, event_type: "", text: None };

    #[test]
    fn what_is_no_event_is_refused_likewise() {
        for json in
            ["", "{}", "[]", "no JSON", r#"{"event_id":1}"#, r#"{"timestamp_ms":1,"type":"TimerFired"}"#]
        {
            let row = Row { text: Some(json), ..ROW };
            assert!(Event::of(row).is_err() && EventRef::of(row).is_err(), "{json}");
        }
        assert!(Event::of(ROW).is_err() && EventRef::of(ROW).is_err());
    }

    #[test]
    fn of_what_cannot_be_read_the_column_tells_the_end() {
        let event = |event_type| EventRef::unread(Row { event_type, ..ROW });
        assert_eq!(event("OrchestrationFailed").event_type, EventType::OrchestrationFailed);
        for nothing in ["", "Event", "OrchestrationStarted", "ActivityCompleted"] {
            assert_eq!(event(nothing).event_type, EventType::Undecodable, "{nothing}");
        }
        assert_eq!((event("").instance_id, event("").event_id, event("").is_read), ("a", 2, false));
    }
}
