//! Work items of every kind.

use duroxide::{AppErrorKind, ErrorDetails, providers::WorkItem};

fn text(text: &str) -> String {
    text.to_owned()
}

fn details() -> ErrorDetails {
    ErrorDetails::Application {
        kind: AppErrorKind::ActivityFailed,
        message: text("by hand"),
        retryable: false,
    }
}

pub(crate) fn start(instance: &str) -> WorkItem {
    WorkItem::StartOrchestration {
        instance: text(instance),
        orchestration: text("Hello"),
        input: text("x"),
        version: None,
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        execution_id: 1,
    }
}

/// The start of a child.
pub(crate) fn child(instance: &str, parent: &str) -> WorkItem {
    WorkItem::StartOrchestration {
        instance: text(instance),
        orchestration: text("Hello"),
        input: text("x"),
        version: None,
        parent_instance: Some(text(parent)),
        parent_id: Some(2),
        parent_execution_id: Some(1),
        execution_id: 1,
    }
}

pub(crate) fn activity(instance: &str, id: u64) -> WorkItem {
    WorkItem::ActivityExecute {
        instance: text(instance),
        execution_id: 1,
        id,
        name: text("Greet"),
        input: text("x"),
        session_id: None,
        tag: None,
    }
}

pub(crate) fn timer(instance: &str, id: u64, fire_at_ms: u64) -> WorkItem {
    WorkItem::TimerFired { instance: text(instance), execution_id: 1, id, fire_at_ms }
}

pub(crate) fn event(instance: &str, data: &str) -> WorkItem {
    WorkItem::ExternalRaised { instance: text(instance), name: text("Approval"), data: text(data) }
}

pub(crate) fn cancel(instance: &str) -> WorkItem {
    WorkItem::CancelInstance { instance: text(instance), reason: text("by hand") }
}

/// One of every kind but starts, each for an instance.
pub(crate) fn all_but_starts(instance: &str) -> Vec<WorkItem> {
    let id = 999;
    vec![
        activity(instance, id),
        WorkItem::ActivityCompleted { instance: text(instance), execution_id: 1, id, result: text("r") },
        WorkItem::ActivityFailed { instance: text(instance), execution_id: 1, id, details: details() },
        timer(instance, id, 1),
        event(instance, "{}"),
        WorkItem::SubOrchCompleted {
            parent_instance: text(instance),
            parent_execution_id: 1,
            parent_id: id,
            result: text("r"),
        },
        WorkItem::SubOrchFailed {
            parent_instance: text(instance),
            parent_execution_id: 1,
            parent_id: id,
            details: details(),
        },
        cancel(instance),
        WorkItem::ContinueAsNew {
            instance: text(instance),
            orchestration: text("Hello"),
            input: text("x"),
            version: None,
            parent_instance: None,
            parent_id: None,
            parent_execution_id: None,
            carry_forward_events: Vec::new(),
            initial_custom_status: None,
        },
        WorkItem::QueueMessage { instance: text(instance), name: text("inbox"), data: text("m") },
    ]
}

/// The kind of an item.
pub(crate) fn kind(item: &WorkItem) -> String {
    let json = serde_json::to_value(item).unwrap();
    json.as_object().unwrap().keys().next().unwrap().clone()
}
