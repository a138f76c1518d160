//! What an event says, in a line: what matters of each type, and the sizes of its payloads, or their texts.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;

use super::super::text::{self, cut};
use crate::history::Event;
use crate::management::{Timestamp, redact};

/// Longest payload in a line; JSON has all of it.
const MAX_PAYLOAD: usize = 200;

/// Longest name in a line.
const MAX_NAME: usize = 100;

/// Tells events in their order. Remembers the names of what is open, for the events that answer have none.
#[derive(Debug, Default)]
pub(super) struct EventFormatter {
    open: HashMap<u64, String>,
}

impl EventFormatter {
    /// One event, payloads as it has them: hidden or not.
    pub(super) fn tell(&mut self, event: &Event) -> String {
        if let Some(why) = &event.undecodable {
            return format!("cannot be decoded: {why}");
        }
        let tale = EventLine { event, parts: Vec::new() };
        let source = event.source_event_id;
        match event.event_type.as_str() {
            "OrchestrationStarted" => tale.started(),
            "OrchestrationCompleted" => tale.payload("output"),
            "OrchestrationContinuedAsNew" => tale.payload("input"),
            "OrchestrationFailed" => tale.failure(),
            "OrchestrationCancelRequested" => tale.reason(),
            "ActivityScheduled" => {
                self.open(event);
                tale.text("name").titled("tag").titled_as("session_id", "session").payload("input")
            }
            "ActivityCompleted" | "SubOrchestrationCompleted" => {
                tale.part(self.close(source)).payload("result")
            }
            "ActivityFailed" | "SubOrchestrationFailed" => tale.part(self.close(source)).failure(),
            "ActivityCancelRequested"
            | "SubOrchestrationCancelRequested"
            | "ExternalSubscribedCancelled"
            | "ExternalSubscribedPersistentCancelled" => {
                // A result may still come.
                tale.part(source.and_then(|id| self.open.get(&id).cloned())).reason()
            }
            "TimerCreated" => tale.due(),
            "TimerFired" => tale.lateness(),
            "ExternalSubscribed" | "ExternalSubscribedPersistent" => {
                self.open(event);
                tale.text("name")
            }
            "ExternalEvent" | "ExternalEventPersistent" => tale.text("name").payload("data"),
            "SubOrchestrationScheduled" => {
                self.open(event);
                tale.text("name").child().payload("input")
            }
            "OrchestrationChained" => tale.text("name").titled_as("instance", "instance").payload("input"),
            "CustomStatusUpdated" => tale.status(),
            "KeyValueSet" => tale.text("key").payload("value"),
            "KeyValueCleared" => tale.text("key"),
            "KeyValuesCleared" => tale.part(Some("all keys".to_owned())),
            "SystemCall" => tale.text("op").payload("value"),
            _ => tale.everything(),
        }
        .parts
        .join(", ")
    }

    fn open(&mut self, event: &Event) {
        if let Some(name) = event.fields.get("name").and_then(Value::as_str) {
            self.open.insert(event.event_id, self::name(name));
        }
    }

    fn close(&mut self, source: Option<u64>) -> Option<String> {
        self.open.remove(&source?)
    }
}

/// A line that is being formatted.
struct EventLine<'a> {
    event: &'a Event,
    parts: Vec<String>,
}

