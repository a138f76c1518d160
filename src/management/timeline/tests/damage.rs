use super::*;
use crate::labels::ExecutionStatus;

fn damaged(history: &mut History) {
    let event = history.add("ActivityScheduled", json!({}));
    let event = history.events.iter_mut().find(|other| other.event_id == event).unwrap();
    event.undecodable = Some("no valid JSON".to_owned());
}

#[test]
fn unknown_and_undecodable_events_are_counted() {
    let mut history = History::started();
    history.add("FromTheFuture", json!({"name": "A"}));
    history.add("ExternalSubscribed2", json!({"name": "A", "topic": "t"}));
    damaged(&mut history);
    let timeline = history.timeline();
    assert_eq!((timeline.unknown_events, timeline.undecodable_events), (2, 1));
    assert_eq!(timeline.entries, []);
}

#[test]
fn an_end_without_a_beginning_is_left_out() {
    let mut history = History::started();
    damaged(&mut history);
    let timer = history.timer();
    for source in [None, Some(2), Some(500), Some(1)] {
        history.add_about(source, "ActivityCompleted", json!({}));
        history.add_about(source, "ActivityFailed", json!({}));
        history.add_about(source, "ActivityCancelRequested", json!({}));
        history.add_about(source, "TimerFired", json!({}));
        history.add_about(source, "SubOrchestrationCompleted", json!({}));
        history.add_about(source, "ExternalSubscribedCancelled", json!({"reason": "dropped_future"}));
        history.add_about(source, "ExternalSubscribedPersistentCancelled", json!({}));
    }
    // Of another kind than what it claims to end.
    history.completed(timer);
    history.add_about(Some(timer), "ExternalSubscribedCancelled", json!({"reason": "dropped_future"}));
    history.add("ExternalEvent", json!({"name": "E"}));
    let timeline = history.timeline();
    assert_eq!(timeline.entries.len(), 1);
    assert_eq!(timeline.end_of(timer), OPEN);
    assert_eq!((timeline.unknown_events, timeline.undecodable_events), (0, 1));
}

#[test]
fn fields_may_be_missing_or_of_another_type() {
    for fields in [json!({}), json!({"name": 1, "instance": [], "fire_at_ms": "soon", "key": {}, "tag": 2})] {
        let mut history = History { version: "", events: Vec::new() };
        for event_type in [
            "OrchestrationStarted",
            "ActivityScheduled",
            "TimerCreated",
            "ExternalSubscribed",
            "ExternalEvent",
            "ExternalSubscribedPersistent",
            "SubOrchestrationScheduled",
            "OrchestrationChained",
            "KeyValueSet",
        ] {
            history.add(event_type, fields.clone());
        }
        let timeline = history.timeline();
        assert_eq!(timeline.orchestration_name, None);
        assert_eq!(timeline.entries.len(), 7);
        for entry in &timeline.entries {
            assert_eq!((&entry.name, &entry.instance_id, entry.due_at), (&None, &None, None));
        }
    }
}

#[test]
fn the_frameworks_own_last_word_about_a_damaged_history() {
    let mut history = History::started();
    let activity = history.activity("A", "");
    damaged(&mut history);
    let poison = history.add("OrchestrationFailed", json!({"details": {"Poison": {"attempt_count": 4}}}));
    history.events.iter_mut().for_each(|event| {
        if event.event_id == poison {
            event.event_id = 99_999;
        }
    });
    let timeline = history.timeline();
    assert_eq!(timeline.status, ExecutionStatus::Failed);
    assert_eq!(
        (timeline.of(activity).outcome, timeline.of(activity).ended_by),
        (TimelineOutcome::Cancelled, Some(99_999))
    );
}

#[test]
fn nobody_claims_that_an_execution_runs_whose_end_may_be_unreadable() {
    let empty = Timeline::builder(INSTANCE, 1).finish();
    assert_eq!((empty.status, empty.started_at), (ExecutionStatus::Unknown, None));

    let mut history = History::started();
    let activity = history.activity("A", "");
    damaged(&mut history);
    assert_eq!(history.timeline().status, ExecutionStatus::Unknown);
    assert_eq!(history.timeline().end_of(activity), OPEN);
    history.dropped(activity);
    assert_eq!(history.timeline().status, ExecutionStatus::Unknown, "may have been cleared up after the end");
    history.timer();
    assert_eq!(history.timeline().status, ExecutionStatus::Running);
}

#[test]
fn the_first_beginning_and_the_first_end_count() {
    let mut history = History::started();
    history.add("OrchestrationStarted", json!({"name": "Other", "parent_instance": "p"}));
    let end = history.add("OrchestrationCompleted", json!({}));
    history.add("OrchestrationFailed", json!({}));
    let timeline = history.timeline();
    assert_eq!((timeline.orchestration_name.as_deref(), &timeline.parent), (Some("Order"), &None));
    assert_eq!((timeline.started_at, timeline.ended_at), (Some(at(1)), Some(at(end))));
    assert_eq!((timeline.status, timeline.failure_kind), (ExecutionStatus::Completed, None));
}
