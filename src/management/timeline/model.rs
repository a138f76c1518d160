//! A timeline, as it is answered.

use serde::{Deserialize, Serialize};

use crate::labels::{ExecutionStatus, FailureKind};
use crate::management::Timestamp;

/// What one execution did when: a header and [entries](TimelineEntry).
///
/// Told by its history alone, that is, as the orchestration saw it. The end of an activity or a child is the moment
/// the orchestration consumed it, and what the orchestration gave up is [cancelled](TimelineOutcome::Cancelled)
/// then, even if a result came in later. Pseudo-activities of the framework (`__duroxide_syscall:…`) are left out.
///
/// A history may be damaged. An event that cannot be decoded is counted and makes no entry, nor does an end whose
/// beginning is missing: when it began and what it was would be made up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// Its instance.
    pub instance_id: String,
    /// Its number.
    pub execution_id: u64,
    /// Name of its orchestration, from its first event.
    pub orchestration_name: Option<String>,
    /// Version of its orchestration, from its first event.
    pub orchestration_version: Option<String>,
    /// What started it as a child.
    pub parent: Option<TimelineParent>,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended; `None` while it runs.
    pub ended_at: Option<Timestamp>,
    /// How it ended. Unknown without events, and when the event that ended it may be one that cannot be decoded.
    pub status: ExecutionStatus,
    /// Why it failed.
    pub failure_kind: Option<FailureKind>,
    /// In the order of the events that began them; each such event has one.
    pub entries: Vec<TimelineEntry>,
    /// Events of a type this version does not know.
    pub unknown_events: u64,
    /// Events that could not be decoded.
    pub undecodable_events: u64,
}

/// The parent's side of a child call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineParent {
    /// The parent.
    pub instance_id: String,
    /// Its execution; `None` in histories of old frameworks, which do not tell.
    pub execution_id: Option<u64>,
    /// The event that started the child.
    pub event_id: Option<u64>,
}

/// One bar of a [`Timeline`], or one moment of it: moments end as they begin, and nothing else ends them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// What it is.
    pub kind: TimelineKind,
    /// Name of the activity, of the event or queue that is waited for, of the orchestration that was started, of the
    /// key; `None` where there is no such name, for example when all keys are cleared.
    pub name: Option<String>,
    /// Instance id of the orchestration that was started, in full.
    pub instance_id: Option<String>,
    /// The activity's tag.
    pub tag: Option<String>,
    /// Id of the event that began it.
    pub event_id: u64,
    /// Id of the event that ended it; that of the execution's end, when it was still open then.
    pub ended_by: Option<u64>,
    /// When the turn that began it recorded it.
    pub started_at: Timestamp,
    /// When the orchestration consumed its end, which may be later than the end itself; `None` while open. Never
    /// before its beginning: a message that had come first ends its wait at once.
    pub ended_at: Option<Timestamp>,
    /// When a timer is due.
    pub due_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: TimelineOutcome,
    /// Why it failed.
    pub failure_kind: Option<FailureKind>,
    /// Which try this is, from 1. A try follows an earlier one of the same activity with the same input, session and
    /// tag that had failed or been given up. Always 1 for what is no activity.
    pub attempt: u32,
    /// The event that began the first try, when this is a later one.
    pub retry_of: Option<u64>,
}

/// Kind of a [`TimelineEntry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TimelineKind {
    /// An activity.
    Activity,
    /// A timer. The framework does not record that nobody waits for it any more: one that lost a race is open until it
    /// fires or the execution ends.
    Timer,
    /// A wait for an external event.
    Event,
    /// A wait for a message of an event queue.
    QueueEvent,
    /// A child orchestration.
    Child,
    /// An orchestration started on its own; nobody waits for it. A moment. (The framework, as of 0.1.32, records but
    /// forgets one that is started in the turn that continues as new.)
    Detached,
    /// A request to cancel this execution. A moment.
    CancelRequested,
    /// A change of the custom status. A moment.
    CustomStatus,
    /// A change of the instance's key-value store: of one key, or of all. A moment.
    KeyValue,
    /// The execution continued as new. A moment.
    ContinueAsNew,
}

/// How a [`TimelineEntry`] ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TimelineOutcome {
    /// Not yet.
    Open,
    /// Well: completed, fired, received. Moments always.
    Completed,
    /// Failed.
    Failed,
    /// Given up by the orchestration, which may have ended without it.
    Cancelled,
}
