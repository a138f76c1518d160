use std::collections::HashSet;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::labels::ExecutionStatus;

/// What begins an entry.
const BEGINS: [&str; 12] = [
    "ActivityScheduled",
    "TimerCreated",
    "ExternalSubscribed",
    "ExternalSubscribedPersistent",
    "SubOrchestrationScheduled",
    "OrchestrationChained",
    "OrchestrationCancelRequested",
    "CustomStatusUpdated",
    "KeyValueSet",
    "KeyValueCleared",
    "KeyValuesCleared",
    "OrchestrationContinuedAsNew",
];

const MOMENTS: [TimelineKind; 5] = [
    TimelineKind::Detached,
    TimelineKind::CancelRequested,
    TimelineKind::CustomStatus,
    TimelineKind::KeyValue,
    TimelineKind::ContinueAsNew,
];

const OTHERS: [&str; 17] = [
    "OrchestrationStarted",
    "OrchestrationCompleted",
    "OrchestrationFailed",
    "ActivityCompleted",
    "ActivityFailed",
    "ActivityCancelRequested",
    "TimerFired",
    "ExternalEvent",
    "ExternalEventPersistent",
    "ExternalSubscribedCancelled",
    "ExternalSubscribedPersistentCancelled",
    "SubOrchestrationCompleted",
    "SubOrchestrationFailed",
    "SubOrchestrationCancelRequested",
    "SystemCall",
    "FromTheFuture",
    "",
];

fn begins(event: &Event) -> bool {
    let syscall = event.text("name").is_some_and(|name| name.starts_with("__duroxide_syscall:"));
    event.undecodable.is_none()
        && BEGINS.contains(&event.event_type.as_str())
        && !(syscall && event.event_type == "ActivityScheduled")
}

fn field() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => select(vec![json!("a"), json!("b"), json!("__duroxide_syscall:new_guid"), json!("sub::2")]),
        1 => select(vec![json!(null), json!(0), json!(u64::MAX), json!(-1), json!([]), json!({"Poison": {}}), json!(0.5)]),
    ]
}

fn fields() -> impl Strategy<Value = Value> {
    let names =
        ["name", "input", "instance", "tag", "session_id", "fire_at_ms", "key", "details", "parent_instance"];
    let reason = select(vec![json!("dropped_future"), json!("orchestration_terminal"), json!(null)]);
    let others = prop::collection::vec((select(names.to_vec()), field()), 0..6);
    (others, prop::option::weighted(0.9, reason)).prop_map(|(others, reason)| {
        let reason = reason.map(|reason| ("reason", reason));
        others.into_iter().chain(reason).map(|(name, value)| (name.to_owned(), value)).collect()
    })
}

prop_compose! {
    fn event(ids: std::ops::Range<u64>)(
        event_type in select([BEGINS.as_slice(), &OTHERS].concat()),
        event_id in prop_oneof![9 => ids.clone(), 1 => Just(99_999), 1 => Just(u64::MAX)],
        source_event_id in prop::option::weighted(0.8, ids),
        timestamp_ms in prop_oneof![9 => 0..100_000_u64, 1 => any::<u64>()],
        duroxide_version in select(vec!["0.1.32", "0.1.12", "", "?"]),
        undecodable in prop::option::weighted(0.05, Just("damaged".to_owned())),
        fields in fields(),
    ) -> Event {
        Event {
            event_id, source_event_id, instance_id: INSTANCE.to_owned(), execution_id: 1, timestamp_ms,
            duroxide_version: duroxide_version.to_owned(), event_type: event_type.to_owned(), undecodable,
            fields: fields.as_object().cloned().unwrap(),
        }
    }
}

fn check(events: &[Event]) -> Result<(), TestCaseError> {
    let mut builder = Timeline::builder(INSTANCE, 1);
    events.iter().for_each(|event| builder.push(event));
    let timeline = builder.finish();

    let mut expected: Vec<u64> =
        events.iter().filter(|event| begins(event)).map(|event| event.event_id).collect();
    expected.sort_unstable();
    let entries: Vec<u64> = timeline.entries.iter().map(|entry| entry.event_id).collect();
    prop_assert_eq!(entries, expected, "one entry for each beginning, in order");

    let ids: HashSet<u64> = events.iter().map(|event| event.event_id).collect();
    for entry in &timeline.entries {
        prop_assert_eq!(entry.ended_at.is_some(), entry.outcome != TimelineOutcome::Open);
        prop_assert!(entry.ended_at.is_none_or(|end| end >= entry.started_at));
        prop_assert!(entry.ended_by.is_none_or(|event| ids.contains(&event)));
        prop_assert!(entry.failure_kind.is_none() || entry.outcome == TimelineOutcome::Failed);
        prop_assert!(
            timeline.ended_at.is_none() || entry.outcome != TimelineOutcome::Open,
            "open after the end"
        );
        prop_assert_eq!(entry.attempt > 1, entry.retry_of.is_some());
        prop_assert!(entry.attempt == 1 || entry.kind == TimelineKind::Activity);
        prop_assert!(entry.attempt > 0);
        let moment = MOMENTS.contains(&entry.kind);
        prop_assert!(!moment || entry.outcome == TimelineOutcome::Completed && entry.ended_by.is_none());
    }
    prop_assert_eq!(
        timeline.ended_at.is_some(),
        matches!(
            timeline.status,
            ExecutionStatus::Completed | ExecutionStatus::Failed | ExecutionStatus::ContinuedAsNew
        )
    );
    prop_assert_eq!(timeline.failure_kind.is_some(), timeline.status == ExecutionStatus::Failed);
    let undecodable = events.iter().filter(|event| event.undecodable.is_some()).count() as u64;
    prop_assert_eq!(timeline.undecodable_events, undecodable);
    let unknown =
        |e: &&Event| e.undecodable.is_none() && ["FromTheFuture", ""].contains(&e.event_type.as_str());
    prop_assert_eq!(timeline.unknown_events, events.iter().filter(unknown).count() as u64);

    let json = serde_json::to_string(&timeline).unwrap();
    prop_assert_eq!(serde_json::from_str::<Timeline>(&json).unwrap(), timeline);
    Ok(())
}

