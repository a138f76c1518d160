//! What a running instance waits for. Plain data, no I/O.

use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::labels::{Channel, InstanceStatus, MessageState, Queue, WaitReason};

/// What one instance waits for: everything that is open, and the one reason that counts.
///
/// All of it is of one moment. An instance that does not run waits for nothing: no reason, empty lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceWaits {
    /// Whose it is.
    pub instance_id: String,
    /// Its newest execution: the one that waits.
    pub execution_id: u64,
    /// The moment that states and ages refer to. Of a replica that stands still it is long ago.
    pub as_of: Timestamp,
    /// The one reason, as in the metric `duroxide_instances_waiting`. `None`: it does not run.
    pub reason: Option<WaitReason>,
    /// A runtime takes a turn of it: when the lease ends, unless it is renewed.
    pub executing_until: Option<Timestamp>,
    /// What the execution began and has not seen the end of, in that order.
    pub waits: Vec<OpenWait>,
    /// Rows of the queues that are about it and in none of the waits: what is on its way to it, and what is no longer
    /// waited for. Timers of executions that have ended are left out, for they wake nobody.
    pub messages: Vec<QueuedMessage>,
    /// True when there is too much to tell all of it. The reason takes everything into account all the same; a wait's
    /// row may be missing.
    pub partial: bool,
    /// Events of the history that cannot be decoded. What they began or ended is not known.
    pub undecodable_events: u64,
}

impl InstanceWaits {
    /// Those of an instance that waits for nothing.
    pub fn none(instance_id: impl Into<String>, execution_id: u64, as_of: Timestamp) -> Self {
        Self {
            instance_id: instance_id.into(),
            execution_id,
            as_of,
            reason: None,
            executing_until: None,
            waits: Vec::new(),
            messages: Vec::new(),
            partial: false,
            undecodable_events: 0,
        }
    }
}

/// Something an execution waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenWait {
    /// The event that began it.
    pub event_id: u64,
    /// When it began.
    pub since: Timestamp,
    /// What it is.
    #[serde(flatten)]
    pub awaited: Awaited,
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Awaited {
    /// The end of an activity.
    Activity {
        /// Its name.
        name: String,
        /// The tag a worker must serve; `None`: any worker.
        tag: Option<String>,
        /// Its row in the worker queue. `None`: there is none; unless its end is among the messages, it will not end.
        queued: Option<QueueEntry>,
    },
    /// The end of a child.
    Child {
        /// Name of its orchestration.
        name: String,
        /// Its id.
        instance_id: String,
        /// Its status. `None`: there is no such instance, or not yet.
        status: Option<InstanceStatus>,
        /// It runs, or is about to start. Otherwise, unless its end is among the messages, it will not end.
        alive: bool,
    },
    /// Somebody outside.
    Event {
        /// What is listened to.
        channel: Channel,
        /// Name of the event or the queue.
        name: String,
        /// Events of this name that came while nothing waited for one: the framework has dropped them. A queue keeps its
        /// messages.
        #[serde(default)]
        missed: u64,
    },
    /// A time. The history does not record that a timer was given up: it may be one that lost a race.
    Timer {
        /// The time.
        due_at: Timestamp,
        /// Its row in the queue. `None`: there is none, and it will not fire.
        queued: Option<QueueEntry>,
    },
}

/// A row of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueEntry {
    /// The queue.
    pub queue: Queue,
    /// Its state.
    pub state: MessageState,
    /// How often it was handed out. What is in flight is counted already.
    pub attempts: u64,
    /// When it was put there. On SQLite in whole seconds.
    pub queued_at: Option<Timestamp>,
    /// From when on it may be handed out: when it is tried again, when a timer is due.
    pub visible_at: Option<Timestamp>,
    /// End of the lease of whoever has it, or had it when its time ran out.
    pub leased_until: Option<Timestamp>,
}

impl QueueEntry {
    /// Whether it was tried and is put off.
    pub fn is_retrying(&self) -> bool {
        self.state == MessageState::Delayed && self.attempts > 0
    }

    /// Since when it could have been handed out.
    pub fn visible_since(&self) -> Option<Timestamp> {
        self.queued_at.max(self.visible_at)
    }
}

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedMessage {
    /// The framework's word for it: `ActivityCompleted`, `ExternalRaised`, …; `undecodable` when it cannot be read.
    pub kind: String,
    /// Name of the event, queue, activity or orchestration that it is about.
    pub name: Option<String>,
    /// The event that it answers.
    pub event_id: Option<u64>,
    /// The execution that it is for; `None`: whichever is current.
    pub execution_id: Option<u64>,
    /// Where it is.
    #[serde(flatten)]
    pub entry: QueueEntry,
}
