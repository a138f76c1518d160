//! What events add up to: whole histories in memory, one look back for each event.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Entry;
use crate::{
    series::{Series, family, key},
    workload::EVENTS,
};

/// The families that are told of a history, but for what is of the moment.
const COUNTERS: [&str; 10] = [
    "duroxide_executions_started_total",
    "duroxide_executions_finished_total",
    "duroxide_activities_scheduled_total",
    "duroxide_activities_finished_total",
    "duroxide_children_scheduled_total",
    "duroxide_children_finished_total",
    "duroxide_events_received_total",
    "duroxide_history_events_total",
    "duroxide_history_missed_total",
    "duroxide_census_mismatches_total",
];

const HISTOGRAMS: [(&str, i64); 4] = [
    ("duroxide_execution_duration_seconds", 1000),
    ("duroxide_execution_history_events", 1),
    ("duroxide_activity_roundtrip_seconds", 1000),
    ("duroxide_timer_lateness_seconds", 1000),
];

const ENDS: [(&str, &str); 3] = [
    ("OrchestrationCompleted", "completed"),
    ("OrchestrationFailed", "failed"),
    ("OrchestrationContinuedAsNew", "continued_as_new"),
];

/// Labels, sorted.
type Labels = Vec<(&'static str, String)>;

/// Counts events.
#[derive(Debug)]
pub struct Tally {
    store: String,
    histories: BTreeMap<(String, i64), Vec<Value>>,
    counters: BTreeMap<(&'static str, Labels), i64>,
    /// Every observation of each histogram, in its smallest unit.
    observed: BTreeMap<(&'static str, Labels), Vec<i64>>,
}

impl Tally {
    /// Of nothing; `store` is the label.
    pub fn new(store: &str) -> Self {
        Self {
            store: store.to_owned(),
            histories: BTreeMap::new(),
            counters: BTreeMap::new(),
            observed: BTreeMap::new(),
        }
    }

    /// Events that were deleted before anybody could count them.
    pub fn missed(&mut self, events: i64) {
        self.add("duroxide_history_missed_total", &[], events);
    }

    /// The store was set back: of the histories only these are left.
    pub fn set_back(&mut self, left: &[Entry]) {
        self.histories.clear();
        for entry in left {
            if let Some(event) = event(&entry.data) {
                self.file((entry.instance.clone(), entry.execution), event);
            }
        }
    }

    /// Counts an event of an execution, which has to come behind those before it.
    pub fn count(&mut self, instance: &str, execution: i64, data: &str) {
        let Some(event) = event(data) else {
            return self.add("duroxide_history_events_total", &[("type", "undecodable")], 1);
        };
        let kind = event["type"].as_str().unwrap_or_default().to_owned();
        let known = EVENTS.contains(&kind.as_str()) || kind == "SystemCall";
        let label = if known { kind.as_str() } else { "unknown" };
        self.add("duroxide_history_events_total", &[("type", label)], 1);
        // An id that is used again begins anew.
        let execution = (instance.to_owned(), execution);
        let before = match kind.as_str() {
            "OrchestrationStarted" => Vec::new(),
            _ => self.histories.remove(&execution).unwrap_or_default(),
        };
        self.judge(&kind, &event, &before);
        self.histories.insert(execution.clone(), before);
        self.file(execution, event);
    }

    fn file(&mut self, execution: (String, i64), event: Value) {
        let history = self.histories.entry(execution).or_default();
        if event["type"] == "OrchestrationStarted" {
            history.clear();
        }
        history.push(event);
    }

    fn judge(&mut self, kind: &str, event: &Value, before: &[Value]) {
        let name = text(&event["name"]);
        match kind {
            "OrchestrationStarted" => {
                let labels = [("orchestration", name.as_str()), ("version", &text(&event["version"]))];
                self.add("duroxide_executions_started_total", &labels, 1);
            }
            "ActivityScheduled" if !name.starts_with("__duroxide_syscall:") => {
                self.add("duroxide_activities_scheduled_total", &[("activity", &name)], 1);
            }
            "SubOrchestrationScheduled" => {
                self.add("duroxide_children_scheduled_total", &[("orchestration", &name)], 1);
            }
            "ExternalEvent" => self.add("duroxide_events_received_total", &[("channel", "event")], 1),
            "ExternalEventPersistent" => {
                self.add("duroxide_events_received_total", &[("channel", "queue")], 1)
            }
            _ => {}
        }
        if let Some((_, outcome)) = ENDS.iter().find(|(end, _)| *end == kind) {
            self.ended(outcome, event, before);
        }
        if let Some((began, outcome)) = answered(event, before) {
            self.answered(&began, outcome, event);
        }
    }

    fn ended(&mut self, outcome: &str, event: &Value, before: &[Value]) {
        let ended = before.iter().any(|event| ENDS.iter().any(|(end, _)| event["type"] == *end));
        let Some(first) = before.first().filter(|_| !ended) else { return };
        let (orchestration, version) = (text(&first["name"]), text(&first["version"]));
        let failure = if outcome == "failed" { failure_kind(&event["details"]) } else { "" };
        let labels = [
            ("orchestration", orchestration.as_str()),
            ("version", &version),
            ("outcome", outcome),
            ("failure_kind", failure),
        ];
        self.add("duroxide_executions_finished_total", &labels, 1);
        let labels = [("orchestration", orchestration.as_str()), ("outcome", outcome)];
        self.observe("duroxide_execution_duration_seconds", &labels, (time(event) - time(first)).max(0));
        let events = i64::try_from(before.len() + 1).expect("a number of events");
        self.observe("duroxide_execution_history_events", &labels, events);
    }

    fn answered(&mut self, began: &Value, outcome: &str, event: &Value) {
        let name = text(&began["name"]);
        match began["type"].as_str().unwrap_or_default() {
            "ActivityScheduled" if !name.starts_with("__duroxide_syscall:") => {
                let labels = [("activity", name.as_str()), ("outcome", outcome)];
                self.add("duroxide_activities_finished_total", &labels, 1);
                self.observe(
                    "duroxide_activity_roundtrip_seconds",
                    &labels,
                    (time(event) - time(began)).max(0),
                );
            }
            "SubOrchestrationScheduled" => {
                let labels = [("orchestration", name.as_str()), ("outcome", outcome)];
                self.add("duroxide_children_finished_total", &labels, 1);
            }
            "TimerCreated" => {
                let due = began["fire_at_ms"].as_i64().unwrap_or_default();
                self.observe("duroxide_timer_lateness_seconds", &[], (time(event) - due).max(0));
            }
            _ => {}
        }
    }

    /// Everything that the exporter tells otherwise, one line each.
    pub fn differences(&self, exported: &Series) -> String {
        let mut expected = Series::new();
        for ((family, labels), n) in &self.counters {
            expected.insert(self.key(family, labels, &[]), number(*n));
        }
        for ((family, labels), all) in &self.observed {
            let scale = HISTOGRAMS.iter().find(|(name, _)| name == family).expect("a histogram").1;
            let sum: i64 = all.iter().sum();
            expected.insert(self.key(&format!("{family}_sum"), labels, &[]), number(sum) / number(scale));
            expected.insert(
                self.key(&format!("{family}_count"), labels, &[]),
                number(all.len().try_into().expect("few")),
            );
            for bound in bounds(family, exported) {
                let limit: f64 = bound.parse().expect("a bound");
                let below = all.iter().filter(|value| number(**value) / number(scale) <= limit).count();
                let series = self.key(&format!("{family}_bucket"), labels, &[("le", &bound)]);
                expected.insert(series, number(below.try_into().expect("few")));
            }
        }
        let told = exported.iter().filter(|(series, value)| **value != 0.0 && is_ours(family(series)));
        let all: BTreeSet<&String> = told.map(|(series, _)| series).chain(expected.keys()).collect();
        let mut report = String::new();
        for series in all {
            let (truth, told) = (expected.get(series), exported.get(series));
            if truth.unwrap_or(&0.0).to_bits() != told.unwrap_or(&0.0).to_bits() {
                report += &format!("  {series}\n      truth {truth:?}, exporter {told:?}\n");
            }
        }
        report
    }

    fn key(&self, family: &str, labels: &Labels, more: &[(&str, &str)]) -> String {
        let labels = labels.iter().map(|(name, value)| (*name, value.as_str()));
        let all: Vec<_> =
            labels.chain([("store", self.store.as_str())]).chain(more.iter().copied()).collect();
        key(family, &all)
    }

    fn add(&mut self, family: &'static str, labels: &[(&'static str, &str)], n: i64) {
        *self.counters.entry((family, owned(labels))).or_default() += n;
    }

    fn observe(&mut self, family: &'static str, labels: &[(&'static str, &str)], value: i64) {
        self.observed.entry((family, owned(labels))).or_default().push(value);
    }
}