impl<'a> EventLine<'a> {
    fn field(&self, name: &str) -> Option<&'a Value> {
        self.event.fields.get(name).filter(|value| !value.is_null())
    }

    fn part(mut self, part: Option<String>) -> Self {
        self.parts.extend(part);
        self
    }

    /// A name, by itself.
    fn text(self, field: &str) -> Self {
        let part = self.field(field).map(|value| value.as_str().map_or_else(|| shown(value), name));
        self.part(part)
    }

    fn titled(self, field: &str) -> Self {
        self.titled_as(field, field)
    }

    fn titled_as(self, field: &str, title: &str) -> Self {
        let part = self
            .field(field)
            .map(|value| format!("{title} {}", value.as_str().map_or_else(|| shown(value), name)));
        self.part(part)
    }

    /// A payload: its size when it is hidden.
    fn payload(self, field: &str) -> Self {
        let part = self.field(field).map(|value| format!("{field} {}", shown(value)));
        self.part(part)
    }

    fn started(self) -> Self {
        let text = |field: &str| self.field(field).and_then(Value::as_str);
        let number = |field: &str| self.field(field).and_then(Value::as_u64);
        let title = format!(
            "{} {}",
            name(text("name").unwrap_or("?")),
            text("version").map(name).unwrap_or_default()
        );
        let parent = text("parent_instance").map(|parent| {
            let execution = number("parent_execution_id").map(|id| format!("execution {id}"));
            let event = number("parent_id").map(|id| format!("event {id}"));
            let place: Vec<String> = execution.into_iter().chain(event).collect();
            let place = if place.is_empty() { String::new() } else { format!(" ({})", place.join(", ")) };
            format!("child of {}{place}", name(parent))
        });
        let carried = self.field("carry_forward_events").and_then(Value::as_array);
        let carried = carried.filter(|events| !events.is_empty()).map(|events| {
            text::plural(u64::try_from(events.len()).unwrap_or(u64::MAX), "event", "events")
                + " carried forward"
        });
        let status =
            self.field("initial_custom_status").map(|status| format!("custom status {}", shown(status)));
        self.part(Some(title.trim_end().to_owned())).part(parent).part(status).payload("input").part(carried)
    }

    /// The kind of a failure, and what it says.
    fn failure(self) -> Self {
        let Some(details) = self.field("details") else { return self };
        let kind = self.event.failure_kind().unwrap_or_default();
        let fields = details.as_object().and_then(|object| object.values().next());
        let reason = fields.and_then(|fields| fields.pointer("/kind/Cancelled/reason"));
        let message = fields.and_then(|fields| fields.get("message")).filter(|message| !message.is_null());
        let part = match (reason, message) {
            (Some(reason), _) => format!("reason {}", shown(reason)),
            (None, Some(message)) => format!("message {}", shown(message)),
            (None, None) => format!("details {}", shown(details)),
        };
        self.part(Some(kind.as_str().to_owned())).part(Some(part))
    }

    fn reason(self) -> Self {
        let part = self.field("reason").map(|reason| match reason.as_str() {
            Some(word) if !word.contains(' ') => format!("reason {}", name(word)),
            _ => format!("reason {}", shown(reason)),
        });
        self.part(part)
    }

    fn due(self) -> Self {
        let due = self.field("fire_at_ms").and_then(Value::as_u64);
        let part = due.map(|due| {
            let after = Duration::from_millis(due.saturating_sub(self.event.timestamp_ms));
            let at = Timestamp::from_unix_millis(i64::try_from(due).unwrap_or(i64::MAX));
            format!("due {at}, after {}", text::duration(after))
        });
        self.part(part)
    }

    fn lateness(self) -> Self {
        let due = self.field("fire_at_ms").and_then(Value::as_u64);
        let late = due.map(|due| Duration::from_millis(self.event.timestamp_ms.saturating_sub(due)));
        self.part(late.map(|late| format!("{} after it was due", text::duration(late))))
    }

    fn child(self) -> Self {
        let id = self.event.child_of(&self.event.instance_id);
        self.part(id.map(|id| format!("instance {}", name(&id))))
    }

    fn status(self) -> Self {
        let part = self.field("status").map_or_else(|| "cleared".to_owned(), shown);
        self.part(Some(part))
    }

    /// Of a type that this version does not know.
    fn everything(self) -> Self {
        let fields =
            self.event.fields.iter().map(|(field, value)| format!("{} {}", name(field), shown(value)));
        let fields: Vec<String> = fields.collect();
        let unknown = format!("(a type this version does not know) {}", fields.join(", "));
        self.part(Some(unknown.trim_end().to_owned()))
    }
}

/// A name in one line. Ids are long; they end a line at worst.
fn name(text: &str) -> String {
    cut(text::named(text), MAX_NAME)
}

/// A value in one line: its size when it is hidden.
fn shown(value: &Value) -> String {
    match (redact::hidden_bytes(value), value) {
        (Some(bytes), _) => text::bytes(bytes),
        // With the quotes and escapes of JSON a text of several lines is one, and its end is seen.
        (None, value) => cut(&value.to_string(), MAX_PAYLOAD),
    }
}
