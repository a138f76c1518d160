//! The families about queues.

use std::collections::BTreeSet;

use duroxide::providers::WorkItem;

use super::{
    Tally, label, number,
    rows::{Message, Rows, Rules},
    seconds,
    states::{Classified, State, Table},
};

const QUEUES: [&str; 3] = ["orchestrator", "worker", "timer"];

pub(super) fn count(rows: &Rows, now_ms: i64, tally: &mut Tally<'_>) {
    announce(tally);
    let orchestrator = rows.classified(Table::Orchestrator, now_ms);
    let worker = rows.classified(Table::Worker, now_ms);
    let mut ready = BTreeSet::new();
    for row in &orchestrator {
        let timer = row.message.parts().is_some_and(|(kind, _)| kind == "TimerFired");
        let queue = if timer { "timer" } else { "orchestrator" };
        every_row(row, queue, now_ms, tally);
        undecodable(!readable_for_orchestrations(rows, row.message), queue, tally);
        if orphan(rows, row.message, now_ms) {
            tally.add("duroxide_queue_orphan_messages", &[("queue", queue)], 1.0);
        }
        if leftover(rows, row.message) {
            tally.add("duroxide_queue_leftover_messages", &[("queue", queue)], 1.0);
        }
        if row.state.fetchable() {
            ready.insert(&row.message.instance);
        }
    }
    for row in &worker {
        every_row(row, "worker", now_ms, tally);
        undecodable(row.message.decoded().is_none(), "worker", tally);
        activity(row, now_ms, tally);
    }
    tally.add("duroxide_queue_ready_instances", &[], number(ready.len().try_into().unwrap()));
    let Some(sequences) = &rows.sequences else { return };
    for (queue, table, count) in
        [("orchestrator", "orchestrator_queue", orchestrator.len()), ("worker", "worker_queue", worker.len())]
    {
        let enqueued = sequences.get(table).copied().unwrap_or(0);
        let left: i64 = count.try_into().unwrap();
        tally.add("duroxide_queue_enqueued_total", &[("queue", queue)], number(enqueued));
        tally.add("duroxide_queue_dequeued_total", &[("queue", queue)], number(enqueued - left));
    }
}

/// Series that exist also when nothing is queued.
fn announce(tally: &mut Tally<'_>) {
    for queue in QUEUES {
        for state in State::ALL {
            tally.add("duroxide_queue_messages", &[("queue", queue), ("state", state.name())], 0.0);
        }
        for family in [
            "duroxide_queue_fetchable_messages",
            "duroxide_queue_oldest_ready_age_seconds",
            "duroxide_queue_oldest_expired_lease_age_seconds",
            "duroxide_queue_retrying_messages",
            "duroxide_queue_max_attempts",
            "duroxide_queue_undecodable_messages",
        ] {
            tally.add(family, &[("queue", queue)], 0.0);
        }
    }
    for queue in ["orchestrator", "timer"] {
        tally.add("duroxide_queue_orphan_messages", &[("queue", queue)], 0.0);
    }
    tally.add("duroxide_queue_leftover_messages", &[("queue", "timer")], 0.0);
}

/// What is counted of every row, whatever its queue.
fn every_row(row: &Classified<'_>, queue: &str, now_ms: i64, tally: &mut Tally<'_>) {
    let message = row.message;
    let queue = [("queue", queue)];
    tally.add("duroxide_queue_messages", &[queue[0], ("state", row.state.name())], 1.0);
    if row.state.fetchable() {
        tally.add("duroxide_queue_fetchable_messages", &queue, 1.0);
    }
    if row.state.waiting() {
        let age = seconds(now_ms - message.waiting_since());
        tally.oldest("duroxide_queue_oldest_ready_age_seconds", &queue, age);
    }
    if let (State::LeaseExpired, Some(end)) = (row.state, row.lease_end) {
        tally.oldest("duroxide_queue_oldest_expired_lease_age_seconds", &queue, seconds(now_ms - end));
    }
    // The first hand-out of a row that is leased is no retry.
    let first_attempts = i64::from(row.state == State::InFlight);
    if message.attempts > first_attempts {
        tally.add("duroxide_queue_retrying_messages", &queue, 1.0);
    }
    tally.oldest("duroxide_queue_max_attempts", &queue, number(message.attempts));
}

fn undecodable(is: bool, queue: &str, tally: &mut Tally<'_>) {
    tally.add("duroxide_queue_undecodable_messages", &[("queue", queue)], f64::from(u8::from(is)));
}

/// Whether the provider can hand it out. On Postgres the database decodes it, and cannot if a text in it holds a NUL.
fn readable_for_orchestrations(rows: &Rows, message: &Message) -> bool {
    let Some(item) = message.decoded() else { return false };
    match rows.rules {
        Rules::Sqlite => true,
        Rules::Postgres => !holds_nul(&serde_json::to_value(item).expect("a work item is JSON")),
    }
}

fn holds_nul(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::String(text) => text.contains('\0'),
        serde_json::Value::Array(values) => values.iter().any(holds_nul),
        serde_json::Value::Object(members) => members.values().any(holds_nul),
        _ => false,
    }
}

/// Nothing will ever take this row: its instance does not exist, it does not start it (a start that is scheduled
/// for later is no orphan), and no row that may be handed out with it does.
fn orphan(rows: &Rows, message: &Message, now_ms: i64) -> bool {
    let starts = |message: &Message| {
        matches!(
            message.decoded(),
            Some(WorkItem::StartOrchestration { .. } | WorkItem::ContinueAsNew { .. })
        )
    };
    let started =
        |other: &Message| other.instance == message.instance && other.visible(now_ms) && starts(other);
    !rows.instances.contains_key(&message.instance)
        && !starts(message)
        && !rows.orchestrator.iter().any(started)
}

/// A timer nobody waits for any more: its execution has ended or was followed by another one. An execution that
/// continued as new has ended, also while its successor has not begun.
pub(super) fn leftover(rows: &Rows, message: &Message) -> bool {
    let Some(WorkItem::TimerFired { execution_id, .. }) = message.decoded() else { return false };
    let Some(instance) = rows.instances.get(&message.instance) else { return false };
    let current = (message.instance.clone(), instance.current_execution);
    let status = rows.executions.get(&current).map(String::as_str);
    let ended = matches!(status, Some("Completed" | "Failed" | "ContinuedAsNew"));
    ended || i64::try_from(execution_id) != Ok(instance.current_execution)
}

fn activity(row: &Classified<'_>, now_ms: i64, tally: &mut Tally<'_>) {
    // The name is told also for a work item of another version that the framework cannot read whole.
    let name = match row.message.parts() {
        Some((kind, fields)) if kind == "ActivityExecute" => {
            fields["name"].as_str().unwrap_or_default().to_owned()
        }
        _ => String::new(),
    };
    let activity = label(&name);
    let tag = label(row.message.tag.as_deref().unwrap_or_default());
    for state in State::ALL {
        let labels = [("activity", activity.as_str()), ("tag", tag.as_str()), ("state", state.name())];
        let here = f64::from(u8::from(row.state == state));
        tally.add("duroxide_activity_queue_messages", &labels, here);
    }
    let age = if row.state.fetchable() { seconds(now_ms - row.message.waiting_since()) } else { 0.0 };
    tally.oldest("duroxide_activity_queue_oldest_ready_age_seconds", &[("tag", tag.as_str())], age);
}
