//! What a backend declares to offer.

use serde::{Deserialize, Serialize};

/// One thing a backend can do or a field it can fill truthfully.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Capability {
    /// `list_instances`, `list_instances_filtered` and `count_instances`.
    List,
    /// `search_instances` in ids, names and custom status.
    Search,
    /// `search_instances` in payloads, too.
    SearchPayloads,
    /// `get_instance_tree`.
    Tree,
    /// `list_executions` and `get_execution_metadata`.
    Executions,
    /// `read_execution`, `get_execution_timeline` and, with `Executions`, `export_instance`.
    History,
    /// `get_metrics`.
    Metrics,
    /// `get_queue_depths`.
    QueueDepths,
    /// `get_queue_depths` counts what would be handed out now. Without it the numbers are the framework's own,
    /// which may count sleeping timers and miss expired leases.
    ExactQueueDepths,
    /// `purge_completed`.
    Purge,
    /// `created_at` and `updated_at` of instances are true times.
    InstanceTimes,
    /// `started_at` and `completed_at` of executions are true times.
    ExecutionTimes,
    /// `custom_status` of instances.
    CustomStatus,
    /// `get_instance_waits`.
    Waits,
}

/// What a backend offers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities(Vec<Capability>);

impl Capabilities {
    /// These capabilities, in this order.
    pub fn new(capabilities: impl IntoIterator<Item = Capability>) -> Self {
        Self(capabilities.into_iter().collect())
    }

    /// Whether `capability` is among them.
    pub fn has(&self, capability: Capability) -> bool {
        self.0.contains(&capability)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Capability> + '_ {
        self.0.iter().copied()
    }
}
