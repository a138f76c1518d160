//! What a span says about a call: names, ids and sizes. Inputs, outputs, errors' texts and keys' values are never taken
//! out of what they are in.

use duroxide::providers::{OrchestrationItem, WorkItem};

/// What is known of a call; what is not is left out of its span.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallInfo<'a> {
    pub(super) instance: Option<&'a str>,
    pub(super) execution: Option<u64>,
    pub(super) orchestration: Option<&'a str>,
    pub(super) activity: Option<&'a str>,
    /// The event of the history that a message is of.
    pub(super) event: Option<u64>,
    /// The kind of a work item that is sent.
    pub(super) item: Option<&'static str>,
    pub(super) attempt: Option<u32>,
    /// How many messages are received or settled together.
    pub(super) messages: Option<usize>,
    /// What a turn adds: events, activities, messages to instances; activities it cancels.
    pub(super) turn: Option<[usize; 4]>,
    /// Where its link leads, once that was computed.
    #[cfg(feature = "otel")]
    pub(super) target: Option<Target>,
}

/// The ids of a trace and of a span in it.
#[cfg(feature = "otel")]
pub(super) type Target = ([u8; 16], [u8; 8]);

impl<'a> CallInfo<'a> {
    pub(super) const NOTHING: Self = Self {
        instance: None,
        execution: None,
        orchestration: None,
        activity: None,
        event: None,
        item: None,
        attempt: None,
        messages: None,
        turn: None,
        #[cfg(feature = "otel")]
        target: None,
    };

    pub(super) fn instance(instance: &'a str) -> Self {
        Self { instance: Some(instance), ..Self::NOTHING }
    }

    pub(super) fn execution(instance: &'a str, execution: u64) -> Self {
        Self { execution: Some(execution), ..Self::instance(instance) }
    }

    /// Of the messages of an instance that are handed out together.
    pub(super) fn turn(item: &'a OrchestrationItem, attempt: u32) -> Self {
        Self {
            orchestration: Some(&item.orchestration_name),
            attempt: Some(attempt),
            messages: Some(item.messages.len()),
            ..Self::execution(&item.instance, item.execution_id)
        }
    }

    /// Of a work item that is handed out: what kind it is, its queue says.
    pub(super) fn work(item: &'a WorkItem, attempt: u32) -> Self {
        Self { item: None, attempt: Some(attempt), ..Self::item(item) }
    }

    /// Of a work item that is sent: the instance it is for, which may be the parent of the one that caused it.
    pub(super) fn item(item: &'a WorkItem) -> Self {
        let (kind, about) = match item {
            WorkItem::StartOrchestration { instance, orchestration, execution_id, .. } => (
                "StartOrchestration",
                Self { orchestration: Some(orchestration), ..Self::execution(instance, *execution_id) },
            ),
            WorkItem::ActivityExecute { instance, execution_id, id, name, .. } => (
                "ActivityExecute",
                Self { activity: Some(name), event: Some(*id), ..Self::execution(instance, *execution_id) },
            ),
            WorkItem::ActivityCompleted { instance, execution_id, id, .. } => {
                ("ActivityCompleted", Self { event: Some(*id), ..Self::execution(instance, *execution_id) })
            }
            WorkItem::ActivityFailed { instance, execution_id, id, .. } => {
                ("ActivityFailed", Self { event: Some(*id), ..Self::execution(instance, *execution_id) })
            }
            WorkItem::TimerFired { instance, execution_id, id, .. } => {
                ("TimerFired", Self { event: Some(*id), ..Self::execution(instance, *execution_id) })
            }
            WorkItem::SubOrchCompleted { parent_instance, parent_execution_id, parent_id, .. } => (
                "SubOrchCompleted",
                Self { event: Some(*parent_id), ..Self::execution(parent_instance, *parent_execution_id) },
            ),
            WorkItem::SubOrchFailed { parent_instance, parent_execution_id, parent_id, .. } => (
                "SubOrchFailed",
                Self { event: Some(*parent_id), ..Self::execution(parent_instance, *parent_execution_id) },
            ),
            WorkItem::ExternalRaised { instance, .. } => ("ExternalRaised", Self::instance(instance)),
            WorkItem::QueueMessage { instance, .. } => ("QueueMessage", Self::instance(instance)),
            WorkItem::CancelInstance { instance, .. } => ("CancelInstance", Self::instance(instance)),
            WorkItem::ContinueAsNew { instance, orchestration, .. } => {
                ("ContinueAsNew", Self { orchestration: Some(orchestration), ..Self::instance(instance) })
            }
            #[allow(
                unreachable_patterns,
                reason = "the framework has another kind with its feature for tests"
            )]
            _ => return Self::NOTHING,
        };
        Self { item: Some(kind), ..about }
    }
}