/// Which event this one ends, and how, unless that had ended before.
fn answered(event: &Value, before: &[Value]) -> Option<(Value, &'static str)> {
    let (began, outcome) = match event["type"].as_str()? {
        "ActivityCompleted" => ("ActivityScheduled", "completed"),
        "ActivityFailed" => ("ActivityScheduled", "failed"),
        "ActivityCancelRequested" => ("ActivityScheduled", "cancelled"),
        "SubOrchestrationCompleted" => ("SubOrchestrationScheduled", "completed"),
        "SubOrchestrationFailed" => ("SubOrchestrationScheduled", "failed"),
        "SubOrchestrationCancelRequested" => ("SubOrchestrationScheduled", "cancelled"),
        "TimerFired" => ("TimerCreated", "completed"),
        _ => return None,
    };
    let source = event["source_event_id"].as_u64()?;
    let began = before.iter().find(|earlier| earlier["event_id"] == source && earlier["type"] == began)?;
    let again = before.iter().any(|earlier| earlier["source_event_id"] == source);
    (!again).then(|| (began.clone(), outcome))
}

/// An event, if the text holds the envelope of one.
pub(crate) fn event(data: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(data).ok()?;
    let whole = ["event_id", "execution_id", "timestamp_ms"].iter().all(|field| value[field].is_u64());
    (whole && value["instance_id"].is_string() && value["type"].is_string()).then_some(value)
}