/// Within a history whose ids are in order, what is said about tries and waits can be checked more closely.
fn check_in_order(events: &[Event], modern: bool) -> Result<(), TestCaseError> {
    let mut builder = Timeline::builder(INSTANCE, 1);
    events.iter().for_each(|event| builder.push(event));
    let timeline = builder.finish();
    let call = |id: u64| {
        let event = events.iter().find(|event| event.event_id == id).unwrap();
        ["name", "input", "session_id", "tag"].map(|field| event.fields.get(field))
    };
    let mut taken = HashSet::new();
    for entry in &timeline.entries {
        // Messages wait for their waits, as events did before 0.1.31; nothing else ends before it begins, unless it
        // begins after the end of all.
        let waits = entry.kind == TimelineKind::QueueEvent || entry.kind == TimelineKind::Event && !modern;
        let outlived = entry.outcome == TimelineOutcome::Cancelled;
        prop_assert!(entry.ended_by.is_none_or(|end| end > entry.event_id || waits || outlived));
        if let Some(first) = entry.retry_of {
            prop_assert!(first < entry.event_id);
            prop_assert_eq!(call(first), call(entry.event_id));
            prop_assert!(taken.insert((first, entry.attempt)), "two entries are the same try");
            let before = timeline.entries.iter().find(|other| {
                other.attempt + 1 == entry.attempt && other.retry_of.unwrap_or(other.event_id) == first
            });
            let before = before.expect("the try before");
            let given_up = [TimelineOutcome::Failed, TimelineOutcome::Cancelled].contains(&before.outcome);
            prop_assert!(given_up, "{:?} was not given up", before);
        }
    }
    // Since 0.1.31 an event answers one wait at most.
    if modern {
        let mut used = HashSet::new();
        for entry in timeline.entries.iter().filter(|entry| entry.kind == TimelineKind::Event) {
            if entry.outcome == TimelineOutcome::Completed {
                prop_assert!(used.insert(entry.ended_by), "two waits were answered by {:?}", entry.ended_by);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn any_events_make_a_timeline(events in prop::collection::vec(event(0..30), 0..60)) {
        check(&events)?;
    }

    #[test]
    fn events_in_order_make_a_sensible_timeline(
        mut events in prop::collection::vec(event(0..60), 0..60),
        modern: bool,
    ) {
        for (event, id) in events.iter_mut().zip(1..) {
            event.event_id = id;
            if modern {
                event.duroxide_version = "0.1.32".to_owned();
            }
        }
        check(&events)?;
        check_in_order(&events, modern)?;
    }
}

/// Long histories of everything that is looked up or matched: twenty times the events must not take four hundred
/// times the time. The limit is far from what is measured, and far from what a square would give.
#[test]
fn the_time_grows_with_the_events_only() {
    let measure = |n: usize| {
        let mut history = History::started();
        for k in 0..n {
            let equal = history.activity("A", "x");
            let other = history.activity("A", &k.to_string());
            let [wait, queue] = [("ExternalSubscribed", "E"), ("ExternalSubscribedPersistent", "Q")]
                .map(|(kind, name)| history.add(kind, json!({"name": name})));
            for activity in [equal, other] {
                if k % 2 == 0 {
                    history.failed(activity)
                } else {
                    history.dropped(activity)
                };
            }
            if k % 3 == 0 {
                let dropped = || json!({"reason": "dropped_future"});
                history.add_about(Some(wait), "ExternalSubscribedCancelled", dropped());
                history.add_about(Some(queue), "ExternalSubscribedPersistentCancelled", dropped());
            } else if k % 3 == 1 {
                history.add("ExternalEvent", json!({"name": "E"}));
                history.add("ExternalEventPersistent", json!({"name": "Q"}));
            }
        }
        let best = (0..3).map(|_| {
            let begin = Instant::now();
            let entries = history.timeline().entries.len();
            assert_eq!(entries, 4 * n);
            begin.elapsed()
        });
        best.min().unwrap()
    };
    let (short, long) = (measure(500), measure(10_000));
    assert!(long < short.max(Duration::from_millis(1)) * 100, "{short:?} for 500, {long:?} for 10,000");
}
