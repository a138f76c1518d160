//! Which instances have become stuck since the last look.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::queue::Queue;
use super::record::Workflow;
use crate::observe::View;
use crate::source::ExecutionKey;
use duroxide_instrument::TraceIds;

/// Looks at view after view. After a start everything that is stuck is news.
#[derive(Debug)]
pub(super) struct Watch {
    ids: TraceIds,
    /// By store, those that were told.
    told: HashMap<Arc<str>, HashSet<ExecutionKey>>,
}

impl Watch {
    pub(super) fn new(ids: TraceIds) -> Self {
        Self { ids, told: HashMap::new() }
    }

    pub(super) fn look(&mut self, view: &View, queue: &Queue) {
        for store in &view.stores {
            // Of a store that cannot be read, or whose history is still being followed, nothing new is known.
            let Some(snapshot) = &store.last_good else { continue };
            let Some(running) = &snapshot.running else { continue };
            let told = self.told.entry(Arc::clone(&store.name)).or_default();
            for stuck in &running.stuck {
                if told.contains(&stuck.key) {
                    continue;
                }
                let ExecutionKey { instance_id, execution_id } = &stuck.key;
                let (orchestration, version) = &stuck.orchestration;
                let workflow = Workflow {
                    event_name: "duroxide.instance.stuck",
                    is_error: true,
                    words: format!("{orchestration} is stuck: nothing will ever wake this instance"),
                    at_ms: snapshot.census.now_ms,
                    store: &store.name,
                    instance: instance_id,
                    execution: *execution_id,
                    orchestration,
                    version,
                    trace_id: self.ids.trace_id(instance_id, *execution_id),
                    span_id: self.ids.root_span_id(instance_id, *execution_id),
                    more: Vec::new(),
                };
                queue.push(env!("CARGO_PKG_NAME"), workflow.record());
            }
            *told = running.stuck.iter().map(|stuck| stuck.key.clone()).collect();
        }
    }
}
