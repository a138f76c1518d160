//! How a row of a queue is doing, in words.

use super::super::super::text;
use crate::labels::{MessageState, Queue};
use crate::management::{QueueEntry, Timestamp};

/// The state of a row at a moment.
pub(super) fn at(entry: &QueueEntry, now: Timestamp) -> String {
    let QueueEntry { queue, state, attempts, queued_at: _, visible_at, leased_until } = entry;
    let since =
        entry.visible_since().map(|since| format!(" since {}", text::since(now, since))).unwrap_or_default();
    let next = attempts + 1;
    let who = if *queue == Queue::Worker { "worker" } else { "runtime" };
    match state {
        MessageState::Ready if *attempts > 0 => {
            format!("ready{since} for attempt {next}, no {who} has taken it")
        }
        MessageState::Ready => format!("ready{since}, no {who} has taken it yet"),
        MessageState::Blocked => format!("ready{since}, behind the turn that is being taken"),
        MessageState::Delayed if entry.is_retrying() => {
            let again = visible_at.map_or("later".to_owned(), |at| format!("in {}", text::since(at, now)));
            format!("tried {}, attempt {next} {again}", times(*attempts))
        }
        MessageState::Delayed => {
            visible_at.map_or("put off".to_owned(), |at| format!("due in {}", text::since(at, now)))
        }
        MessageState::InFlight => {
            let lease =
                leased_until.map_or(String::new(), |at| format!(", leased for {}", text::since(at, now)));
            format!("a {who} is at it{lease}, attempt {}", (*attempts).max(1))
        }
        MessageState::LeaseExpired => {
            let lease = leased_until.map_or(String::new(), |at| format!(" {} ago", text::since(now, at)));
            format!(
                "the lease of attempt {} ran out{lease}: its {who} died or hangs; it will be handed out again",
                (*attempts).max(1)
            )
        }
    }
}

fn times(n: u64) -> String {
    if n == 1 { "once".to_owned() } else { format!("{n} times") }
}
