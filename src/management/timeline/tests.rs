//! Histories written by hand, and what they must tell.

mod activities;
mod damage;
mod header;
mod moments;
mod random;
mod replay;
mod waits;

use serde_json::{Value, json};

use super::{Timeline, TimelineEntry, TimelineKind, TimelineOutcome};
use crate::history::Event;
use crate::management::Timestamp;

const INSTANCE: &str = "order-1";

/// A history under construction. Event `n` is recorded `n` seconds after the epoch.
struct History {
    version: &'static str,
    events: Vec<Event>,
}

impl History {
    /// One that has started, under the framework of today.
    fn started() -> Self {
        Self::under("0.1.32")
    }

    fn under(version: &'static str) -> Self {
        let mut history = Self { version, events: Vec::new() };
        history.add("OrchestrationStarted", json!({"name": "Order", "version": "1.2.0", "input": "{}"}));
        history
    }

    fn add(&mut self, event_type: &str, fields: Value) -> u64 {
        self.add_about(None, event_type, fields)
    }

    #[expect(clippy::needless_pass_by_value, reason = "callers write json! in place")]
    fn add_about(&mut self, source: Option<u64>, event_type: &str, fields: Value) -> u64 {
        let event_id = self.events.len() as u64 + 1;
        self.events.push(Event {
            event_id,
            source_event_id: source,
            instance_id: INSTANCE.to_owned(),
            execution_id: 1,
            timestamp_ms: event_id * 1000,
            duroxide_version: self.version.to_owned(),
            event_type: event_type.to_owned(),
            undecodable: None,
            fields: fields.as_object().cloned().unwrap_or_default(),
        });
        event_id
    }

    fn activity(&mut self, name: &str, input: &str) -> u64 {
        self.add("ActivityScheduled", json!({"name": name, "input": input}))
    }

    fn completed(&mut self, activity: u64) -> u64 {
        self.add_about(Some(activity), "ActivityCompleted", json!({"result": "r"}))
    }

    fn failed(&mut self, activity: u64) -> u64 {
        self.add_about(
            Some(activity),
            "ActivityFailed",
            json!({"details": application("OrchestrationFailed")}),
        )
    }

    fn dropped(&mut self, activity: u64) -> u64 {
        self.add_about(Some(activity), "ActivityCancelRequested", json!({"reason": "dropped_future"}))
    }

    fn timer(&mut self) -> u64 {
        self.add("TimerCreated", json!({"fire_at_ms": 77_000}))
    }

    fn fired(&mut self, timer: u64) -> u64 {
        self.add_about(Some(timer), "TimerFired", json!({"fire_at_ms": 77_000}))
    }

    fn timeline(&self) -> Timeline {
        let mut builder = Timeline::builder(INSTANCE, 1);
        self.events.iter().for_each(|event| builder.push(event));
        builder.finish()
    }
}

fn application(kind: &str) -> Value {
    json!({"Application": {"kind": kind, "message": "m", "retryable": false}})
}

fn at(event: u64) -> Timestamp {
    Timestamp::from_unix_millis(i64::try_from(event * 1000).unwrap())
}

impl Timeline {
    fn of(&self, event: u64) -> &TimelineEntry {
        let mut found = self.entries.iter().filter(|entry| entry.event_id == event);
        let entry = found.next().unwrap_or_else(|| panic!("no entry for event {event} in {self:#?}"));
        assert!(found.next().is_none(), "two entries for event {event}");
        entry
    }

    /// How the entry of an event ended, and by which event.
    fn end_of(&self, event: u64) -> (TimelineOutcome, Option<u64>) {
        let entry = self.of(event);
        assert_eq!(entry.started_at, at(event));
        assert_eq!(entry.ended_at, entry.ended_by.map(|by| at(by.max(event))), "{entry:#?}");
        (entry.outcome, entry.ended_by)
    }

    fn tries_of(&self, events: &[u64]) -> Vec<(u32, Option<u64>)> {
        events.iter().map(|event| (self.of(*event).attempt, self.of(*event).retry_of)).collect()
    }
}

const OPEN: (TimelineOutcome, Option<u64>) = (TimelineOutcome::Open, None);

fn completed(by: u64) -> (TimelineOutcome, Option<u64>) {
    (TimelineOutcome::Completed, Some(by))
}

fn failed(by: u64) -> (TimelineOutcome, Option<u64>) {
    (TimelineOutcome::Failed, Some(by))
}

fn cancelled(by: u64) -> (TimelineOutcome, Option<u64>) {
    (TimelineOutcome::Cancelled, Some(by))
}
