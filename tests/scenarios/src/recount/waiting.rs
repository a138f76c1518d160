//! The families about what runs, and why it waits: every running instance by itself, its whole history at hand.

use std::collections::{BTreeMap, BTreeSet};

use duroxide::providers::WorkItem;
use serde_json::Value;

use super::{
    Tally, label, queues,
    rows::{Message, Rows},
    seconds,
    states::{Classified, State, Table},
};

/// Every reason, the first that holds counts.
const REASONS: [&str; 8] = ["executing", "ready", "retrying", "activity", "child", "event", "timer", "stuck"];

type Running<'a> = BTreeMap<&'a str, Execution>;

/// The current execution of a running instance.
struct Execution {
    orchestration: String,
    runtime_version: String,
    started_ms: Option<i64>,
    /// Its events since it began; none where that cannot be read.
    history: Vec<Value>,
}

pub(super) fn count(rows: &Rows, now_ms: i64, tally: &mut Tally<'_>) {
    let running = running(rows);
    let queued = Queued::new(rows, now_ms);
    for (id, execution) in &running {
        let orchestration = label(&execution.orchestration);
        let of = [("orchestration", orchestration.as_str())];
        let age = execution.started_ms.map_or(0.0, |started_ms| seconds(now_ms - started_ms));
        tally.oldest("duroxide_instances_oldest_running_age_seconds", &of, age);
        let version = label(&execution.runtime_version);
        tally.add("duroxide_executions_running", &[("runtime_version", &version)], 1.0);
        let reason = queued.reason(id, &execution.history, &running);
        for candidate in REASONS {
            let labels = [of[0], ("reason", candidate)];
            tally.add("duroxide_instances_waiting", &labels, f64::from(u8::from(candidate == reason)));
        }
    }
    tally.add("duroxide_history_backlog_events", &[], 0.0);
}

/// Of an instance whose history does not tell how it began, its rows do.
fn running(rows: &Rows) -> Running<'_> {
    let mut histories: BTreeMap<(&str, i64), Vec<Value>> = BTreeMap::new();
    for event in &rows.history {
        let Some(json) = event.json() else { continue };
        let history = histories.entry((&event.instance, event.execution)).or_default();
        if json["type"] == "OrchestrationStarted" {
            history.clear();
        } else if history.is_empty() {
            continue;
        }
        history.push(json);
    }
    let mut running = Running::new();
    for (id, instance) in &rows.instances {
        let key = (id.clone(), instance.current_execution);
        let status = rows.executions.get(&key).map(String::as_str);
        if !matches!(status, Some("Running" | "ContinuedAsNew")) {
            continue;
        }
        let text = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
        let execution = match histories.remove(&(id.as_str(), instance.current_execution)) {
            Some(history) => Execution {
                orchestration: text(&history[0], "name"),
                runtime_version: text(&history[0], "duroxide_version"),
                started_ms: history[0]["timestamp_ms"].as_i64(),
                history,
            },
            None => Execution {
                orchestration: instance.orchestration.clone(),
                runtime_version: String::new(),
                started_ms: rows.started.get(&key).copied().flatten(),
                history: Vec::new(),
            },
        };
        running.insert(id, execution);
    }
    running
}

/// Ids of instances by what is queued for them.
#[derive(Default)]
struct Queued<'a> {
    executing: BTreeSet<&'a str>,
    ready: BTreeSet<&'a str>,
    retrying: BTreeSet<&'a str>,
    activity: BTreeSet<String>,
    later: BTreeSet<&'a str>,
    /// With any message that is not a sleeping timer: it is, or is about to be.
    alive: BTreeSet<&'a str>,
    retrying_activity: BTreeSet<String>,
}

impl<'a> Queued<'a> {
    fn new(rows: &'a Rows, now_ms: i64) -> Self {
        let mut queued = Self::default();
        let locked = rows.locks.iter().filter(|(_, lock)| lock.until > now_ms);
        queued.executing.extend(locked.map(|(id, _)| id.as_str()));
        queued.alive.clone_from(&queued.executing);
        for row in rows.classified(Table::Orchestrator, now_ms) {
            // A timer that nobody waits for wakes nobody.
            if !queues::leftover(rows, row.message) {
                queued.message(&row);
            }
        }
        for row in rows.classified(Table::Worker, now_ms) {
            let Some(id) = of_activity(row.message) else { continue };
            if row.state == State::Delayed && row.message.attempts > 0 {
                queued.retrying_activity.insert(id);
            } else {
                queued.activity.insert(id);
            }
        }
        queued
    }

