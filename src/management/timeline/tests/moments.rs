use super::*;
use crate::labels::FailureKind;

fn moment(history: &History, event: u64, kind: TimelineKind) -> TimelineEntry {
    let timeline = history.timeline();
    let entry = timeline.of(event).clone();
    assert_eq!(entry.kind, kind);
    assert_eq!((entry.outcome, entry.ended_by), (TimelineOutcome::Completed, None));
    assert_eq!((entry.started_at, entry.ended_at), (at(event), Some(at(event))));
    entry
}

#[test]
fn children_have_full_ids_and_ends() {
    let mut history = History::started();
    let child = |id: &str| json!({"name": "Child", "instance": id, "input": ""});
    let own = history.add("SubOrchestrationScheduled", child("sub::2"));
    let later_execution = history.add("SubOrchestrationScheduled", child("sub::3_2"));
    let explicit = history.add("SubOrchestrationScheduled", child("tenant::sub::99"));
    let open = history.add("SubOrchestrationScheduled", child("x"));
    let good = history.add_about(Some(own), "SubOrchestrationCompleted", json!({"result": "r"}));
    let details = json!({"details": {"Application": {"kind": {"Cancelled": {"reason": "r"}}}}});
    let bad = history.add_about(Some(later_execution), "SubOrchestrationFailed", details.clone());
    let reason = json!({"reason": "dropped_future"});
    let dropped = history.add_about(Some(explicit), "SubOrchestrationCancelRequested", reason);
    history.add_about(Some(explicit), "SubOrchestrationFailed", details);

    let timeline = history.timeline();
    let ids = [own, later_execution, explicit].map(|event| timeline.of(event).instance_id.clone().unwrap());
    assert_eq!(ids, ["order-1::sub::2", "order-1::sub::3_2", "tenant::sub::99"]);
    assert_eq!(timeline.end_of(own), completed(good));
    assert_eq!(timeline.end_of(later_execution), failed(bad));
    assert_eq!(timeline.of(later_execution).failure_kind, Some(FailureKind::Cancelled));
    assert_eq!(timeline.end_of(explicit), cancelled(dropped));
    assert_eq!(timeline.of(explicit).failure_kind, None);
    assert_eq!(timeline.end_of(open), OPEN);
    assert_eq!(
        (timeline.of(own).kind, timeline.of(own).name.as_deref()),
        (TimelineKind::Child, Some("Child"))
    );
}

#[test]
fn detached_starts_keep_their_ids() {
    let mut history = History::started();
    let event =
        history.add("OrchestrationChained", json!({"name": "Mail", "instance": "mail-1", "input": ""}));
    let entry = moment(&history, event, TimelineKind::Detached);
    assert_eq!((entry.name.as_deref(), entry.instance_id.as_deref()), (Some("Mail"), Some("mail-1")));
}

#[test]
fn requests_statuses_and_keys_are_moments() {
    let mut history = History::started();
    let cancel = history.add("OrchestrationCancelRequested", json!({"reason": "user"}));
    let status = history.add("CustomStatusUpdated", json!({"status": "half"}));
    let reset = history.add("CustomStatusUpdated", json!({"status": null}));
    let set = history.add("KeyValueSet", json!({"key": "k", "value": "v", "last_updated_at_ms": 5}));
    let cleared = history.add("KeyValueCleared", json!({"key": "k"}));
    let all = history.add("KeyValuesCleared", json!({}));
    let again = history.add("OrchestrationContinuedAsNew", json!({"input": "i"}));
    assert_eq!(moment(&history, cancel, TimelineKind::CancelRequested).name, None);
    assert_eq!(moment(&history, status, TimelineKind::CustomStatus).name, None);
    assert_eq!(moment(&history, reset, TimelineKind::CustomStatus).name, None);
    assert_eq!(moment(&history, set, TimelineKind::KeyValue).name.as_deref(), Some("k"));
    assert_eq!(moment(&history, cleared, TimelineKind::KeyValue).name.as_deref(), Some("k"));
    assert_eq!(moment(&history, all, TimelineKind::KeyValue).name, None);
    assert_eq!(moment(&history, again, TimelineKind::ContinueAsNew).name, None);
    assert_eq!(history.timeline().entries.len(), 7);
    assert_eq!(history.timeline().unknown_events, 0);
}
