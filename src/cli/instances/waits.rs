//! What an instance waits for, in words: the one reason in a sentence (here), and all of it as `tables`.

mod state;
mod tables;
#[cfg(test)]
mod tests;

pub(super) use tables::tables;

use super::super::text::{self, Paint};
use super::session::Terminal;
use crate::labels::{Channel, InstanceStatus, MessageState, Queue, WaitReason};
use crate::management::{Awaited, InstanceWaits, OpenWait, QueueEntry, QueuedMessage, Timestamp};
use state::at;

/// The sentence. `None` of an instance that does not run.
pub(super) fn reason(waits: &InstanceWaits, terminal: &Terminal<'_>) -> Option<String> {
    let reason = waits.reason?;
    let now = waits.as_of;
    let words = match reason {
        WaitReason::Executing => match waits.executing_until {
            Some(until) => {
                format!("nothing: a runtime takes a turn of it, leased for {}", text::since(until, now))
            }
            None => "nothing: a runtime takes a turn of it".to_owned(),
        },
        WaitReason::Ready => ready(waits),
        WaitReason::Retrying => first(waits, now, is_retrying).unwrap_or_else(|| message(waits, now)),
        WaitReason::Activity => {
            first(waits, now, |awaited| matches!(awaited, Awaited::Activity { queued: Some(_), .. }))
                .unwrap_or_else(|| message(waits, now))
        }
        WaitReason::Child => {
            first(waits, now, |awaited| matches!(awaited, Awaited::Child { alive: true, .. }))
                .unwrap_or_default()
        }
        WaitReason::Event => {
            first(waits, now, |awaited| matches!(awaited, Awaited::Event { .. })).unwrap_or_default()
        }
        WaitReason::Timer => {
            first(waits, now, |awaited| matches!(awaited, Awaited::Timer { queued: Some(_), .. }))
                .unwrap_or_else(|| message(waits, now))
        }
        WaitReason::Stuck => stuck(waits),
    };
    // Of too many waits the right one may not be told.
    let words = if words.is_empty() { reason.to_string() } else { words };
    let paint = (reason == WaitReason::Stuck).then_some(Paint::Red);
    Some(terminal.style.paint(&words, paint))
}

/// What can be done about it, where that is not plain.
pub(super) fn advice(waits: &InstanceWaits) -> &'static [&'static str] {
    match waits.reason {
        Some(WaitReason::Stuck) if waits.undecodable_events > 0 => &[
            "Parts of its history cannot be decoded ('instances history' shows them): it may wait for",
            "what is written there. If not, it will not go on by itself. Cancel it through the",
            "framework's client (cancel_instance), which ends it as failed, and start it anew under",
            "another id.",
        ],
        Some(WaitReason::Stuck) => &[
            "A message for it was lost, as when rows of a queue are deleted by hand. It will not go on",
            "by itself. See what it has done ('instances timeline'), cancel it through the framework's",
            "client (cancel_instance), which ends it as failed, and start it anew under another id.",
        ],
        Some(WaitReason::Event) if waits.waits.iter().any(|wait| has_missed(&wait.awaited)) => &[
            "An event has to come while the instance waits for it. Raise it again through the framework's",
            "client (raise_event); where it may come early, let the orchestration wait for it from its",
            "beginning, or use a queue (enqueue_event).",
        ],
        _ => &[],
    }
}

fn has_missed(awaited: &Awaited) -> bool {
    matches!(awaited, Awaited::Event { missed: 1.., .. })
}

/// The first wait that is of this kind, and how many more there are.
fn first(waits: &InstanceWaits, now: Timestamp, is: impl Fn(&Awaited) -> bool) -> Option<String> {
    let mut found = waits.waits.iter().filter(|wait| is(&wait.awaited));
    let first = found.next()?;
    let more = match found.count() {
        0 => String::new(),
        more => format!(", and {more} more like it"),
    };
    Some(format!("{}{more}", sentence(first, now)))
}

fn is_retrying(awaited: &Awaited) -> bool {
    match awaited {
        Awaited::Activity { queued, .. } | Awaited::Timer { queued, .. } => {
            queued.as_ref().is_some_and(QueueEntry::is_retrying)
        }
        _ => false,
    }
}

