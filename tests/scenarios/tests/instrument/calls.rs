//! What the span of each call says.

use std::sync::Arc;

use duroxide::providers::{Provider, WorkItem};
use duroxide_exporter::Instrumented;
use opentelemetry::trace::SpanKind;
use opentelemetry_sdk::trace::SpanData;

use crate::canned::{Call, Canned, Mode, SECRET, every};
use crate::watch::{attribute, chosen, failed, number, text, watch};

fn canned(mode: Mode) -> Arc<dyn Provider> {
    Instrumented::wrap(Arc::new(Canned::new(mode)))
}

/// The attributes of the only span that a call leaves.
async fn span_of(provider: &Arc<dyn Provider>, method: &str) -> SpanData {
    let watched = watch();
    (Call::of(method).make)(provider.clone()).await;
    watched.only()
}

fn expected(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut pairs: Vec<_> =
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    pairs.sort();
    pairs
}

#[tokio::test]
async fn a_turn_that_is_received() {
    let span = span_of(&canned(Mode::Answers), "fetch_orchestration_item").await;
    assert_eq!((span.name.as_ref(), &span.span_kind), ("receive orchestrator", &SpanKind::Client));
    assert!(!failed(&span));
    let all = [
        ("messaging.system", "duroxide"),
        ("messaging.operation.name", "receive"),
        ("messaging.operation.type", "receive"),
        ("messaging.destination.name", "orchestrator"),
        ("messaging.batch.message_count", "2"),
        ("duroxide.provider.method", "fetch_orchestration_item"),
        ("duroxide.instance.id", "order-42"),
        ("duroxide.execution.id", "3"),
        ("duroxide.orchestration.name", "Order"),
        ("duroxide.attempt", "2"),
    ];
    assert_eq!(chosen(&span), expected(&all));
    // A backend compares and adds numbers, not their texts.
    for key in ["messaging.batch.message_count", "duroxide.execution.id", "duroxide.attempt"] {
        assert!(number(&span, key).is_some(), "{key}");
    }
    assert!(attribute(&span, "duroxide.receive.duration").is_some());
}

#[tokio::test]
async fn work_that_is_received() {
    let span = span_of(&canned(Mode::Answers), "fetch_work_item").await;
    assert_eq!((span.name.as_ref(), &span.span_kind), ("receive worker", &SpanKind::Client));
    let all = [
        ("messaging.system", "duroxide"),
        ("messaging.operation.name", "receive"),
        ("messaging.operation.type", "receive"),
        ("messaging.destination.name", "worker"),
        ("duroxide.provider.method", "fetch_work_item"),
        ("duroxide.instance.id", "order-42"),
        ("duroxide.execution.id", "3"),
        ("duroxide.activity.name", "Charge"),
        ("duroxide.event.id", "7"),
        ("duroxide.attempt", "5"),
    ];
    assert_eq!(chosen(&span), expected(&all));
}

