//! A real runtime on a real store: every call has the span it should have, by what a provider in between wrote down.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::Provider;
use duroxide::runtime::{Runtime, RuntimeOptions, registry::ActivityRegistry};
use duroxide::{ActivityContext, Client, Event, EventKind, OrchestrationContext, OrchestrationRegistry};
use duroxide_exporter::{Instrumented, TraceIds};
use opentelemetry_sdk::trace::SpanData;
use scenarios::stores::Kind;

use crate::canned::SECRET;
use crate::links;
use crate::spy::{Entry, Spy};
use crate::times::covers;
use crate::watch::{failed, number, text, watch};

fn activities() -> ActivityRegistry {
    ActivityRegistry::builder()
        .register("Charge", async |_: ActivityContext, _: String| Ok(format!("charged {SECRET}")))
        .register("Refuse", async |_: ActivityContext, _: String| Err(format!("refused {SECRET}")))
        .build()
}

fn orchestrations() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("Order", async |c: OrchestrationContext, input: String| {
            c.set_kv_value("key", SECRET);
            let charges = (0..3).map(|_| c.schedule_activity("Charge", input.clone())).collect();
            c.join(charges).await;
            c.schedule_timer(Duration::from_millis(20)).await;
            let _ = c.schedule_sub_orchestration("Ship", input).await;
            let event = c.schedule_wait("Approval").await;
            let refused = c.schedule_activity("Refuse", event).await;
            Ok(format!("{refused:?} {SECRET}"))
        })
        .register("Ship", async |c: OrchestrationContext, input: String| {
            if input == "again" {
                return Ok(SECRET.to_owned());
            }
            c.continue_as_new("again").await
        })
        .register("Fail", async |_: OrchestrationContext, _: String| Err(format!("failed {SECRET}")))
        .register("Wait", async |c: OrchestrationContext, _: String| Ok(c.schedule_wait("Never").await))
        .build()
}

