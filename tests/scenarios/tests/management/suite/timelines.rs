//! Timelines: every entry recomputed from the raw events, each type the simple way.

use duroxide_exporter::{
    Capability, ExecutionStatus, ManagementError, Timeline, TimelineEntry, TimelineKind, TimelineOutcome,
    Timestamp,
};
use scenarios::truth::{EventRow, Truth, failure_kind};
use serde_json::Value;

use crate::subject::{Subject, assert_unsupported};

fn moment(event: &Value) -> Timestamp {
    Timestamp::from_unix_millis(event["timestamp_ms"].as_i64().unwrap())
}

/// What begins an entry: its kind, and the field with its name.
fn beginning(event: &Value) -> Option<(TimelineKind, &'static str)> {
    let kind = match event["type"].as_str().unwrap() {
        "ActivityScheduled" if event["name"].as_str().unwrap().starts_with("__duroxide_syscall:") => {
            return None;
        }
        "ActivityScheduled" => (TimelineKind::Activity, "name"),
        "TimerCreated" => (TimelineKind::Timer, ""),
        "ExternalSubscribed" => (TimelineKind::Event, "name"),
        "ExternalSubscribedPersistent" => (TimelineKind::QueueEvent, "name"),
        "SubOrchestrationScheduled" => (TimelineKind::Child, "name"),
        "OrchestrationChained" => (TimelineKind::Detached, "name"),
        "OrchestrationCancelRequested" => (TimelineKind::CancelRequested, ""),
        "CustomStatusUpdated" => (TimelineKind::CustomStatus, ""),
        "KeyValueSet" | "KeyValueCleared" => (TimelineKind::KeyValue, "key"),
        "KeyValuesCleared" => (TimelineKind::KeyValue, ""),
        "OrchestrationContinuedAsNew" => (TimelineKind::ContinueAsNew, ""),
        _ => return None,
    };
    Some(kind)
}

pub(crate) async fn entries_are_those_of_the_events(subject: &Subject) {
    let mut entries = 0;
    for (id, number) in subject.truth.executions.keys().filter(|(id, _)| subject.truth.instance(id).is_some())
    {
        let execution = u64::try_from(*number).unwrap();
        let timeline = subject.api.get_execution_timeline(id, execution).await;
        if !subject.has(Capability::History) {
            assert_unsupported("get_execution_timeline", timeline);
            continue;
        }
        if !subject.can_read(id, *number) {
            assert!(matches!(timeline, Err(ManagementError::Undecodable { .. })), "{id:?}: {timeline:?}");
            continue;
        }
        let timeline = timeline.unwrap_or_else(|error| panic!("{id:?} {execution}: {error}"));
        entries += timeline.entries.len();
        let rows = subject.truth.events(id, *number);
        let events: Vec<_> = rows.iter().filter_map(EventRow::json).collect();
        assert_eq!((timeline.instance_id.as_str(), timeline.execution_id), (id.as_str(), execution));
        let damaged = u64::try_from(rows.len() - events.len()).unwrap();
        assert_eq!(timeline.undecodable_events, damaged, "{id:?}");
        let unknown = events.iter().filter(|event| event["type"] == "FromTheFuture").count();
        assert_eq!(timeline.unknown_events, u64::try_from(unknown).unwrap(), "{id:?}");
        head(id, &timeline, &events);
        let begun: Vec<_> = events.iter().filter(|event| beginning(event).is_some()).collect();
        let ids = |events: &[&Value]| {
            events.iter().map(|event| event["event_id"].as_u64().unwrap()).collect::<Vec<_>>()
        };
        let told: Vec<_> = timeline.entries.iter().map(|entry| entry.event_id).collect();
        assert_eq!(told, ids(&begun), "{id:?} {execution}: one entry for each beginning, in order");
        for (entry, event) in timeline.entries.iter().zip(&begun) {
            let place = (id.as_str(), execution);
            one(&subject.truth, place, entry, event, &events);
        }
    }
    assert!(entries > 50 || !subject.has(Capability::History), "{entries} entries");
}

