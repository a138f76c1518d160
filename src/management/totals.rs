//! Numbers of a whole store. Plain data, no I/O.

use serde::{Deserialize, Serialize};

/// Totals of a store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemMetrics {
    /// All instances.
    pub total_instances: u64,
    /// Instances whose current execution has not ended.
    pub running_instances: u64,
    /// Instances that completed.
    pub completed_instances: u64,
    /// Instances that failed.
    pub failed_instances: u64,
    /// Executions of existing instances.
    pub total_executions: u64,
    /// History events; `None` where counting them would take too long.
    pub total_events: Option<u64>,
}

/// How much work waits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueDepths {
    /// Rows of the orchestrator table that would be handed out now, due timers included.
    pub orchestrator_queue: u64,
    /// Rows of the worker table that would be handed out now.
    pub worker_queue: u64,
    /// Timers of running executions that are not yet due; `None` where the backend does not count them.
    pub timer_queue: Option<u64>,
}