/// Works a few instances off.
async fn work(provider: Arc<dyn Provider>) {
    let options = RuntimeOptions {
        dispatcher_min_poll_interval: Duration::from_millis(5),
        orchestration_concurrency: 2,
        worker_concurrency: 2,
        ..RuntimeOptions::default()
    };
    let runtime =
        Runtime::start_with_options(provider.clone(), activities(), orchestrations(), options).await;
    let client = Client::new(provider);
    let ids: Vec<_> = (0..3).map(|number| format!("order-{number}")).collect();
    for id in &ids {
        client.start_orchestration(id, "Order", SECRET).await.unwrap();
    }
    client.start_orchestration("fails", "Fail", SECRET).await.unwrap();
    client.start_orchestration("waits", "Wait", SECRET).await.unwrap();
    let minute = Duration::from_secs(60);
    client.wait_for_orchestration("fails", minute).await.unwrap();
    client.cancel_instance("waits", SECRET).await.unwrap();
    client.wait_for_orchestration("waits", minute).await.unwrap();
    for id in &ids {
        let subscribed = |event: &Event| matches!(event.kind, EventKind::ExternalSubscribed { .. });
        while !client.read_execution_history(id, 1).await.is_ok_and(|events| events.iter().any(subscribed)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        client.raise_event(id, "Approval", SECRET).await.unwrap();
    }
    for id in &ids {
        client.wait_for_orchestration(id, minute).await.unwrap();
    }
    runtime.shutdown(None).await;
}

/// What can be told of a call on both sides: method, instance, execution, name, attempt, messages, failed.
type Told = (String, Option<String>, Option<i64>, Option<String>, Option<i64>, Option<i64>, bool);

fn of_queues(method: &str) -> bool {
    ["fetch_", "ack_", "abandon_"].iter().any(|of| method.starts_with(of))
}

fn told_by_span(span: &SpanData) -> Told {
    let method = text(span, "duroxide.provider.method").unwrap();
    if !of_queues(&method) {
        return (method, None, None, None, None, None, failed(span));
    }
    let name = text(span, "duroxide.orchestration.name").or(text(span, "duroxide.activity.name"));
    (
        method,
        text(span, "duroxide.instance.id"),
        number(span, "duroxide.execution.id"),
        name,
        number(span, "duroxide.attempt"),
        number(span, "messaging.batch.message_count"),
        failed(span),
    )
}

fn told_by_spy(entry: &Entry, entries: &[Entry]) -> Told {
    let method = entry.method.to_owned();
    let failed = !entry.answer.as_ref().is_some_and(|answer| answer.starts_with("Ok"));
    let handed_out = |other: &&Entry| other.fetched.is_some() && other.token == entry.token;
    let fetched = entries.iter().find(handed_out).and_then(|entry| entry.fetched.clone());
    let Some(fetched) = fetched.filter(|_| of_queues(&method)) else {
        return (method, None, None, None, None, None, failed);
    };
    // A turn says itself of which execution it was.
    let execution = if method == "ack_orchestration_item" {
        entry.arguments.split(", ").nth(1).unwrap().parse().unwrap()
    } else {
        fetched.execution
    };
    (
        method,
        Some(fetched.instance),
        Some(execution.try_into().unwrap()),
        Some(fetched.name),
        Some(fetched.attempt.into()),
        fetched.messages.map(|messages| messages.try_into().unwrap()),
        failed,
    )
}

#[tokio::test]
async fn every_call_of_a_runtime_has_its_span_on_sqlite() {
    every_call_has_its_span(Kind::Sqlite).await;
}

#[tokio::test]
async fn every_call_of_a_runtime_has_its_span_on_postgres() {
    every_call_has_its_span(Kind::DuroxidePg).await;
}

/// This provider waits for work, so the runtime drops its fetches when it shuts down.
#[tokio::test]
async fn every_call_of_a_runtime_has_its_span_where_polls_wait() {
    every_call_has_its_span(Kind::DuroxidePgOpt).await;
}

async fn every_call_has_its_span(kind: Kind) {
    let fresh = kind.create().await;
    let watched = watch();
    let spy = Spy::on(fresh.store.provider().await);
    work(Instrumented::wrap(spy.clone())).await;

    let (entries, spans) = (spy.entries(), watched.spans());
    let is_fetch = |entry: &Entry| entry.method.starts_with("fetch_");
    let idle = |entry: &Entry| entry.answer.as_deref() == Some("Ok(None)");
    let (silent, expected): (Vec<_>, Vec<_>) =
        entries.iter().cloned().partition(|entry| is_fetch(entry) && (idle(entry) || entry.answer.is_none()));
    if kind == Kind::DuroxidePgOpt {
        assert!(silent.iter().any(|entry| entry.answer.is_none()), "no fetch was dropped");
    } else {
        assert!(silent.iter().any(idle), "no poll was idle");
    }

    let mut by_spy: Vec<_> = expected.iter().map(|entry| told_by_spy(entry, &entries)).collect();
    let mut by_span: Vec<_> = spans.iter().map(told_by_span).collect();
    for entry in &expected {
        let told = told_by_spy(entry, &entries);
        let fits = |span: &SpanData| told_by_span(span) == told && covers(span, entry);
        assert!(spans.iter().any(fits), "no span of {entry:?}");
    }
    by_spy.sort();
    by_span.sort();
    assert_eq!(by_spy, by_span);
    assert_eq!(watched.seen(), spans.len(), "other subscribers see the same");

    // All that this is about has happened: turns of both executions, failures and cancellations among them.
    let acked = |instance: &str, execution: i64| {
        by_spy.iter().any(|told| {
            told.0 == "ack_orchestration_item"
                && told.1.as_deref().is_some_and(|id| id.contains(instance))
                && told.2 == Some(execution)
        })
    };
    assert!(acked("order-0", 1) && acked("order-0::sub::", 2) && acked("fails", 1) && acked("waits", 1));

    let ids = TraceIds::default();
    let fetched_activities: BTreeSet<_> =
        entries.iter().filter_map(|entry| entry.fetched.as_ref()?.event).collect();
    let mut linked = 0;
    for span in &spans {
        let (Some(instance), Some(execution)) =
            (text(span, "duroxide.instance.id"), number(span, "duroxide.execution.id"))
        else {
            continue;
        };
        let event = number(span, "duroxide.event.id").map(|event| event.try_into().unwrap());
        let of_worker = text(span, "messaging.destination.name").as_deref() == Some("worker");
        assert!(!of_worker || event.is_some_and(|event| fetched_activities.contains(&event)), "{span:#?}");
        let to = links::of(&ids, &instance, execution.try_into().unwrap(), event);
        assert_eq!(links::linked(span), [to], "{span:#?}");
        linked += 1;
    }
    assert!(linked > 30, "{linked}");

    assert!(entries.iter().any(|entry| entry.arguments.contains(SECRET)), "there was no payload to leak");
    assert!(!watched.everything().contains(SECRET));
}
