//! Plain data of the [`ManagementAPI`](super::ManagementAPI). No I/O.
//!
//! Times are milliseconds since the Unix epoch, by the store's clock. Fields that a backend cannot tell are
//! `None`: never a made-up zero.

use serde::{Deserialize, Serialize};

use crate::history::Event;
use crate::labels::InstanceStatus;

/// One thing a backend can do or a field it can fill truthfully.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Capability {
    /// `list_instances` and `list_instances_filtered`.
    List,
    /// `search_instances`.
    Search,
    /// `list_executions` and `get_execution_metadata`.
    Executions,
    /// `read_execution` and `get_execution_timeline`.
    History,
    /// `get_metrics`.
    Metrics,
    /// `get_queue_depths`.
    QueueDepths,
    /// `purge_completed`.
    Purge,
    /// `export_instance`.
    Export,
    /// `created_at` and `updated_at` of instances are true times.
    InstanceTimes,
    /// `started_at` and `completed_at` of executions are true times.
    ExecutionTimes,
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

/// Which instances to list. Empty: all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceFilter {
    /// Only with this status.
    pub status: Option<InstanceStatus>,
    /// Only of this orchestration.
    pub orchestration: Option<String>,
    /// Only created after this time.
    pub created_after: Option<i64>,
    /// Only created before this time.
    pub created_before: Option<i64>,
    /// Only children of this instance.
    pub parent_instance_id: Option<String>,
}

/// Which page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRequest {
    /// At most this many entries.
    pub limit: usize,
    /// The `next` of the page before; `None` for the first.
    pub after: Option<String>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { limit: 100, after: None }
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Key of the next page; `None` on the last.
    pub next: Option<String>,
    /// True when a time or size limit ended the page early: there may be matches that were not looked at.
    pub partial: bool,
}

/// Answer of a search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchResults {
    /// Instances that match, newest first.
    pub items: Vec<InstanceInfo>,
    /// True when the limit on time or number was reached before everything was searched.
    pub partial: bool,
}

/// One instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceInfo {
    /// Its id.
    pub instance_id: String,
    /// Name of its orchestration.
    pub orchestration_name: String,
    /// Version of its orchestration.
    pub orchestration_version: String,
    /// Id of its newest execution.
    pub current_execution_id: u64,
    /// Status of its newest execution.
    pub status: InstanceStatus,
    /// When its first turn was committed.
    pub created_at: Option<i64>,
    /// When it last changed.
    pub updated_at: Option<i64>,
    /// The instance that started it as a child.
    pub parent_instance_id: Option<String>,
    /// The application's own status text.
    pub custom_status: Option<String>,
}

/// One execution of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionInfo {
    /// Its number, from 1.
    pub execution_id: u64,
    /// Its status.
    pub status: InstanceStatus,
    /// Output, error or next input. Personal data: hidden unless switched on.
    pub output: Option<String>,
    /// When its first turn was committed.
    pub started_at: Option<i64>,
    /// When it ended.
    pub completed_at: Option<i64>,
    /// Number of its history events.
    pub event_count: u64,
}

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
    /// History events; `None` where counting them would read the whole history.
    pub total_events: Option<u64>,
}

/// How much work waits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueDepths {
    /// Rows of the orchestrator table that would be handed out now, due timers included.
    pub orchestrator_queue: u64,
    /// Rows of the worker table that would be handed out now.
    pub worker_queue: u64,
    /// Timers of running executions that are not yet due.
    pub timer_queue: u64,
}

/// One instance with everything that belongs to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceExport {
    /// The instance.
    pub instance: InstanceInfo,
    /// Its executions, oldest first.
    pub executions: Vec<ExecutionInfo>,
    /// The histories, in the order of `executions`.
    pub history: Vec<Vec<Event>>,
}

/// What a purge deleted, or would delete.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurgeReport {
    /// Ids of the deleted instances.
    pub instances: Vec<String>,
    /// Trees left alone because a member is not finished.
    pub trees_kept: u64,
    /// True when nothing was really deleted.
    pub dry_run: bool,
}

/// What one execution did when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// In order of their start.
    pub entries: Vec<TimelineEntry>,
}

/// One bar of a [`Timeline`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// What it is.
    pub kind: TimelineKind,
    /// Activity, event or child name.
    pub name: Option<String>,
    /// Id of the event that began it.
    pub event_id: u64,
    /// When it was scheduled.
    pub started_at: i64,
    /// When the orchestration consumed its end; `None` while open.
    pub ended_at: Option<i64>,
    /// Whether it ended well; `None` while open.
    pub ok: Option<bool>,
}

/// Kind of a [`TimelineEntry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TimelineKind {
    /// An activity.
    Activity,
    /// A timer.
    Timer,
    /// A wait for an external or queue event.
    Event,
    /// A child orchestration.
    Child,
    /// The execution continued as new.
    ContinueAsNew,
}
