//! Which executions ended, in what was just read of a history, and what it tells of them.
//!
//! Whoever reads along has mostly read all of an execution when it ends: those need not be looked up again.

use std::collections::{HashMap, HashSet};

use super::past::ExecutionEvents;
use crate::history::{Event, EventRef};
use crate::labels::EventType;
use crate::source::{Chunk, ExecutionKey};

/// Executions that ended.
#[derive(Debug, Default)]
pub(super) struct Finished {
    /// Of which everything has been read, from their first event to their end.
    pub(super) whole: Vec<ExecutionEvents>,
    /// Of which more has to be read.
    pub(super) others: Vec<ExecutionKey>,
}

/// An event that begins an execution is the first of its history.
const FIRST_EVENT: u64 = 1;

impl Finished {
    /// The executions of which these events tell that they ended, each once.
    pub(super) fn of(chunks: &[Chunk], payloads: bool) -> Self {
        let mut begun = HashSet::new();
        let mut damaged = false;
        let mut finished: HashMap<ExecutionKey, Option<ExecutionEvents>> = HashMap::new();
        let mut look = |row| {
            let event = EventRef::of(row).unwrap_or_else(|_| EventRef::unread(row));
            // The counting lane counts what cannot be decoded. It may be part of anything.
            damaged |= !event.is_read;
            let key =
                || ExecutionKey { instance_id: event.instance_id.into(), execution_id: event.execution_id };
            if event.event_type == EventType::OrchestrationStarted && event.event_id == FIRST_EVENT {
                begun.insert(key());
            } else if event.is_read && event.event_type.ends_an_execution() {
                let key = key();
                let whole = begun.contains(&key) && !damaged;
                finished
                    .entry(key.clone())
                    .or_insert_with(|| whole.then(|| ExecutionEvents::new(&key, payloads)));
            }
        };
        chunks.iter().for_each(|chunk| chunk.each(&mut look));
        if finished.values().any(Option::is_some) {
            let mut push = |row| {
                let Ok(event) = Event::of(row) else { return };
                let key = ExecutionKey {
                    instance_id: event.instance_id.as_str().into(),
                    execution_id: event.execution_id,
                };
                if let Some(Some(past)) = finished.get_mut(&key) {
                    past.push(&event);
                }
            };
            chunks.iter().for_each(|chunk| chunk.each(&mut push));
        }
        let mut sorted = Self::default();
        for (key, past) in finished {
            match past {
                Some(past) => sorted.whole.push(past),
                None => sorted.others.push(key),
            }
        }
        sorted
    }
}
