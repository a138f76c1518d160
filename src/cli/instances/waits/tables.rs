//! Everything an instance waits for, and what is on its way to it.

use super::super::super::text::{self, Cell, Paint, Table};
use super::super::session::Terminal;
use super::state::at;
use crate::labels::{Channel, MessageState, WaitReason};
use crate::management::{Awaited, InstanceWaits, OpenWait, QueuedMessage, Timestamp};

/// Rows of a table; JSON has all.
const MOST: usize = 20;

/// Everything it waits for, and what is on its way, where that is more than the sentence says.
pub(in crate::cli::instances) fn tables(waits: &InstanceWaits, terminal: &Terminal<'_>) -> String {
    let now = waits.as_of;
    let mut words = String::new();
    let told = waits.waits.len() == 1 && waits.messages.is_empty() && waits.reason != Some(WaitReason::Stuck);
    if !waits.waits.is_empty() && !told {
        let titles =
            [("WAITS FOR", false), ("NAME", false), ("EVENT", true), ("SINCE", true), ("STATE", false)];
        let mut table = Table::mixed(2, titles).on(terminal.style, terminal.width);
        for wait in waits.waits.iter().take(MOST) {
            table.row(cells(wait, now));
        }
        words.push_str(&format!("\n{}", table.render()));
        words.push_str(&left(waits.waits.len()));
    }
    if !waits.messages.is_empty() {
        let titles =
            [("IN THE QUEUES", false), ("NAME", false), ("EVENT", true), ("SINCE", true), ("STATE", false)];
        let mut table = Table::mixed(2, titles).on(terminal.style, terminal.width);
        for message in waits.messages.iter().take(MOST) {
            table.row(message_cells(message, now));
        }
        words.push_str(&format!("\n{}", table.render()));
        words.push_str(&left(waits.messages.len()));
    }
    if waits.undecodable_events > 0 {
        let events = text::plural(waits.undecodable_events, "event", "events");
        words.push_str(&format!(
            "\n  {events} of its history cannot be decoded: what they began or ended is not known.\n"
        ));
    }
    words
}

fn left(all: usize) -> String {
    match all.checked_sub(MOST) {
        None | Some(0) => String::new(),
        Some(left) => format!("  … and {left} more; --output json has them\n"),
    }
}

fn cells(wait: &OpenWait, now: Timestamp) -> Vec<Cell> {
    let OpenWait { event_id, since, awaited } = wait;
    let lost = |words: &str| Cell::painted(words, Some(Paint::Yellow));
    let (kind, name, state) = match awaited {
        Awaited::Activity { name, tag, queued } => {
            let tag = tag.as_ref().map(|tag| format!("; tag {tag}")).unwrap_or_default();
            let state = queued.as_ref().map(|entry| Cell::long(text::harmless(&(at(entry, now) + &tag))));
            ("activity", Cell::name(name), state.unwrap_or_else(|| lost("in no queue")))
        }
        Awaited::Child { name: _, instance_id, status, alive } => {
            let state = match (status, alive) {
                (Some(status), true) => Cell::from(status.as_str()),
                (Some(status), false) => lost(status.as_str()),
                (None, true) => Cell::from("about to start"),
                (None, false) => lost("does not exist"),
            };
            ("child", Cell::id(instance_id), state)
        }
        Awaited::Event { channel, name, missed } => {
            let kind = if *channel == Channel::Queue { "message" } else { "event" };
            let state = match missed {
                0 => Cell::from("not yet come"),
                missed => lost(&format!("came {} too early", text::plural(*missed, "time", "times"))),
            };
            (kind, Cell::name(name), state)
        }
        Awaited::Timer { due_at, queued } => {
            let state = match queued {
                Some(entry) if entry.state == MessageState::Delayed => Cell::from(at(entry, now)),
                Some(entry) => Cell::long(format!("due: {}", at(entry, now))),
                None => lost(&format!("in no queue, due at {due_at}")),
            };
            ("timer", Cell::from("-"), state)
        }
    };
    vec![
        Cell::from(kind),
        name,
        Cell::from(event_id.to_string()),
        Cell::from(text::since(now, *since)),
        state,
    ]
}

fn message_cells(message: &QueuedMessage, now: Timestamp) -> Vec<Cell> {
    let QueuedMessage { kind, name, event_id, execution_id: _, entry } = message;
    let dash = || "-".to_owned();
    vec![
        Cell::from(kind.as_str()),
        Cell::from(name.clone().unwrap_or_else(dash)),
        Cell::from(event_id.map_or_else(dash, |event| event.to_string())),
        Cell::from(entry.queued_at.map_or_else(dash, |at| text::since(now, at))),
        Cell::long(at(entry, now)),
    ]
}
