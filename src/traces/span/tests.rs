use serde_json::{Value, json};

use super::*;
use crate::history::Event as Stored;
use opentelemetry_proto::tonic::common::v1::any_value;

/// The spans of events, each given by id, time, type, the event it answers, and fields.
fn of(execution: u64, events: &[(u64, u64, &str, Option<u64>, Value)]) -> Vec<Span> {
    let mut timeline = Timeline::builder("order", execution);
    let mut payloads = Payloads::new(true);
    for (event_id, timestamp_ms, kind, source, fields) in events {
        let event = Stored {
            event_id: *event_id,
            source_event_id: *source,
            instance_id: "order".to_owned(),
            execution_id: execution,
            timestamp_ms: *timestamp_ms,
            duroxide_version: "0.1.32".to_owned(),
            event_type: (*kind).to_owned(),
            undecodable: None,
            fields: fields.as_object().cloned().unwrap_or_default(),
        };
        timeline.push(&event);
        payloads.push(&event);
    }
    spans(&timeline.finish(), &payloads, &TraceIds::new("ns"))
}

fn text_of<'a>(span: &'a Span, key: &str) -> Option<&'a str> {
    let value = span.attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?;
    match value.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text),
        _ => None,
    }
}

fn ms(span: &Span) -> (u64, u64) {
    (span.start_time_unix_nano / 1_000_000, span.end_time_unix_nano / 1_000_000)
}

fn failed() -> Value {
    json!({"details": {"Application": {"kind": "ActivityFailed", "message": "no stock", "retryable": true}}})
}

#[test]
fn tries_are_below_their_call_which_ends_as_the_last_does() {
    let charge = json!({"name": "Charge", "input": "1"});
    let spans = of(
        1,
        &[
            (1, 10, "OrchestrationStarted", None, json!({"name": "Order", "version": "1.0.0"})),
            (2, 10, "ActivityScheduled", None, charge.clone()),
            (3, 20, "ActivityFailed", Some(2), failed()),
            (4, 20, "TimerCreated", None, json!({"fire_at_ms": 30})),
            (5, 31, "TimerFired", Some(4), json!({})),
            (6, 31, "ActivityScheduled", None, charge),
            (7, 40, "ActivityFailed", Some(6), failed()),
            (8, 50, "OrchestrationFailed", None, failed()),
        ],
    );
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["Order", "Charge", "Charge", "timer", "Charge"]);
    let [root, call, first, timer, second] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!(
        [ms(root), ms(call), ms(first), ms(timer), ms(second)],
        [(10, 50), (10, 40), (10, 20), (20, 31), (31, 40)]
    );
    assert_eq!([&call.parent_span_id, &timer.parent_span_id], [&root.span_id; 2]);
    assert_eq!([&first.parent_span_id, &second.parent_span_id], [&call.span_id; 2]);
    for span in [root, call, first, second] {
        assert_eq!(span.status.as_ref().unwrap().message, "no stock");
        assert_eq!(text_of(span, "error.type"), Some("application"));
    }
    assert_eq!(timer.status, None);
    let mut ids: Vec<_> = spans.iter().map(|span| &span.span_id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), spans.len());
}

#[test]
fn what_is_given_up_or_was_there_before_does_not_end_before_it_begins() {
    let spans = of(
        2,
        &[
            (1, 100, "OrchestrationStarted", None, json!({"name": "Order"})),
            (2, 100, "TimerCreated", None, json!({"fire_at_ms": 9_000})),
            (3, 100, "SubOrchestrationScheduled", None, json!({"name": "Ship", "instance": "sub::3"})),
            // A worker whose clock is late.
            (4, 90, "SubOrchestrationCompleted", Some(3), json!({"result": "x"})),
            (5, 95, "OrchestrationContinuedAsNew", None, json!({"input": "y"})),
        ],
    );
    let [root, timer, child] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!([ms(root), ms(timer), ms(child)], [(100, 100); 3]);
    assert_eq!(text_of(timer, "duroxide.outcome"), Some("cancelled"));
    assert_eq!(text_of(child, "duroxide.output"), Some("x"));
    let ids = TraceIds::new("ns");
    let linked = |span: &Span| span.links.iter().map(|link| link.trace_id.clone()).collect::<Vec<_>>();
    assert_eq!(linked(child), [ids.trace_id("order::sub::3", 1).to_vec()]);
    assert_eq!(linked(root), [1, 3].map(|execution| ids.trace_id("order", execution).to_vec()));
}

#[test]
fn a_history_without_its_beginning_is_told_as_far_as_it_goes() {
    let spans = of(
        1,
        &[
            (7, 50, "TimerCreated", None, json!({"fire_at_ms": 60})),
            (8, 60, "TimerFired", Some(7), json!({})),
            (9, u64::MAX, "OrchestrationCompleted", None, json!({"output": "z"})),
        ],
    );
    assert_eq!(spans[0].name, "orchestration");
    assert_eq!(spans[0].start_time_unix_nano, 50_000_000);
    assert_eq!(spans[0].end_time_unix_nano, u64::MAX);
    assert_eq!(spans.len(), 2);
    assert_eq!(of(1, &[]).len(), 1);
}
