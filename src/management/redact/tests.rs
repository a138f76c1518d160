use duroxide::{AppErrorKind, ConfigErrorKind, ErrorDetails, EventKind, PoisonMessageType};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::labels::ExecutionStatus;

const SECRET: &str = "SECRET Jane Doe";

fn secret() -> String {
    SECRET.to_owned()
}

fn name(name: &str) -> String {
    format!("shown-{name}")
}

fn cancelled(reason: &str) -> ErrorDetails {
    ErrorDetails::Application {
        kind: AppErrorKind::Cancelled { reason: reason.to_owned() },
        message: secret(),
        retryable: false,
    }
}

/// Every type, with a secret wherever a payload can be and a name wherever one can be shown.
fn every_kind() -> Vec<EventKind> {
    use EventKind as K;
    vec![
        K::OrchestrationStarted {
            name: name("orchestration"),
            version: name("version"),
            input: secret(),
            parent_instance: Some(name("parent")),
            parent_id: Some(4),
            parent_execution_id: Some(2),
            carry_forward_events: Some(vec![(name("carried"), secret())]),
            initial_custom_status: Some(name("status")),
        },
        K::OrchestrationCompleted { output: secret() },
        K::OrchestrationFailed { details: cancelled(SECRET) },
        K::OrchestrationContinuedAsNew { input: secret() },
        K::OrchestrationCancelRequested { reason: secret() },
        K::ActivityScheduled {
            name: name("activity"),
            input: secret(),
            session_id: Some(name("session")),
            tag: Some(name("tag")),
        },
        K::ActivityCompleted { result: secret() },
        K::ActivityFailed {
            details: ErrorDetails::Poison {
                attempt_count: 4,
                max_attempts: 3,
                message_type: PoisonMessageType::FailedDeserialization {
                    instance: name("poisoned"),
                    execution_id: 1,
                    error: secret(),
                },
                message: secret(),
            },
        },
        K::ActivityCancelRequested { reason: "dropped_future".to_owned() },
        K::TimerCreated { fire_at_ms: 77 },
        K::TimerFired { fire_at_ms: 77 },
        K::ExternalSubscribed { name: name("event") },
        K::ExternalEvent { name: name("event"), data: secret() },
        K::ExternalSubscribedCancelled { reason: secret() },
        K::QueueSubscribed { name: name("queue") },
        K::QueueEventDelivered { name: name("queue"), data: secret() },
        K::QueueSubscriptionCancelled { reason: secret() },
        K::SubOrchestrationScheduled { name: name("child"), instance: name("id"), input: secret() },
        K::SubOrchestrationCompleted { result: secret() },
        K::SubOrchestrationFailed {
            details: ErrorDetails::Configuration {
                kind: ConfigErrorKind::Nondeterminism,
                resource: secret(),
                message: Some(secret()),
            },
        },
        K::SubOrchestrationCancelRequested { reason: "orchestration_terminal_failed".to_owned() },
        K::OrchestrationChained { name: name("chained"), instance: name("id"), input: secret() },
        K::CustomStatusUpdated { status: Some(name("status")) },
        K::KeyValueSet { key: name("key"), value: secret(), last_updated_at_ms: 77 },
        K::KeyValueCleared { key: name("key") },
        K::KeyValuesCleared,
    ]
}

fn event(event_type: &str, fields: Value) -> Event {
    let Value::Object(fields) = fields else { panic!("fields are an object") };
    Event {
        event_id: 7,
        source_event_id: None,
        instance_id: name("instance"),
        execution_id: 1,
        timestamp_ms: 1_795_408_935_949,
        duroxide_version: "0.1.32".to_owned(),
        event_type: event_type.to_owned(),
        undecodable: None,
        fields,
    }
}

fn hidden(mut event: Event) -> Event {
    event.hide_payloads();
    event
}

#[test]
fn no_event_of_the_framework_shows_a_payload_and_all_show_their_names() {
    let kinds = every_kind();
    let mut types = std::collections::BTreeSet::new();
    for kind in kinds {
        let framework = duroxide::Event::with_event_id(1, name("instance"), 1, None, kind);
        let before = serde_json::to_string(&framework).unwrap();
        let event = hidden(Event::decode(&before).unwrap());
        let after = serde_json::to_string(&event).unwrap();
        assert!(!after.contains("SECRET"), "{after}");
        assert_eq!(after.matches("shown-").count(), before.matches("shown-").count(), "{after}");
        assert_eq!(after.matches("77").count(), before.matches("77").count(), "{after}");
        assert_eq!(hidden(event.clone()), event, "hiding twice is hiding once");
        types.insert(event.event_type);
    }
    assert_eq!(types.len(), 26);
}

