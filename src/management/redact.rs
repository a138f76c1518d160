//! Hiding payloads. Pure: the one place that decides what of a history is shown to people.
//!
//! Inputs, outputs, results, event data, values of keys, error messages and texts given with a cancellation are
//! personal data. Shown are ids, names, versions, tags, sessions, keys, the custom status, times and the kinds of
//! failures. What is not listed here as harmless is hidden: a field that a newer framework adds, and all fields of
//! an event type that this version does not know.
//!
//! A hidden value becomes `{"hidden_bytes": n}`. The framework's payloads are texts, never objects, so the two
//! cannot be confused.

use serde_json::{Map, Value};

use super::{ExecutionInfo, InstanceExport};
use crate::history::Event;

/// The only key of an object that stands for a hidden value.
const HIDDEN: &str = "hidden_bytes";

impl Event {
    /// Replaces every payload by `{"hidden_bytes": n}`: the size of a text, or that of another value's JSON.
    /// Event types and fields that this version does not know count as payloads.
    pub fn hide_payloads(&mut self) {
        let Self { event_type, fields, .. } = self;
        let shown = shown(event_type);
        for (name, value) in fields {
            match name.as_str() {
                _ if !shown.contains(&name.as_str()) => hide(value),
                "details" => hide_in_details(value),
                "carry_forward_events" => hide_in_pairs(value),
                "reason" if !is_the_frameworks(value) => hide(value),
                // What should be a name or a number and is none may hold anything.
                _ if value.is_object() || value.is_array() => hide(value),
                _ => {}
            }
        }
    }
}

impl ExecutionInfo {
    /// Takes the output out; its size stays.
    pub fn hide_payloads(&mut self) {
        if let Some(output) = self.output.take() {
            self.output_bytes = Some(size(output.len()));
        }
    }
}

impl InstanceExport {
    /// Hides the payloads of all its executions and events.
    pub fn hide_payloads(&mut self) {
        let Self { instance: _, executions, history } = self;
        executions.iter_mut().for_each(ExecutionInfo::hide_payloads);
        history.iter_mut().flatten().for_each(Event::hide_payloads);
    }
}

/// The size of a value that was hidden.
pub(crate) fn hidden_bytes(value: &Value) -> Option<u64> {
    match value {
        Value::Object(object) if object.len() == 1 => object.get(HIDDEN)?.as_u64(),
        _ => None,
    }
}

/// The fields that are shown, at least in part.
fn shown(event_type: &str) -> &'static [&'static str] {
    match event_type {
        "OrchestrationStarted" => &[
            "name",
            "version",
            "parent_instance",
            "parent_id",
            "parent_execution_id",
            "carry_forward_events",
            "initial_custom_status",
        ],
        "ActivityScheduled" => &["name", "session_id", "tag"],
        "SubOrchestrationScheduled" | "OrchestrationChained" => &["name", "instance"],
        "OrchestrationFailed" | "ActivityFailed" | "SubOrchestrationFailed" => &["details"],
        "TimerCreated" | "TimerFired" => &["fire_at_ms"],
        "ExternalSubscribed"
        | "ExternalEvent"
        | "ExternalSubscribedPersistent"
        | "ExternalEventPersistent" => &["name"],
        "ActivityCancelRequested"
        | "SubOrchestrationCancelRequested"
        | "OrchestrationCancelRequested"
        | "ExternalSubscribedCancelled"
        | "ExternalSubscribedPersistentCancelled" => &["reason"],
        "CustomStatusUpdated" => &["status"],
        "KeyValueSet" => &["key", "last_updated_at_ms"],
        "KeyValueCleared" => &["key"],
        // Of frameworks before 0.1.13.
        "SystemCall" => &["op"],
        _ => &[],
    }
}

/// Whether a reason is one the framework gives; others were written by people.
fn is_the_frameworks(reason: &Value) -> bool {
    reason.as_str().is_some_and(|reason| {
        matches!(
            reason,
            "dropped_future"
                | "orchestration_terminal"
                | "orchestration_terminal_completed"
                | "orchestration_terminal_failed"
                | "orchestration_terminal_continued_as_new"
                | "parent canceled"
                | "parent dropped sub-orchestration future"
        )
    })
}

/// Shows the kind of a failure and whose it was; hides what it says.
fn hide_in_details(details: &mut Value) {
    let Some((kind, content)) = only_entry(details) else { return hide(details) };
    if !matches!(kind.as_str(), "Application" | "Configuration" | "Infrastructure" | "Poison") {
        return hide(details);
    }
    let Value::Object(fields) = content else { return hide(content) };
    for (name, value) in fields {
        match name.as_str() {
            "retryable" | "attempt_count" | "max_attempts" if value.is_boolean() || value.is_number() => {}
            // Name of the provider's method.
            "operation" if kind == "Infrastructure" && value.is_string() => {}
            "kind" => hide_in_kind(value),
            "message_type" => hide_in_message_type(value),
            _ => hide(value),
        }
    }
}

/// Kinds are words of the framework; `Cancelled` comes with a reason, `MissingVersion` (old) with a version.
fn hide_in_kind(kind: &mut Value) {
    if kind.as_str().is_some_and(is_a_kind) {
        return;
    }
    match only_entry(kind) {
        Some((word, Value::Object(fields))) if is_a_kind(word) => {
            for (name, value) in fields {
                if !(name == "reason" && is_the_frameworks(value)) {
                    hide(value);
                }
            }
        }
        Some((word, content)) if is_a_kind(word) => hide(content),
        _ => hide(kind),
    }
}

fn is_a_kind(word: &str) -> bool {
    matches!(
        word,
        "ActivityFailed"
            | "OrchestrationFailed"
            | "Panicked"
            | "Cancelled"
            | "Nondeterminism"
            | "UnregisteredOrchestration"
            | "UnregisteredActivity"
            | "MissingVersion"
    )
}

/// What was tried too often: ids and names.
fn hide_in_message_type(message: &mut Value) {
    let Some((kind, Value::Object(fields))) = only_entry(message) else { return hide(message) };
    if !matches!(kind.as_str(), "Orchestration" | "Activity" | "FailedDeserialization") {
        return hide(message);
    }
    for (name, value) in fields {
        let harmless = matches!(name.as_str(), "instance" | "execution_id" | "activity_name" | "activity_id");
        if !harmless || value.is_object() || value.is_array() {
            hide(value);
        }
    }
}

/// Events carried forward are pairs of a name and data.
fn hide_in_pairs(events: &mut Value) {
    let Value::Array(pairs) = events else { return hide(events) };
    for pair in pairs {
        match pair {
            Value::Array(parts) => match parts.as_mut_slice() {
                [Value::String(_), data] => hide(data),
                _ => hide(pair),
            },
            _ => hide(pair),
        }
    }
}

/// The entry of an object that has one.
fn only_entry(value: &mut Value) -> Option<(&String, &mut Value)> {
    match value {
        Value::Object(object) if object.len() == 1 => object.iter_mut().next(),
        _ => None,
    }
}

fn hide(value: &mut Value) {
    // Hiding twice is hiding once; a field without a value hides nothing.
    if hidden_bytes(value).is_some() || value.is_null() {
        return;
    }
    let bytes = match &*value {
        Value::String(text) => text.len(),
        other => other.to_string().len(),
    };
    let mut hidden = Map::new();
    hidden.insert(HIDDEN.to_owned(), size(bytes).into());
    *value = Value::Object(hidden);
}

fn size(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