#[tokio::test]
async fn settling_says_what_was_received() {
    let (provider, lease) = (canned(Mode::Answers), watch());
    (Call::of("fetch_orchestration_item").make)(provider.clone()).await;
    (Call::of("fetch_work_item").make)(provider.clone()).await;
    drop(lease);
    let turn = [
        ("messaging.system", "duroxide"),
        ("messaging.destination.name", "orchestrator"),
        ("messaging.batch.message_count", "2"),
        ("duroxide.instance.id", "order-42"),
        ("duroxide.execution.id", "3"),
        ("duroxide.orchestration.name", "Order"),
        ("duroxide.attempt", "2"),
    ];
    let work = [
        ("messaging.system", "duroxide"),
        ("messaging.destination.name", "worker"),
        ("duroxide.instance.id", "order-42"),
        ("duroxide.execution.id", "3"),
        ("duroxide.activity.name", "Charge"),
        ("duroxide.event.id", "7"),
        ("duroxide.attempt", "5"),
    ];

    // Renewals first: a lease that was given back is known no longer.
    let span = span_of(&provider, "renew_orchestration_item_lock").await;
    assert_eq!(span.name, "renew orchestrator");
    let own = [
        ("messaging.operation.name", "renew"),
        ("duroxide.provider.method", "renew_orchestration_item_lock"),
    ];
    assert_eq!(chosen(&span), expected(&[&turn[..], &own].concat()));

    let span = span_of(&provider, "renew_work_item_lock").await;
    assert_eq!(span.name, "renew worker");
    let own = [("messaging.operation.name", "renew"), ("duroxide.provider.method", "renew_work_item_lock")];
    assert_eq!(chosen(&span), expected(&[&work[..], &own].concat()));

    let span = span_of(&provider, "ack_orchestration_item").await;
    assert_eq!((span.name.as_ref(), &span.span_kind), ("ack orchestrator", &SpanKind::Client));
    let own = [
        ("messaging.operation.name", "ack"),
        ("messaging.operation.type", "settle"),
        ("duroxide.provider.method", "ack_orchestration_item"),
        ("duroxide.turn.events", "3"),
        ("duroxide.turn.activities", "1"),
        ("duroxide.turn.messages", "2"),
        ("duroxide.turn.cancelled_activities", "1"),
    ];
    assert_eq!(chosen(&span), expected(&[&turn[..], &own].concat()));

    let span = span_of(&provider, "abandon_work_item").await;
    assert_eq!(span.name, "abandon worker");
    let own = [
        ("messaging.operation.name", "abandon"),
        ("messaging.operation.type", "settle"),
        ("duroxide.provider.method", "abandon_work_item"),
    ];
    assert_eq!(chosen(&span), expected(&[&work[..], &own].concat()));

    // Whose lease is over is not known by its token.
    for method in ["abandon_orchestration_item", "renew_work_item_lock"] {
        assert_eq!(attribute(&span_of(&provider, method).await, "duroxide.instance.id"), None, "{method}");
    }
    // What is acknowledged says by itself of what it is.
    let span = span_of(&provider, "ack_work_item").await;
    assert_eq!(span.name, "ack worker");
    let all = [
        ("messaging.system", "duroxide"),
        ("messaging.operation.name", "ack"),
        ("messaging.operation.type", "settle"),
        ("messaging.destination.name", "worker"),
        ("duroxide.provider.method", "ack_work_item"),
        ("duroxide.work_item.type", "ActivityCompleted"),
        ("duroxide.instance.id", "order-42"),
        ("duroxide.execution.id", "3"),
        ("duroxide.event.id", "7"),
    ];
    assert_eq!(chosen(&span), expected(&all));
}

/// What the runtime tries again is still leased.
#[tokio::test]
async fn a_lease_is_known_until_it_was_given_back() {
    let store = Arc::new(Canned::new(Mode::Answers));
    let provider = Instrumented::wrap(store.clone());
    let watched = watch();
    (Call::of("fetch_work_item").make)(provider.clone()).await;
    drop(watched);
    for (mode, known) in [
        (Mode::Fails { retryable: true }, true),
        (Mode::Answers, true),
        // By now it was.
        (Mode::Answers, false),
    ] {
        store.set(mode);
        let span = span_of(&provider, "abandon_work_item").await;
        assert_eq!(attribute(&span, "duroxide.instance.id").is_some(), known, "{mode:?}");
    }
}