fn head(id: &str, timeline: &Timeline, events: &[Value]) {
    let first = events.iter().find(|event| event["type"] == "OrchestrationStarted");
    let text = |name: &str| first.and_then(|first| first[name].as_str().map(ToOwned::to_owned));
    assert_eq!(timeline.orchestration_name, text("name"), "{id:?}");
    assert_eq!(timeline.orchestration_version, text("version"), "{id:?}");
    if let Some(first) = first {
        assert_eq!(timeline.started_at, Some(moment(first)), "{id:?}");
        let parent = timeline.parent.as_ref();
        assert_eq!(
            parent.map(|parent| parent.instance_id.as_str()),
            first["parent_instance"].as_str(),
            "{id:?}"
        );
        assert_eq!(parent.and_then(|parent| parent.event_id), first["parent_id"].as_u64(), "{id:?}");
        assert_eq!(
            parent.and_then(|parent| parent.execution_id),
            first["parent_execution_id"].as_u64(),
            "{id:?}"
        );
    }
    // Cancellations of what was still open may follow the end.
    let end = events.iter().find_map(|event| {
        let status = match event["type"].as_str().unwrap() {
            "OrchestrationCompleted" => ExecutionStatus::Completed,
            "OrchestrationFailed" => ExecutionStatus::Failed,
            "OrchestrationContinuedAsNew" => ExecutionStatus::ContinuedAsNew,
            _ => return None,
        };
        Some((status, event))
    });
    assert_eq!(timeline.ended_at, end.map(|(_, event)| moment(event)), "{id:?}");
    assert_eq!(
        timeline.status,
        end.map_or(
            // Without its beginning nobody can say that it runs.
            first.map_or(ExecutionStatus::Unknown, |_| ExecutionStatus::Running),
            |(status, _)| status
        ),
        "{id:?}"
    );
    let failed = end.filter(|(status, _)| *status == ExecutionStatus::Failed);
    assert_eq!(timeline.failure_kind, failed.map(|(_, event)| failure_kind(&event["details"])), "{id:?}");
}

fn one(truth: &Truth, place: (&str, u64), entry: &TimelineEntry, event: &Value, events: &[Value]) {
    let what = format!("{place:?}: {entry:?}");
    let (kind, name) = beginning(event).unwrap();
    assert_eq!(entry.kind, kind, "{what}");
    if name.is_empty() {
        assert_eq!(entry.name, None, "{what}");
    } else {
        assert_eq!(entry.name.as_deref(), event[name].as_str(), "{what}");
    }
    assert_eq!(entry.started_at, moment(event), "{what}");
    assert_eq!(entry.tag.as_deref(), event["tag"].as_str(), "{what}");
    assert_eq!(entry.due_at.map(Timestamp::unix_millis), event["fire_at_ms"].as_i64(), "{what}");
    match kind {
        TimelineKind::Child => assert_eq!(entry.instance_id, child(truth, place, entry.event_id), "{what}"),
        TimelineKind::Detached => {
            assert_eq!(entry.instance_id.as_deref(), event["instance"].as_str(), "{what}")
        }
        _ => assert_eq!(entry.instance_id, None, "{what}"),
    }
    let Some(end) = ending(kind, event, events) else {
        let over = events.iter().any(|event| {
            matches!(
                event["type"].as_str().unwrap(),
                "OrchestrationCompleted" | "OrchestrationFailed" | "OrchestrationContinuedAsNew"
            )
        });
        let given_up = events
            .iter()
            .any(|other| other["source_event_id"] == event["event_id"] && is_cancellation(other));
        let moment = matches!(
            kind,
            TimelineKind::Detached
                | TimelineKind::CancelRequested
                | TimelineKind::CustomStatus
                | TimelineKind::KeyValue
                | TimelineKind::ContinueAsNew
        );
        let outcome = match (moment, over || given_up) {
            (true, _) => TimelineOutcome::Completed,
            (false, true) => TimelineOutcome::Cancelled,
            (false, false) => TimelineOutcome::Open,
        };
        assert_eq!((entry.outcome, entry.failure_kind), (outcome, None), "{what}");
        assert_eq!(entry.ended_at.is_none(), outcome == TimelineOutcome::Open, "{what}");
        return;
    };
    assert_eq!(entry.ended_by, end["event_id"].as_u64(), "{what}");
    // What was there before the wait for it ends that at once.
    assert_eq!(entry.ended_at, Some(moment(end).max(moment(event))), "{what}");
    let failed = end["type"].as_str().unwrap().ends_with("Failed");
    let kind = failed.then(|| failure_kind(&end["details"]));
    let outcome = if failed { TimelineOutcome::Failed } else { TimelineOutcome::Completed };
    assert_eq!((entry.outcome, entry.failure_kind), (outcome, kind), "{what}");
}

