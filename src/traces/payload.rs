//! What an execution was given and gave: personal data, kept only when that was switched on.

use std::collections::HashMap;

use opentelemetry_proto::tonic::common::v1::KeyValue;

use crate::history::Event;
use crate::otlp::text;

/// The most characters of a text that a span gets.
const LONGEST: usize = 4_000;

/// Fields of events, and the attributes they become. A failure's words are the status of its span.
const FIELDS: [(&str, &str); 8] = [
    ("input", "duroxide.input"),
    ("output", "duroxide.output"),
    ("result", "duroxide.output"),
    ("data", "duroxide.data"),
    ("status", "duroxide.custom_status"),
    ("key", "duroxide.key"),
    ("value", "duroxide.value"),
    ("reason", "duroxide.reason"),
];

/// The texts of an execution's events, by event.
#[derive(Debug, Default)]
pub(super) struct Payloads {
    wanted: bool,
    texts: HashMap<u64, Vec<(&'static str, String)>>,
    failures: HashMap<u64, String>,
    /// The events that began and ended the execution.
    ends: Vec<u64>,
}

impl Payloads {
    pub(super) fn new(wanted: bool) -> Self {
        Self { wanted, ..Self::default() }
    }

    pub(super) fn push(&mut self, event: &Event) {
        if !self.wanted {
            return;
        }
        let texts = FIELDS.iter().filter_map(|(field, key)| Some((*key, cut(event.text(field)?))));
        let texts: Vec<_> = texts.collect();
        if !texts.is_empty() {
            self.texts.insert(event.event_id, texts);
        }
        if let Some(words) = event.failure_message() {
            self.failures.insert(event.event_id, cut(words));
        }
        if matches!(
            event.event_type.as_str(),
            "OrchestrationStarted"
                | "OrchestrationCompleted"
                | "OrchestrationFailed"
                | "OrchestrationContinuedAsNew"
        ) {
            self.ends.push(event.event_id);
        }
    }

    /// What an event held.
    pub(super) fn of(&self, event: u64) -> Vec<KeyValue> {
        let texts = self.texts.get(&event).into_iter().flatten();
        texts.map(|(key, value)| text(key, value)).collect()
    }

    /// What the execution was given, and gave.
    pub(super) fn of_execution(&self) -> Vec<KeyValue> {
        let mut all: Vec<KeyValue> = self.ends.iter().flat_map(|event| self.of(*event)).collect();
        // A key is there once: what continues as new is given more than once. The first is its own.
        let mut keys = std::collections::HashSet::new();
        all.retain(|attribute| keys.insert(attribute.key.clone()));
        all
    }

    /// The words of a failure.
    pub(super) fn failure(&self, event: u64) -> Option<&str> {
        self.failures.get(&event).map(String::as_str)
    }

    pub(super) fn failure_of_execution(&self) -> Option<&str> {
        self.ends.iter().find_map(|event| self.failure(*event))
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
