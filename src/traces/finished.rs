//! Which executions ended, in what was just read of a history.

use std::collections::HashSet;

use crate::history::Brief;
use crate::labels::EventType;
use crate::source::{Chunk, ExecutionKey};

/// The executions of which the events tell that they ended, each once, in the order of their ends.
pub(super) fn finished(chunks: &[Chunk]) -> Vec<ExecutionKey> {
    let mut seen = HashSet::new();
    let mut finished = Vec::new();
    for text in chunks.iter().flat_map(Chunk::texts) {
        // What cannot be decoded, the counting lane counts.
        let Ok(event) = Brief::decode(text) else { continue };
        if !matches!(
            event.event_type,
            EventType::OrchestrationCompleted
                | EventType::OrchestrationFailed
                | EventType::OrchestrationContinuedAsNew
        ) {
            continue;
        }
        let key = ExecutionKey { instance_id: (*event.instance_id).into(), execution_id: event.execution_id };
        if seen.insert(key.clone()) {
            finished.push(key);
        }
    }
    finished
}
