//! Label values that are enums: each is mapped to its text here and nowhere else. A leaf; every lane uses it.

use std::sync::{Arc, LazyLock};

#[cfg(any(feature = "exporter", feature = "postgres", feature = "sqlite"))]
pub(crate) mod name;

macro_rules! label_enum {
    ($(#[$doc:meta])* $vis:vis $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        $vis enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant,)* }

        #[allow(dead_code, reason = "without the exporter some are no labels, only values")]
        impl $name {
            /// Every value, in the order of declaration.
            $vis const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The label value.
            $vis fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Position in [`Self::ALL`].
            $vis fn index(self) -> usize {
                self as usize
            }

            /// The label value as samples carry it, shared.
            $vis fn label(self) -> &'static Arc<str> {
                static LABELS: LazyLock<Vec<Arc<str>>> =
                    LazyLock::new(|| $name::ALL.iter().map(|value| Arc::from(value.as_str())).collect());
                #[expect(clippy::indexing_slicing, reason = "one entry for each variant, by construction")]
                &LABELS[self.index()]
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

label_enum! {
    /// The framework's queues. Timers are rows of the orchestrator table, told apart by their kind.
    pub Queue {
        /// Everything that makes an orchestration take a turn, timers excepted.
        Orchestrator = "orchestrator",
        /// Activities to execute.
        Worker = "worker",
        /// Timers: `TimerFired` rows of the orchestrator table.
        Timer = "timer",
    }
}

label_enum! {
    /// State of one queue row. Every row is in exactly one.
    pub MessageState {
        /// Visible now, not leased.
        Ready = "ready",
        /// Visible, but its instance is being executed.
        Blocked = "blocked",
        /// Visible later: back-off, scheduled start, timer not yet due.
        Delayed = "delayed",
        /// Leased, lease valid.
        InFlight = "in_flight",
        /// Leased, lease over: will be handed out again.
        LeaseExpired = "lease_expired",
    }
}

impl MessageState {
    /// Whether the provider hands out such a row now.
    pub fn is_fetchable(self) -> bool {
        matches!(self, Self::Ready | Self::LeaseExpired)
    }

    /// Whether somebody has such a row, or had it when the time of the lease ran out.
    pub fn is_leased(self) -> bool {
        matches!(self, Self::InFlight | Self::LeaseExpired)
    }
}

label_enum! {
    /// Status of an instance: that of its current execution.
    pub InstanceStatus {
        /// Not finished. An execution that continued as new is still running.
        Running = "running",
        /// Finished with an output.
        Completed = "completed",
        /// Finished with an error, cancellation included.
        Failed = "failed",
        /// No execution row, or a status this version does not know.
        Unknown = "unknown",
    }
}

impl InstanceStatus {
    /// Maps the framework's text; `None` is an instance whose execution row is missing.
    pub fn from_framework(status: Option<&str>) -> Self {
        match status {
            Some("Running" | "ContinuedAsNew") => Self::Running,
            Some("Completed") => Self::Completed,
            Some("Failed") => Self::Failed,
            _ => Self::Unknown,
        }
    }
}

#[cfg(feature = "exporter")]
label_enum! {
    /// What is pushed by OTLP.
    pub(crate) Signal {
        /// The families of the catalogue.
        Metrics = "metrics",
        /// Finished executions.
        Traces = "traces",
        /// What happened to workflows, and the exporter's own log.
        Logs = "logs",
    }
}

#[cfg(feature = "exporter")]
label_enum! {
    /// What became of the trace of a finished execution.
    pub(crate) TraceOutcome {
        /// The collector has it.
        Exported = "exported",
        /// It is not among those that are kept.
        Unsampled = "unsampled",
        /// The history was deleted before it could be read.
        Missing = "missing",
        /// The collector would not take it, however often it is sent.
        Refused = "refused",
    }
}

#[cfg(feature = "exporter")]
label_enum! {
    /// How a request to an OTLP collector ended.
    pub(crate) ExportOutcome {
        /// It took everything.
        Success = "success",
        /// It took the request, and not all that was in it.
        Partial = "partial",
        /// It will not take the request, however often it is sent.
        Refused = "refused",
        /// It cannot be reached, or says that it cannot take anything now.
        Unavailable = "unavailable",
        /// It did not answer in time.
        Timeout = "timeout",
    }
}

label_enum! {
    /// Status of one execution.
    pub ExecutionStatus {
        /// Not finished.
        Running = "running",
        /// Finished with an output.
        Completed = "completed",
        /// Finished with an error, cancellation included.
        Failed = "failed",
        /// Finished by beginning anew; its instance runs on.
        ContinuedAsNew = "continued_as_new",
        /// A status this version does not know.
        Unknown = "unknown",
    }
}

impl ExecutionStatus {
    /// Maps the framework's text.
    pub fn from_framework(status: Option<&str>) -> Self {
        match status {
            Some("Running") => Self::Running,
            Some("Completed") => Self::Completed,
            Some("Failed") => Self::Failed,
            Some("ContinuedAsNew") => Self::ContinuedAsNew,
            _ => Self::Unknown,
        }
    }
}

label_enum! {
    /// Why an execution or an activity failed, from the event's details, never from the words of its message.
    pub FailureKind {
        /// The application said so.
        Application = "application",
        /// Cancelled on request.
        Cancelled = "cancelled",
        /// The code panicked.
        Panicked = "panicked",
        /// The code no longer matches the history.
        Nondeterminism = "nondeterminism",
        /// Another mistake of the deployment: a handler or version nobody registered (old frameworks only).
        Configuration = "configuration",
        /// The store or the runtime failed.
        Infrastructure = "infrastructure",
        /// Tried too often.
        Poison = "poison",
        /// The details are missing, damaged or newer than this version.
        Unknown = "unknown",
    }
}

#[cfg(feature = "exporter")]
label_enum! {
    /// How an execution ended.
    pub(crate) ExecutionOutcome {
        /// With an output.
        Completed = "completed",
        /// With an error, cancellation included.
        Failed = "failed",
        /// By beginning anew; its instance runs on.
        ContinuedAsNew = "continued_as_new",
    }
}

#[cfg(any(feature = "exporter", feature = "postgres", feature = "sqlite"))]
label_enum! {
    /// How what an orchestration asked for (an activity, a child) ended, as far as the orchestration is concerned.
    pub(crate) Outcome {
        /// With a result.
        Completed = "completed",
        /// With an error.
        Failed = "failed",
        /// Given up: dropped by the code, or still open when the execution ended. It may yet run to its end.
        Cancelled = "cancelled",
    }
}

label_enum! {
    /// Where events from outside come from.
    pub Channel {
        /// External events: only who waits already gets one.
        Event = "event",
        /// A queue: messages wait, too.
        Queue = "queue",
    }
}

label_enum! {
    /// What a running instance waits for: the first of these that holds.
    pub WaitReason {
        /// A runtime executes a turn of it.
        Executing = "executing",
        /// A runtime that takes a message from the queue: it is visible, or its lease ran out.
        Ready = "ready",
        /// The end of a back-off, after which it is tried again.
        Retrying = "retrying",
        /// An activity that is in the worker queue.
        Activity = "activity",
        /// A child that runs, or is about to start.
        Child = "child",
        /// Somebody outside who raises an event or sends a message.
        Event = "event",
        /// A timer that is in the queue.
        Timer = "timer",
        /// Nothing that could ever wake it: a message was lost.
        Stuck = "stuck",
    }
}

#[cfg(any(feature = "exporter", feature = "postgres", feature = "sqlite"))]
label_enum! {
    /// Type of a history event.
    pub(crate) EventType {
        /// See the framework's `EventKind`; likewise all that follow.
        OrchestrationStarted = "OrchestrationStarted",
        /// See above.
        OrchestrationCompleted = "OrchestrationCompleted",
        /// See above.
        OrchestrationFailed = "OrchestrationFailed",
        /// See above.
        OrchestrationContinuedAsNew = "OrchestrationContinuedAsNew",
        /// See above.
        OrchestrationCancelRequested = "OrchestrationCancelRequested",
        /// See above.
        OrchestrationChained = "OrchestrationChained",
        /// See above.
        ActivityScheduled = "ActivityScheduled",
        /// See above.
        ActivityCompleted = "ActivityCompleted",
        /// See above.
        ActivityFailed = "ActivityFailed",
        /// See above.
        ActivityCancelRequested = "ActivityCancelRequested",
        /// See above.
        TimerCreated = "TimerCreated",
        /// See above.
        TimerFired = "TimerFired",
        /// See above.
        SubOrchestrationScheduled = "SubOrchestrationScheduled",
        /// See above.
        SubOrchestrationCompleted = "SubOrchestrationCompleted",
        /// See above.
        SubOrchestrationFailed = "SubOrchestrationFailed",
        /// See above.
        SubOrchestrationCancelRequested = "SubOrchestrationCancelRequested",
        /// See above.
        ExternalSubscribed = "ExternalSubscribed",
        /// See above.
        ExternalEvent = "ExternalEvent",
        /// See above.
        ExternalSubscribedCancelled = "ExternalSubscribedCancelled",
        /// See above.
        ExternalSubscribedPersistent = "ExternalSubscribedPersistent",
        /// See above.
        ExternalEventPersistent = "ExternalEventPersistent",
        /// See above.
        ExternalSubscribedPersistentCancelled = "ExternalSubscribedPersistentCancelled",
        /// See above.
        CustomStatusUpdated = "CustomStatusUpdated",
        /// See above.
        KeyValueSet = "KeyValueSet",
        /// See above.
        KeyValueCleared = "KeyValueCleared",
        /// See above.
        KeyValuesCleared = "KeyValuesCleared",
        /// What pseudo-activities were before 0.1.13.
        SystemCall = "SystemCall",
        /// A type this version does not know.
        Unknown = "unknown",
        /// A row whose text is no event.
        Undecodable = "undecodable",
    }
}

#[cfg(any(feature = "exporter", feature = "postgres", feature = "sqlite"))]
impl EventType {
    /// Maps the framework's name.
    pub(crate) fn from_framework(name: &str) -> Self {
        let known = Self::ALL.iter().copied().find(|known| known.as_str() == name);
        known.filter(|known| *known != Self::Undecodable).unwrap_or(Self::Unknown)
    }

    /// Whether it is the last of an execution, but for what is cleared up behind it.
    pub(crate) fn ends_an_execution(self) -> bool {
        matches!(
            self,
            Self::OrchestrationCompleted | Self::OrchestrationFailed | Self::OrchestrationContinuedAsNew
        )
    }
}

#[cfg(any(feature = "exporter", feature = "postgres", feature = "sqlite"))]
impl Default for EventType {
    /// Of what nothing is known.
    fn default() -> Self {
        Self::Undecodable
    }
}

impl Default for FailureKind {
    /// What says nothing of itself.
    fn default() -> Self {
        Self::Unknown
    }
}

label_enum! {
    /// State of a lease (instance lock, worker session).
    pub LeaseState {
        /// Still valid.
        Active = "active",
        /// Over: its holder died or hangs.
        Expired = "expired",
    }
}

label_enum! {
    /// A clock that may go differently from the store's.
    pub Clock {
        /// That of the exporter's machine: the store's clock less this one.
        Exporter = "exporter",
        /// Those of the framework's workers: how far the newest moment that one of them wrote is ahead of the store's
        /// clock. One that is slow cannot be told from one that is idle.
        Worker = "worker",
    }
}

label_enum! {
    /// Why a poll failed. What a person does about each is in the message that goes with it.
    pub FailureReason {
        /// The store's file or server does not exist or cannot be reached.
        Unavailable = "unavailable",
        /// The store exists, but we may not read it.
        Permission = "permission",
        /// What is there is not a duroxide store, or misses a table we need.
        Schema = "schema",
        /// The file is damaged or is no database.
        Corrupt = "corrupt",
        /// Somebody else holds a lock that keeps readers out.
        Locked = "locked",
        /// The poll took longer than its limit and was interrupted.
        Timeout = "timeout",
        /// The store was replaced while it was being read.
        Replaced = "replaced",
        /// A standby cancelled the read, because it stood in the way of replaying changes.
        Conflict = "recovery_conflict",
        /// No encrypted connection can be made, or the other side is not who it should be.
        Tls = "tls",
        /// The management API does not offer what a poll needs.
        Unsupported = "unsupported",
        /// Anything else.
        Other = "other",
    }
}