    fn message(&mut self, row: &Classified<'a>) {
        let id = row.message.instance.as_str();
        let put_off = row.state == State::Delayed;
        if !put_off {
            self.ready.insert(id);
        } else if row.message.attempts > 0 {
            self.retrying.insert(id);
        } else {
            self.later.insert(id);
        }
        let timer = matches!(row.message.parts(), Some((kind, _)) if kind == "TimerFired");
        if !(timer && put_off && row.message.attempts == 0) {
            self.alive.insert(id);
        }
    }

    fn reason(&self, id: &str, history: &[Value], running: &Running<'_>) -> &'static str {
        let holds = [
            self.executing.contains(id),
            self.ready.contains(id),
            self.retrying.contains(id) || self.retrying_activity.contains(id),
            self.activity.contains(id),
            open_children(id, history)
                .iter()
                .any(|child| running.contains_key(child.as_str()) || self.alive.contains(child.as_str())),
            listens(history),
            self.later.contains(id),
            true,
        ];
        let first = holds.iter().position(|holds| *holds).expect("the last holds");
        REASONS[first]
    }
}

/// Whose activity it is.
fn of_activity(message: &Message) -> Option<String> {
    let (kind, fields) = message.parts()?;
    let instance = fields["instance"].as_str().filter(|_| kind == "ActivityExecute");
    instance.map(str::to_owned).or_else(|| match message.decoded()? {
        WorkItem::ActivityExecute { instance, .. } => Some(instance),
        _ => None,
    })
}

/// Ids of the children that were begun and of which no end was heard.
fn open_children(id: &str, history: &[Value]) -> Vec<String> {
    let began = history.iter().filter(|event| event["type"] == "SubOrchestrationScheduled");
    let open = began.filter(|began| {
        !history.iter().any(|event| {
            let ends =
                ["SubOrchestrationCompleted", "SubOrchestrationFailed", "SubOrchestrationCancelRequested"];
            ends.iter().any(|end| event["type"] == *end) && event["source_event_id"] == began["event_id"]
        })
    });
    let child = |event: &Value| match event["instance"].as_str().unwrap_or_default() {
        generated if generated.starts_with("sub::") => format!("{id}::{generated}"),
        chosen => chosen.to_owned(),
    };
    open.map(child).collect()
}

/// Whether it asked for something from outside that has not come.
fn listens(history: &[Value]) -> bool {
    let names: BTreeSet<&str> = history.iter().filter_map(|event| event["name"].as_str()).collect();
    names.into_iter().any(|name| listens_for_event(history, name) || listens_to_queue(history, name))
}

/// An event goes to the first that listens at that moment; if none does, it is lost.
fn listens_for_event(history: &[Value], name: &str) -> bool {
    let mut listening = Vec::new();
    for event in history {
        match event["type"].as_str().unwrap_or_default() {
            "ExternalSubscribed" if event["name"] == name => listening.push(&event["event_id"]),
            "ExternalSubscribedCancelled" => listening.retain(|id| **id != event["source_event_id"]),
            "ExternalEvent" if event["name"] == name && !listening.is_empty() => {
                listening.remove(0);
            }
            _ => {}
        }
    }
    !listening.is_empty()
}

/// Messages of a queue are kept: each goes to one that has not given up.
fn listens_to_queue(history: &[Value], name: &str) -> bool {
    let of = |kind: &'static str| history.iter().filter(move |event| event["type"] == kind);
    let gave_up = |asked: &&Value| {
        of("ExternalSubscribedPersistentCancelled").any(|event| event["source_event_id"] == asked["event_id"])
    };
    let asked = of("ExternalSubscribedPersistent").filter(|event| event["name"] == name);
    let came = of("ExternalEventPersistent").filter(|event| event["name"] == name).count();
    asked.filter(|asked| !gave_up(asked)).count() > came
}
