//! Which executions ended, in what was just read of a history, and what it tells of them.
//!
//! Whoever reads along has mostly read all of an execution when it ends: those need not be looked up again.

use std::collections::{HashMap, HashSet};

use super::past::Past;
use crate::history::{Brief, Event};
use crate::labels::EventType;
use crate::source::{Chunk, ExecutionKey};

/// Executions that ended.
#[derive(Debug, Default)]
pub(super) struct Finished {
    /// Of which everything has been read, from their first event to their end.
    pub(super) whole: Vec<Past>,
    /// Of which more has to be read.
    pub(super) others: Vec<ExecutionKey>,
}

/// An event that begins an execution is the first of its history.
const FIRST_EVENT: u64 = 1;

impl Finished {
    /// The executions of which these events tell that they ended, each once.
    pub(super) fn of(chunks: &[Chunk], payloads: bool) -> Self {
        let texts = || chunks.iter().flat_map(Chunk::texts);
        let mut begun = HashSet::new();
        // What cannot be read may be part of anything.
        let mut damaged = chunks.iter().any(|chunk| chunk.unreadable() > 0);
        let mut finished: HashMap<ExecutionKey, Option<Past>> = HashMap::new();
        for text in texts() {
            // The counting lane counts what cannot be decoded.
            let Ok(event) = Brief::decode(text) else {
                damaged = true;
                continue;
            };
            let key = || ExecutionKey {
                instance_id: (*event.instance_id).into(),
                execution_id: event.execution_id,
            };
            match event.event_type {
                EventType::OrchestrationStarted if event.event_id == FIRST_EVENT => {
                    begun.insert(key());
                }
                EventType::OrchestrationCompleted
                | EventType::OrchestrationFailed
                | EventType::OrchestrationContinuedAsNew => {
                    let key = key();
                    let whole = begun.contains(&key) && !damaged;
                    finished.entry(key.clone()).or_insert_with(|| whole.then(|| Past::new(&key, payloads)));
                }
                _ => {}
            }
        }
        if finished.values().any(Option::is_some) {
            for event in texts().filter_map(Event::from_stored) {
                let key = ExecutionKey {
                    instance_id: event.instance_id.as_str().into(),
                    execution_id: event.execution_id,
                };
                if let Some(Some(past)) = finished.get_mut(&key) {
                    past.push(&event);
                }
            }
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