fn is_cancellation(event: &Value) -> bool {
    event["type"].as_str().unwrap().contains("Cancel")
}

/// The event that answers a beginning. Events from outside name no number: the nth of a name answers the nth wait
/// for that name that was not given up.
fn ending<'a>(kind: TimelineKind, event: &Value, events: &'a [Value]) -> Option<&'a Value> {
    let (subscribed, received) = match kind {
        TimelineKind::Event => ("ExternalSubscribed", "ExternalEvent"),
        TimelineKind::QueueEvent => ("ExternalSubscribedPersistent", "ExternalEventPersistent"),
        _ => {
            let answers = [
                "ActivityCompleted",
                "ActivityFailed",
                "TimerFired",
                "SubOrchestrationCompleted",
                "SubOrchestrationFailed",
            ];
            let first = events.iter().find(|other| {
                other["source_event_id"] == event["event_id"]
                    && (answers.contains(&other["type"].as_str().unwrap()) || is_cancellation(other))
            });
            // What comes after it was given up changes nothing any more.
            return first.filter(|first| !is_cancellation(first));
        }
    };
    let of = |kind: &str| {
        let same = |other: &&Value| other["type"] == kind && other["name"] == event["name"];
        events.iter().filter(same).collect::<Vec<_>>()
    };
    let given_up = |wait: &&&Value| {
        !events.iter().any(|other| other["source_event_id"] == wait["event_id"] && is_cancellation(other))
    };
    let place =
        of(subscribed).iter().filter(given_up).position(|wait| wait["event_id"] == event["event_id"])?;
    of(received).get(place).copied()
}

/// The instance whose first event says that this event started it.
fn child(truth: &Truth, (id, execution): (&str, u64), event: u64) -> Option<String> {
    let is_it = |child: &&scenarios::truth::Instance| {
        let first = truth.events(&child.id, 1).first().and_then(EventRow::json).unwrap_or_default();
        first["parent_instance"] == id
            && first["parent_id"] == event
            && first["parent_execution_id"] == execution
    };
    truth.instances.iter().find(is_it).map(|child| child.id.clone())
}

pub(crate) async fn tries_of_one_activity_are_numbered(subject: &Subject) {
    if !subject.has(Capability::History) {
        return;
    }
    let activities = async |id: &str| {
        let timeline = subject.api.get_execution_timeline(id, 1).await.unwrap();
        timeline.entries.into_iter().filter(|entry| entry.kind == TimelineKind::Activity).collect::<Vec<_>>()
    };
    let tries = activities("retry").await;
    let first = tries.first().unwrap().event_id;
    let said: Vec<_> = tries.iter().map(|entry| (entry.attempt, entry.retry_of)).collect();
    assert_eq!(said, [(1, None), (2, Some(first)), (3, Some(first))], "{tries:#?}");
    // The same activity with other inputs is no further try.
    for entry in activities("fan-out").await {
        assert_eq!((entry.attempt, entry.retry_of), (1, None), "{entry:?}");
    }
}