#[tokio::test]
async fn messages_that_are_sent() {
    let provider = canned(Mode::Answers);
    let span = span_of(&provider, "enqueue_for_worker").await;
    assert_eq!((span.name.as_ref(), &span.span_kind), ("send worker", &SpanKind::Client));
    let all = [
        ("messaging.system", "duroxide"),
        ("messaging.operation.name", "send"),
        ("messaging.operation.type", "send"),
        ("messaging.destination.name", "worker"),
        ("duroxide.provider.method", "enqueue_for_worker"),
        ("duroxide.work_item.type", "ActivityExecute"),
        ("duroxide.instance.id", "order-42"),
        ("duroxide.execution.id", "3"),
        ("duroxide.activity.name", "Charge"),
        ("duroxide.event.id", "7"),
    ];
    assert_eq!(chosen(&span), expected(&all));

    let watched = watch();
    let event = WorkItem::ExternalRaised {
        instance: "order-42".to_owned(),
        name: "Approval".to_owned(),
        data: SECRET.to_owned(),
    };
    provider.enqueue_for_orchestrator(event, None).await.unwrap();
    let all = [
        ("messaging.system", "duroxide"),
        ("messaging.operation.name", "send"),
        ("messaging.operation.type", "send"),
        ("messaging.destination.name", "orchestrator"),
        ("duroxide.provider.method", "enqueue_for_orchestrator"),
        ("duroxide.work_item.type", "ExternalRaised"),
        ("duroxide.instance.id", "order-42"),
    ];
    assert_eq!(chosen(&watched.only()), expected(&all));
}

#[tokio::test]
async fn what_is_not_of_the_queues_is_named_after_its_method() {
    let provider = canned(Mode::Answers);
    let messaging = ["fetch_", "ack_", "abandon_", "enqueue_", "renew_orch", "renew_work"];
    let plain = every().into_iter().filter(|call| !messaging.iter().any(|of| call.method.starts_with(of)));
    let mut tried = 0;
    for call in plain {
        let span = span_of(&provider, call.method).await;
        assert_eq!((span.name.as_ref(), &span.span_kind), (call.method, &SpanKind::Client));
        assert!(chosen(&span).iter().all(|(key, _)| key.starts_with("duroxide.")), "{span:?}");
        let about_sessions = call.method.contains("session");
        assert_eq!(text(&span, "duroxide.instance.id").is_none(), about_sessions, "{}", call.method);
        tried += 1;
    }
    assert_eq!(tried, 9);
}

#[tokio::test]
async fn failures_are_named_by_the_method_and_never_quoted() {
    for retryable in [true, false] {
        let provider = canned(Mode::Fails { retryable });
        for call in every() {
            let watched = watch();
            (call.make)(provider.clone()).await;
            let span = watched.only();
            let kind = if retryable { "retryable" } else { "permanent" };
            assert_eq!(text(&span, "error.type"), Some(format!("{}.{kind}", call.method)));
            assert!(failed(&span), "{}", call.method);
            assert!(!watched.everything().contains(SECRET), "{}", watched.everything());
        }
    }
}

#[tokio::test]
async fn no_payload_is_in_any_span() {
    let watched = watch();
    let provider = canned(Mode::Answers);
    for call in every() {
        (call.make)(provider.clone()).await;
    }
    assert_eq!(watched.spans().len(), every().len());
    let everything = watched.everything();
    assert!(everything.contains("order-42"), "this is not everything: {everything}");
    assert!(!everything.contains(SECRET), "{everything}");
}

#[tokio::test]
async fn idle_polls_leave_nothing_anywhere() {
    let watched = watch();
    let provider = canned(Mode::Idle);
    for method in ["fetch_orchestration_item", "fetch_work_item"] {
        assert_eq!((Call::of(method).make)(provider.clone()).await, "Ok(None)");
    }
    assert_eq!((watched.spans().len(), watched.seen()), (0, 0));
    // This is not because nothing is seen.
    (Call::of("fetch_work_item").make)(canned(Mode::Answers)).await;
    assert_eq!((watched.spans().len(), watched.seen()), (1, 1));
}

#[tokio::test]
async fn instances_can_stay_unnamed_and_the_system_have_another_name() {
    let inner = Arc::new(Canned::new(Mode::Answers));
    let provider = Instrumented::builder().system("orders").instance_ids(false).wrap(inner);
    let watched = watch();
    for call in every() {
        (call.make)(provider.clone()).await;
    }
    assert!(!watched.everything().contains("order-42"), "{}", watched.everything());
    let systems: Vec<_> = watched.spans().iter().filter_map(|span| text(span, "messaging.system")).collect();
    assert_eq!(systems.len(), 10);
    assert!(systems.iter().all(|system| system == "orders"), "{systems:?}");
}
