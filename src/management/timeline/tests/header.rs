use super::*;
use crate::labels::{ExecutionStatus, FailureKind};
use crate::management::timeline::TimelineParent;

#[test]
fn the_first_event_introduces_the_execution() {
    let timeline = History::started().timeline();
    assert_eq!(timeline.instance_id, INSTANCE);
    assert_eq!(timeline.execution_id, 1);
    assert_eq!(timeline.orchestration_name.as_deref(), Some("Order"));
    assert_eq!(timeline.orchestration_version.as_deref(), Some("1.2.0"));
    assert_eq!((timeline.started_at, timeline.ended_at), (Some(at(1)), None));
    assert_eq!((timeline.status, timeline.failure_kind), (ExecutionStatus::Running, None));
    assert_eq!((&timeline.parent, timeline.entries.len()), (&None, 0));
}

#[test]
fn children_know_their_parents() {
    let parent = |fields: Value| {
        let mut history = History { version: "0.1.32", events: Vec::new() };
        history.add("OrchestrationStarted", fields);
        history.timeline().parent
    };
    assert_eq!(
        parent(json!({"parent_instance": "p", "parent_id": 4, "parent_execution_id": 2})),
        Some(TimelineParent { instance_id: "p".to_owned(), execution_id: Some(2), event_id: Some(4) })
    );
    assert_eq!(
        parent(json!({"parent_instance": "p", "parent_id": 4})),
        Some(TimelineParent { instance_id: "p".to_owned(), execution_id: None, event_id: Some(4) })
    );
    assert_eq!(parent(json!({"parent_instance": null, "parent_id": null})), None);
}

#[test]
fn every_end() {
    let ends = [
        ("OrchestrationCompleted", json!({"output": "o"}), ExecutionStatus::Completed, None),
        ("OrchestrationContinuedAsNew", json!({"input": "i"}), ExecutionStatus::ContinuedAsNew, None),
        (
            "OrchestrationFailed",
            json!({"details": application("Panicked")}),
            ExecutionStatus::Failed,
            Some(FailureKind::Panicked),
        ),
        ("OrchestrationFailed", json!({}), ExecutionStatus::Failed, Some(FailureKind::Unknown)),
    ];
    for (event_type, fields, status, failure_kind) in ends {
        let mut history = History::started();
        let end = history.add(event_type, fields);
        let timeline = history.timeline();
        assert_eq!((timeline.status, timeline.failure_kind), (status, failure_kind), "{event_type}");
        assert_eq!(timeline.ended_at, Some(at(end)));
    }
}

#[test]
fn whatever_is_open_at_the_end_is_cancelled() {
    let mut history = History::started();
    let activity = history.activity("A", "");
    let timer = history.timer();
    let child = history.add("SubOrchestrationScheduled", json!({"name": "C", "instance": "sub::4"}));
    let event = history.add("ExternalSubscribed", json!({"name": "E"}));
    let queue = history.add("ExternalSubscribedPersistent", json!({"name": "Q"}));
    let all = [activity, timer, child, event, queue];
    let timeline = history.timeline();
    assert_eq!(all.map(|event| timeline.end_of(event)), [OPEN; 5]);

    let end = history.add("OrchestrationCompleted", json!({}));
    let timeline = history.timeline();
    assert_eq!(all.map(|event| timeline.end_of(event)), [cancelled(end); 5]);
}

#[test]
fn what_is_cleared_up_after_the_end_was_not_the_end() {
    let mut history = History::started();
    let activity = history.activity("A", "");
    let end = history.add("OrchestrationFailed", json!({"details": application("OrchestrationFailed")}));
    let reason = json!({"reason": "orchestration_terminal_failed"});
    let cleared = history.add_about(Some(activity), "ActivityCancelRequested", reason);
    let timeline = history.timeline();
    assert_eq!(timeline.end_of(activity), cancelled(cleared));
    assert_eq!((timeline.status, timeline.ended_at), (ExecutionStatus::Failed, Some(at(end))));
}

#[test]
fn json_stays_as_it_is() {
    let mut history = History::started();
    let activity = history.activity("A", "secret");
    history.failed(activity);
    let json = serde_json::to_value(history.timeline()).unwrap();
    let expected = json!({
        "instance_id": "order-1",
        "execution_id": 1,
        "orchestration_name": "Order",
        "orchestration_version": "1.2.0",
        "parent": null,
        "started_at": "1970-01-01T00:00:01.000Z",
        "ended_at": null,
        "status": "running",
        "failure_kind": null,
        "entries": [{
            "kind": "activity",
            "name": "A",
            "instance_id": null,
            "tag": null,
            "event_id": 2,
            "ended_by": 3,
            "started_at": "1970-01-01T00:00:02.000Z",
            "ended_at": "1970-01-01T00:00:03.000Z",
            "due_at": null,
            "outcome": "failed",
            "failure_kind": "application",
            "attempt": 1,
            "retry_of": null,
        }],
        "unknown_events": 0,
        "undecodable_events": 0,
    });
    assert_eq!(json, expected);
    assert_eq!(serde_json::from_value::<Timeline>(json).unwrap(), history.timeline());
}