fn sentence(wait: &OpenWait, now: Timestamp) -> String {
    let since = text::since(now, wait.since);
    match &wait.awaited {
        Awaited::Activity { name, tag, queued } => {
            let tag = tag.as_ref().map(|tag| format!(" with the tag {}", text::printable(tag)));
            let state = match queued {
                None => "in no queue".to_owned(),
                Some(entry) => format!("in the worker queue{}: {}", tag.unwrap_or_default(), at(entry, now)),
            };
            format!("the activity {}, since {since}, {state}", text::printable(name))
        }
        Awaited::Child { name, instance_id, status, .. } => {
            let state = status.map_or("is about to start", condition);
            format!(
                "the child {} ({}), which {state}, since {since}",
                text::harmless(text::named(instance_id)),
                text::printable(name)
            )
        }
        Awaited::Event { channel: Channel::Event, name, missed } => {
            let raised = match missed {
                0 => "not raised yet".to_owned(),
                1 => "raised once while nothing waited for it, and dropped by the framework".to_owned(),
                n => format!("raised {n} times while nothing waited for it, and dropped by the framework"),
            };
            format!("the event {}, since {since}: {raised}", text::printable(name))
        }
        Awaited::Event { channel: Channel::Queue, name, missed: _ } => {
            format!("a message of the queue {}, since {since}: none has come yet", text::printable(name))
        }
        Awaited::Timer { due_at, queued } => match queued {
            Some(entry) if entry.state == MessageState::Delayed && !entry.is_retrying() => {
                format!("a timer, due in {} ({due_at})", text::since(*due_at, now))
            }
            Some(entry) => {
                format!("a timer that was due {} ago: {}", text::since(now, *due_at), at(entry, now))
            }
            None => format!("a timer, due at {due_at}, but in no queue"),
        },
    }
}

fn ready(waits: &InstanceWaits) -> String {
    let is_ready = |entry: &QueueEntry| entry.queue != Queue::Worker && entry.state != MessageState::Delayed;
    let timer = waits.waits.iter().find_map(|wait| match &wait.awaited {
        Awaited::Timer { queued: Some(entry), .. } if is_ready(entry) => Some(("TimerFired", entry)),
        _ => None,
    });
    let message = waits.messages.iter().find(|message| is_ready(&message.entry));
    match message.map(|message| (message.kind.as_str(), &message.entry)).or(timer) {
        Some((kind, entry)) => {
            format!(
                "a runtime that takes its next turn: {} is {}",
                text::printable(kind),
                at(entry, waits.as_of)
            )
        }
        None => "a runtime that takes its next turn".to_owned(),
    }
}

/// What wakes it is a message that belongs to no open wait.
fn message(waits: &InstanceWaits, now: Timestamp) -> String {
    let kind = |message: &QueuedMessage| {
        let name =
            message.name.as_ref().map(|name| format!(" {}", text::printable(name))).unwrap_or_default();
        format!(
            "{}{name} in the {} queue: {}",
            text::printable(&message.kind),
            message.entry.queue,
            at(&message.entry, now)
        )
    };
    let wakes = |message: &&QueuedMessage| match waits.reason {
        Some(WaitReason::Retrying) => message.entry.is_retrying(),
        Some(WaitReason::Activity) => message.entry.queue == Queue::Worker,
        _ => message.entry.queue != Queue::Worker,
    };
    waits.messages.iter().find(wakes).map(kind).unwrap_or_default()
}

fn stuck(waits: &InstanceWaits) -> String {
    let what = match waits.waits.first() {
        None => "everything it began has ended".to_owned(),
        Some(wait) => {
            let more = match waits.waits.len() - 1 {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("{}{more}", subject(&wait.awaited))
        }
    };
    format!("something that will never come (stuck): {what}")
}

fn subject(awaited: &Awaited) -> String {
    match awaited {
        Awaited::Activity { name, .. } => {
            format!("the activity {} (in no queue)", text::printable(name))
        }
        Awaited::Child { instance_id, status, .. } => {
            let state = status.map_or("does not exist", condition);
            format!("the child {} ({state})", text::harmless(text::named(instance_id)))
        }
        Awaited::Event { name, .. } => format!("the event {}", text::printable(name)),
        Awaited::Timer { .. } => "a timer (in no queue)".to_owned(),
    }
}

fn condition(status: InstanceStatus) -> &'static str {
    match status {
        InstanceStatus::Running => "runs",
        InstanceStatus::Completed => "has completed",
        InstanceStatus::Failed => "has failed",
        InstanceStatus::Unknown => "is in a state that is not known",
    }
}
