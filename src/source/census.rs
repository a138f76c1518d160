//! What one poll read, as plain data. All times are milliseconds since the Unix epoch by the store's clock.

use std::sync::Arc;

use super::ExecutionKey;
use crate::labels::{Clock, InstanceStatus, MessageState, Queue};

/// One consistent view of a store.
#[derive(Debug, Clone)]
pub(crate) struct Census {
    /// The moment all states and ages refer to: the store's clock, or the newest change of a replica.
    pub(crate) now_ms: i64,
    pub(crate) store: StoreFacts,
    /// Tells this store from others; `None` where nothing does.
    pub(crate) identity: Option<String>,
    /// `None` where the backend cannot tell.
    pub(crate) queues: Option<QueueCensus>,
    /// Instances that wait for rows of the queues; `None` where the backend cannot tell.
    pub(crate) waiting: Option<Waiting>,
    /// `None` when they were not to be counted, or the backend cannot tell.
    pub(crate) instances: Option<InstanceCensus>,
    /// How many instances there are, where that was cheap to know.
    pub(crate) total_instances: Option<u64>,
}

/// A backend, and what it does with messages that nothing will handle: in sentences for people, with what to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StoreKind {
    /// `sqlite`, `management`, …
    pub(crate) name: &'static str,
    /// With messages to an instance that does not exist and that nothing would start.
    pub(crate) orphans: &'static str,
    /// With rows of the worker queue that cannot be decoded.
    pub(crate) undecodable_activities: &'static str,
    /// The same of the other queues.
    pub(crate) undecodable_messages: &'static str,
}

impl StoreKind {
    /// A backend that never tells of such messages.
    pub(crate) const fn of(name: &'static str) -> Self {
        Self { name, orphans: "", undecodable_activities: "", undecodable_messages: "" }
    }
}

/// What kind of store it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreFacts {
    pub(crate) kind: &'static StoreKind,
    /// Newest migration, as the store names it; empty when unknown.
    pub(crate) schema: String,
    pub(crate) mode: Mode,
    /// Replicas: age of the newest change that reached them, however idle the primary.
    pub(crate) last_replay_age_ms: Option<i64>,
    /// Replicas that follow a primary.
    pub(crate) replication: Option<Replication>,
    /// Clocks that go differently; empty where there is one clock.
    pub(crate) clock_skew_ms: Vec<(Clock, i64)>,
    /// Sizes in bytes by part.
    pub(crate) sizes: Vec<(&'static str, u64)>,
    /// Remarks on how it is read.
    pub(crate) notes: Vec<String>,
}

/// How a replica follows its primary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replication {
    /// For how long what the primary may have done is not to be seen: 0 for one that is level with it. `None` where we may
    /// not know.
    pub(crate) lag_ms: Option<i64>,
    /// How far "now" is behind the clock.
    pub(crate) behind_ms: i64,
    /// Replay has been paused.
    pub(crate) paused: bool,
    /// Whether changes stream in. `None` where we may not know.
    pub(crate) receiver_up: Option<bool>,
    /// Reads of anybody that were cancelled for the sake of replaying.
    pub(crate) conflicts: u64,
}

/// Whether the live store or a copy is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    Live,
    Replica,
}

impl Mode {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Replica => "replica",
        }
    }
}

/// The queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueueCensus {
    /// By [`Queue::index`].
    pub(crate) queues: [QueueStats; 3],
    /// Everything below a plain depth; `None` for a backend that only knows depths.
    pub(crate) detail: Option<QueueDetail>,
}

/// One queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct QueueStats {
    /// Rows by [`MessageState::index`]; `None` when only [`Self::fetchable`] is known.
    pub(crate) messages: Option<[u64; 5]>,
    /// Rows that would be handed out now; `None` for the timer queue of a backend that only knows depths.
    pub(crate) fetchable: Option<u64>,
    /// Since when the oldest fetchable or blocked row is visible.
    pub(crate) oldest_ready_since_ms: Option<i64>,
    /// When the oldest expired lease ran out.
    pub(crate) oldest_expired_since_ms: Option<i64>,
    /// Rows handed out before and not acknowledged.
    pub(crate) retrying: u64,
    pub(crate) max_attempts: u64,
    pub(crate) orphans: u64,
    pub(crate) undecodable: u64,
    /// Timers of ended executions.
    pub(crate) leftovers: u64,
}

impl QueueStats {
    pub(crate) fn in_state(&self, state: MessageState) -> u64 {
        self.messages.and_then(|messages| messages.get(state.index()).copied()).unwrap_or(0)
    }
}

/// What only a real store knows about its queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueueDetail {
    /// Instances with fetchable orchestrator work.
    pub(crate) ready_instances: u64,
    /// Rows ever inserted, by [`Queue::index`]; only orchestrator (timers included) and worker.
    pub(crate) enqueued: [Option<u64>; 3],
    /// Rows ever deleted, likewise.
    pub(crate) dequeued: [Option<u64>; 3],
    pub(crate) activities: Vec<ActivityBacklog>,
    pub(crate) locks: Leases,
    /// `None` where the schema has no sessions.
    pub(crate) sessions: Option<Leases>,
}

/// Rows of the worker queue of one activity and tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ActivityBacklog {
    pub(crate) activity: Arc<str>,
    /// Empty: no tag.
    pub(crate) tag: Arc<str>,
    /// By [`MessageState::index`].
    pub(crate) messages: [u64; 5],
    pub(crate) oldest_ready_since_ms: Option<i64>,
}

/// Ids of instances by what the queues hold for them. An id may be in several, and any number of times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// Whose lock is held.
    pub(crate) executing: Vec<Box<str>>,
    /// With a fetchable or blocked message for orchestrations, due timers included.
    pub(crate) ready: Vec<Box<str>>,
    /// With a message for orchestrations or an activity that was handed out before and is put off.
    pub(crate) retrying: Vec<Box<str>>,
    /// With an activity in the worker queue, in whatever state.
    pub(crate) activities: Vec<Box<str>>,
    /// With a timer of the instance's current execution in the queue.
    pub(crate) timers: Vec<Box<str>>,
    /// With any other message for orchestrations that is put off: a start that is scheduled for later.
    pub(crate) delayed: Vec<Box<str>>,
}

/// Leases by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Leases {
    pub(crate) active: u64,
    pub(crate) expired: u64,
}

/// The instances.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct InstanceCensus {
    pub(crate) counts: Vec<InstanceCount>,
    /// The running instances and their current executions; empty for a backend without a history.
    pub(crate) running: Vec<RunningInstance>,
}

/// A running instance with its current execution, as their rows have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunningInstance {
    pub(crate) key: ExecutionKey,
    pub(crate) orchestration: Arc<str>,
    pub(crate) version: Arc<str>,
    pub(crate) started_ms: Option<i64>,
}

/// Instances of one orchestration, version and status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InstanceCount {
    /// Empty: the backend does not tell.
    pub(crate) orchestration: Arc<str>,
    pub(crate) version: Arc<str>,
    pub(crate) status: InstanceStatus,
    pub(crate) count: u64,
}

impl QueueCensus {
    pub(crate) fn queue(&self, queue: Queue) -> &QueueStats {
        let [orchestrator, worker, timer] = &self.queues;
        match queue {
            Queue::Orchestrator => orchestrator,
            Queue::Worker => worker,
            Queue::Timer => timer,
        }
    }
}
