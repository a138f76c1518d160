//! Why something failed: from the structure of an event's details.

use serde_json::Value;

use super::Event;
use crate::labels::FailureKind;

impl Event {
    /// Why it failed, for the events that tell of a failure: `OrchestrationFailed`, `ActivityFailed` and
    /// `SubOrchestrationFailed`. `None` for every other event.
    ///
    /// Read from `details`, never from the words of a message, which the application chooses. Details that are
    /// missing, damaged or of a category this version does not know are [`FailureKind::Unknown`].
    pub fn failure_kind(&self) -> Option<FailureKind> {
        match self.event_type.as_str() {
            "OrchestrationFailed" | "ActivityFailed" | "SubOrchestrationFailed" => {
                Some(self.fields.get("details").map_or(FailureKind::Unknown, kind_of))
            }
            _ => None,
        }
    }

    /// The words of a failure, which the application chose: a payload.
    #[cfg(feature = "exporter")]
    pub(crate) fn failure_message(&self) -> Option<&str> {
        self.failure_kind()?;
        let (_, content) = only_member(self.fields.get("details")?)?;
        content.get("message").and_then(Value::as_str)
    }
}

/// `{"Category": {"kind": …, …}}`. A kind that is new or missing does not hide the category, which says enough.
pub(super) fn kind_of(details: &Value) -> FailureKind {
    let Some((category, content)) = only_member(details) else { return FailureKind::Unknown };
    let kind = content.get("kind").and_then(variant);
    match (category, kind) {
        ("Application", Some("Cancelled")) => FailureKind::Cancelled,
        ("Application", Some("Panicked")) => FailureKind::Panicked,
        ("Application", _) => FailureKind::Application,
        ("Configuration", Some("Nondeterminism")) => FailureKind::Nondeterminism,
        // Frameworks up to 0.1.11 had more of these: handlers and versions that nobody registered.
        ("Configuration", _) => FailureKind::Configuration,
        ("Infrastructure", _) => FailureKind::Infrastructure,
        ("Poison", _) => FailureKind::Poison,
        _ => FailureKind::Unknown,
    }
}

/// The name of an enum's variant: a text when it has no content, otherwise the only key of an object.
fn variant(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| only_member(value).map(|(name, _)| name))
}

fn only_member(value: &Value) -> Option<(&str, &Value)> {
    let mut members = value.as_object()?.iter();
    match (members.next(), members.next()) {
        (Some((name, content)), None) => Some((name, content)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use duroxide::{AppErrorKind, ConfigErrorKind, ErrorDetails, PoisonMessageType};
    use serde_json::json;

    const FAILURES: [&str; 3] = ["OrchestrationFailed", "ActivityFailed", "SubOrchestrationFailed"];

    fn event(event_type: &str, fields: &Value) -> Event {
        Event {
            event_id: 1,
            source_event_id: None,
            instance_id: "i".to_owned(),
            execution_id: 1,
            timestamp_ms: 0,
            duroxide_version: "0.1.32".to_owned(),
            event_type: event_type.to_owned(),
            undecodable: None,
            fields: fields.as_object().cloned().unwrap_or_default(),
        }
    }

    fn kinds(details: &Value) -> Vec<Option<FailureKind>> {
        FAILURES.iter().map(|name| event(name, &json!({ "details": details })).failure_kind()).collect()
    }

    #[test]
    fn the_frameworks_own_details() {
        let application = |kind| ErrorDetails::Application {
            kind,
            // Would be a cancellation to whoever reads messages.
            message: "canceled: poison: panicked".to_owned(),
            retryable: false,
        };
        let cases = [
            (application(AppErrorKind::OrchestrationFailed), FailureKind::Application),
            (application(AppErrorKind::ActivityFailed), FailureKind::Application),
            (application(AppErrorKind::Panicked), FailureKind::Panicked),
            (application(AppErrorKind::Cancelled { reason: "r".to_owned() }), FailureKind::Cancelled),
            (
                ErrorDetails::Configuration {
                    kind: ConfigErrorKind::Nondeterminism,
                    resource: String::new(),
                    message: None,
                },
                FailureKind::Nondeterminism,
            ),
            (
                ErrorDetails::Infrastructure {
                    operation: "ack".to_owned(),
                    message: "m".to_owned(),
                    retryable: true,
                },
                FailureKind::Infrastructure,
            ),
            (
                ErrorDetails::Poison {
                    attempt_count: 4,
                    max_attempts: 3,
                    message_type: PoisonMessageType::FailedDeserialization {
                        instance: "i".to_owned(),
                        execution_id: 1,
                        error: "e".to_owned(),
                    },
                    message: "m".to_owned(),
                },
                FailureKind::Poison,
            ),
        ];
        for (details, expected) in cases {
            let json = serde_json::to_value(&details).unwrap();
            assert_eq!(kinds(&json), [Some(expected); 3], "{json}");
        }
    }

    #[test]
    fn old_and_new_kinds_keep_their_category() {
        for kind in [
            json!("UnregisteredOrchestration"),
            json!("UnregisteredActivity"),
            json!({"MissingVersion": {"requested_version": "Nondeterminism"}}),
            json!("FromTheFuture"),
            json!(null),
        ] {
            let details = json!({"Configuration": {"kind": kind, "resource": "Nondeterminism"}});
            assert_eq!(kinds(&details), [Some(FailureKind::Configuration); 3], "{details}");
        }
        let details = json!({"Application": {"kind": {"FromTheFuture": {"reason": "Cancelled"}}}});
        assert_eq!(kinds(&details), [Some(FailureKind::Application); 3]);
    }

    #[test]
    fn damaged_and_new_details_are_unknown() {
        for details in [
            json!(null),
            json!("Poison"),
            json!("canceled: no"),
            json!([]),
            json!({}),
            json!({"FromTheFuture": {}}),
            json!({"Application": {"kind": "Panicked"}, "Poison": {}}),
        ] {
            assert_eq!(kinds(&details), [Some(FailureKind::Unknown); 3], "{details}");
        }
        assert_eq!(event("ActivityFailed", &json!({})).failure_kind(), Some(FailureKind::Unknown));
    }

    #[test]
    fn other_events_did_not_fail() {
        let details = json!({"details": {"Poison": {}}});
        for name in ["OrchestrationCompleted", "ActivityCompleted", "Event", "OrchestrationFailedAgain"] {
            assert_eq!(event(name, &details).failure_kind(), None, "{name}");
        }
    }
}