fn failure_kind(details: &Value) -> &'static str {
    let kind = &details["Application"]["kind"];
    if kind == "Panicked" {
        "panicked"
    } else if kind.get("Cancelled").is_some() {
        "cancelled"
    } else if details.get("Application").is_some() {
        "application"
    } else if details["Configuration"]["kind"] == "Nondeterminism" {
        "nondeterminism"
    } else if details.get("Infrastructure").is_some() {
        "infrastructure"
    } else if details.get("Poison").is_some() {
        "poison"
    } else {
        "unknown"
    }
}

fn is_ours(family: &str) -> bool {
    let histogram = |(name, _): &(&str, i64)| {
        ["_bucket", "_sum", "_count"].iter().any(|end| family.strip_suffix(end) == Some(*name))
    };
    COUNTERS.contains(&family) || HISTOGRAMS.iter().any(histogram)
}

/// The bounds of a histogram, as the exporter has them.
fn bounds(name: &str, exported: &Series) -> BTreeSet<String> {
    let ours = exported.keys().filter(|series| family(series).strip_suffix("_bucket") == Some(name));
    let bound = |series: &String| Some(series.split_once("le=\"")?.1.split_once('"')?.0.to_owned());
    ours.filter_map(bound).collect()
}

fn owned(labels: &[(&'static str, &str)]) -> Labels {
    labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

/// A name as a label shows it.
fn text(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    match text.char_indices().nth(200) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

fn time(event: &Value) -> i64 {
    event["timestamp_ms"].as_i64().expect("a time")
}

#[expect(clippy::cast_precision_loss, reason = "numbers of a test store are far below 2^53")]
fn number(n: i64) -> f64 {
    n as f64
}