#[test]
fn sizes_and_kinds_of_failures_stay() {
    for (before, after) in [
        (json!({"input": "äb"}), json!({"input": {"hidden_bytes": 3}})),
        (json!({"input": {"a": 1}}), json!({"input": {"hidden_bytes": 7}})),
        (json!({"input": null}), json!({"input": null})),
        // Of a newer framework.
        (json!({"name": "A", "payload": [1]}), json!({"name": "A", "payload": {"hidden_bytes": 3}})),
        (json!({"name": {"first": "Jane"}}), json!({"name": {"hidden_bytes": 16}})),
    ] {
        assert_eq!(hidden(event("ActivityScheduled", before)).fields, *after.as_object().unwrap());
    }
    let secret_size = json!({"hidden_bytes": SECRET.len()});
    for (before, after) in [
        (
            json!({"Application": {"kind": "Panicked", "message": SECRET, "retryable": true}}),
            json!({"Application": {"kind": "Panicked", "message": secret_size, "retryable": true}}),
        ),
        (
            json!({"Application": {"kind": {"Cancelled": {"reason": "parent canceled"}}, "message": ""}}),
            json!({"Application": {"kind": {"Cancelled": {"reason": "parent canceled"}}, "message": {"hidden_bytes": 0}}}),
        ),
        (
            json!({"Application": {"kind": {"Cancelled": {"reason": SECRET}}}}),
            json!({"Application": {"kind": {"Cancelled": {"reason": secret_size}}}}),
        ),
        (
            json!({"Infrastructure": {"operation": "ack_orchestration_item", "message": SECRET}}),
            json!({"Infrastructure": {"operation": "ack_orchestration_item", "message": secret_size}}),
        ),
        (json!({"Application": {"kind": SECRET}}), json!({"Application": {"kind": secret_size}})),
        (json!({SECRET: {}}), json!({"hidden_bytes": json!({SECRET: {}}).to_string().len()})),
        (json!(SECRET), secret_size.clone()),
    ] {
        let fields = hidden(event("ActivityFailed", json!({"details": before}))).fields;
        assert_eq!(fields["details"], after);
    }
}

#[test]
fn an_export_hides_outputs_and_histories() {
    let execution =
        ExecutionInfo { output: Some(secret()), ..ExecutionInfo::new(1, ExecutionStatus::Completed) };
    let instance =
        crate::management::InstanceInfo::new("a", "A", "1", 1, crate::labels::InstanceStatus::Completed);
    let history = vec![vec![event("OrchestrationCompleted", json!({"output": SECRET}))]];
    let mut export = InstanceExport { instance, executions: vec![execution], history };
    export.hide_payloads();
    assert_eq!(export.executions[0].output, None);
    assert_eq!(export.executions[0].output_bytes, Some(15));
    assert!(!serde_json::to_string(&export).unwrap().contains("SECRET"));
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "SECRET[a-z]*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(key(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Names that mean something here, and others: names of fields are the framework's, no payload.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        "other[a-z]?",
        Just("Application".to_owned()),
        Just("kind".to_owned()),
        Just("Cancelled".to_owned()),
        Just("reason".to_owned()),
        Just("message_type".to_owned()),
    ]
}

proptest! {
    /// Whatever stands where a failure's details, a reason, data or carried events should be.
    #[test]
    fn no_shape_slips_through(details in anything(), reason in anything(), carried in anything()) {
        for (event_type, field, value) in [
            ("ActivityFailed", "details", &details),
            ("OrchestrationCancelRequested", "reason", &reason),
            ("OrchestrationStarted", "input", &carried),
            ("FromTheFuture", "name", &details),
        ] {
            let shown = serde_json::to_string(&hidden(event(event_type, json!({field: value})))).unwrap();
            prop_assert!(!shown.contains("SECRET"), "{}", shown);
        }
    }
}

proptest! {
    #[test]
    fn hiding_leaves_the_kind_of_a_failure(
        category in prop::sample::select(vec!["Application", "Configuration", "Infrastructure", "Poison", "New"]),
        word in prop::sample::select(vec!["Panicked", "Cancelled", "Nondeterminism", "ActivityFailed", "secret"]),
        form in 0..6,
    ) {
        let kind = match form {
            0 => json!({"kind": word, "message": "secret"}),
            1 => json!({"kind": {word: {"reason": "secret"}}}),
            2 => json!({"kind": {word: "secret"}}),
            3 => json!({"kind": {word: {}, "more": 1}}),
            4 => json!(word),
            _ => json!({"message": "secret"}),
        };
        for kind_of_event in ["OrchestrationFailed", "ActivityFailed", "SubOrchestrationFailed"] {
            let event = json!({
                "event_id": 1, "instance_id": "i", "execution_id": 1, "timestamp_ms": 1, "type": kind_of_event,
                "details": {category: kind},
            });
            let mut event = Event::decode(&event.to_string()).unwrap();
            let before = event.failure_kind();
            event.hide_payloads();
            prop_assert_eq!(event.failure_kind(), before);
            let shown = serde_json::to_string(&event).unwrap();
            prop_assert!(!shown.contains("secret"), "{}", shown);
        }
    }
}
