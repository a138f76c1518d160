//! What counting needs of an event, borrowed from its text: no payload is copied, none is kept.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::DecodeError;
use super::failure::kind_of;
use crate::labels::{EventType, FailureKind};

/// The envelope of an event, and the fields that counting looks at as they stand in its text. A field of an unexpected type
/// is as good as none: the envelope is what makes an event, here as in [`Event::decode`](super::Event::decode).
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Brief<'a> {
    pub(crate) event_id: u64,
    /// The event this one answers.
    #[serde(default)]
    pub(crate) source_event_id: Option<u64>,
    #[serde(borrow)]
    pub(crate) instance_id: Cow<'a, str>,
    pub(crate) execution_id: u64,
    pub(crate) timestamp_ms: u64,
    #[serde(default, borrow)]
    pub(crate) duroxide_version: Cow<'a, str>,
    #[serde(rename = "type", deserialize_with = "event_type")]
    pub(crate) event_type: EventType,
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

impl<'a> Brief<'a> {
    /// Decodes one stored event.
    ///
    /// # Errors
    /// Where [`Event::decode`](super::Event::decode) fails.
    pub(crate) fn decode_text(json: &'a str) -> Result<Self, DecodeError> {
        serde_json::from_str(json).map_err(|error| DecodeError::from_json(&error))
    }

    /// Decodes what may be no text at all.
    ///
    /// # Errors
    /// Where [`Event::decode`](super::Event::decode) fails.
    pub(crate) fn decode(json: &'a [u8]) -> Result<Self, DecodeError> {
        serde_json::from_slice(json).map_err(|error| DecodeError::from_json(&error))
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
        ) {
            let value = if odd { json!({"name": [name.clone()]}) } else { json!(name.clone()) };
            let json = json!({
                "event_id": id, "source_event_id": source, "instance_id": name, "execution_id": 3, "timestamp_ms": 7,
                "duroxide_version": "0.1.32", "type": kind.as_str(), "name": value, "version": value, "reason": value,
                "instance": value, "fire_at_ms": id, "input": "x", "details": {"Poison": {"message": name}},
            })
            .to_string();
            let (brief, event) = (Brief::decode_text(&json).unwrap(), Event::decode(&json).unwrap());
            prop_assert_eq!(brief.event_id, event.event_id);
            prop_assert_eq!(brief.source_event_id, event.source_event_id);
            prop_assert_eq!(&brief.instance_id, &event.instance_id);
            prop_assert_eq!(&brief.duroxide_version, &event.duroxide_version);
            prop_assert_eq!(brief.event_type, EventType::from_framework(&event.event_type));
            prop_assert_eq!((brief.execution_id, brief.timestamp_ms), (3, 7));
            prop_assert_eq!(brief.name(), event.text("name").unwrap_or_default());
            prop_assert_eq!(brief.version(), event.text("version").unwrap_or_default());
            prop_assert_eq!(brief.reason(), event.text("reason").unwrap_or_default());
            prop_assert_eq!(brief.other_instance(), event.text("instance").unwrap_or_default());
            prop_assert_eq!(brief.fire_at_ms(), event.number("fire_at_ms"));
            prop_assert_eq!(brief.failure_kind(), event.failure_kind());
        }
    }

    #[test]
    fn what_is_no_event_is_refused_likewise() {
        for json in ["", "{}", "[]", "no JSON", r#"{"event_id":1}"#, "{\"event_id\":1,\"type\":\"\u{1}\"}"] {
            let refused = Event::decode(json).is_err();
            assert_eq!(Brief::decode_text(json).is_err(), refused, "{json}");
            assert_eq!(Brief::decode(json.as_bytes()).is_err(), refused, "{json}");
        }
        assert!(Brief::decode(b"\xff").is_err());
    }
}
