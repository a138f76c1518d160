//! Spans as an application would make them by hand: with the same name, level and values as those of `Instrumented`.

use std::sync::Arc;

use duroxide::providers::Provider;
use duroxide_exporter::TraceIds;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use tracing::{Level, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::inner::{ACTIVITY, INSTANCE, Method, ORCHESTRATION, ack_turn, ack_work};

macro_rules! messaging {
    ($name:literal, $operation:literal, $destination:literal, $method:literal, $($field:tt)*) => {
        tracing::span!(
            target: "duroxide_exporter::instrument",
            Level::INFO,
            $name,
            otel.name = concat!($operation, " ", $destination),
            otel.kind = "client",
            duroxide.provider.method = $method,
            messaging.system = "duroxide",
            messaging.operation.name = $operation,
            messaging.operation.type = $name,
            messaging.destination.name = $destination,
            duroxide.instance.id = INSTANCE,
            $($field)*
        )
    };
}

fn span(method: Method) -> Span {
    match method {
        Method::FetchTurn => messaging!(
            "receive",
            "receive",
            "orchestrator",
            "fetch_orchestration_item",
            messaging.batch.message_count = 0_i64,
            duroxide.execution.id = 1_i64,
            duroxide.orchestration.name = ORCHESTRATION,
            duroxide.attempt = 1_i64,
            duroxide.receive.duration = 0.1_f64,
        ),
        Method::FetchWork => messaging!(
            "receive",
            "receive",
            "worker",
            "fetch_work_item",
            duroxide.execution.id = 1_i64,
            duroxide.activity.name = ACTIVITY,
            duroxide.event.id = 7_i64,
            duroxide.attempt = 1_i64,
            duroxide.receive.duration = 0.1_f64,
        ),
        Method::Send => messaging!(
            "send", "send", "orchestrator", "enqueue_for_orchestrator",
            duroxide.execution.id = 1_i64,
            duroxide.event.id = 7_i64,
            duroxide.work_item.type = "ActivityCompleted",
        ),
        Method::Read => tracing::span!(
            target: "duroxide_exporter::instrument",
            Level::DEBUG,
            "provider",
            otel.name = "read",
            otel.kind = "client",
            duroxide.provider.method = "read",
            duroxide.instance.id = INSTANCE,
        ),
        // An idle poll has none; the others are of two calls.
        Method::FetchNothing | Method::Turn | Method::Work => Span::none(),
    }
}

fn ack_turn_span() -> Span {
    messaging!(
        "settle",
        "ack",
        "orchestrator",
        "ack_orchestration_item",
        messaging.batch.message_count = 0_i64,
        duroxide.execution.id = 1_i64,
        duroxide.orchestration.name = ORCHESTRATION,
        duroxide.attempt = 1_i64,
        duroxide.turn.events = 0_i64,
        duroxide.turn.activities = 0_i64,
        duroxide.turn.messages = 0_i64,
        duroxide.turn.cancelled_activities = 0_i64,
    )
}

fn ack_work_span() -> Span {
    messaging!(
        "settle",
        "ack",
        "worker",
        "ack_work_item",
        duroxide.execution.id = 1_i64,
        duroxide.activity.name = ACTIVITY,
        duroxide.event.id = 7_i64,
        duroxide.attempt = 1_i64,
    )
}

/// What is made by hand around a call.
pub(crate) enum Hand {
    Nothing,
    Fields,
    Link(TraceIds),
}

impl Hand {
    pub(crate) async fn call(&self, method: Method, provider: &Arc<dyn Provider>) {
        match (self, method) {
            (Self::Nothing, _) => method.call(provider).await,
            (_, Method::Turn) => {
                self.around(Method::FetchTurn, provider).await;
                let span = self.linked(ack_turn_span(), None);
                ack_turn(provider).await;
                drop(span);
            }
            (_, Method::Work) => {
                self.around(Method::FetchWork, provider).await;
                let span = self.linked(ack_work_span(), Some(7));
                ack_work(provider).await;
                drop(span);
            }
            (_, other) => self.around(other, provider).await,
        }
    }

    async fn around(&self, method: Method, provider: &Arc<dyn Provider>) {
        let span = match method {
            Method::FetchNothing | Method::Read => span(method),
            Method::FetchTurn => self.linked(span(method), None),
            _ => self.linked(span(method), Some(7)),
        };
        method.call(provider).await;
        drop(span);
    }

    fn linked(&self, span: Span, event: Option<u64>) -> Span {
        if let Self::Link(ids) = self {
            let id = match event {
                Some(event) => ids.span_id(INSTANCE, 1, event),
                None => ids.root_span_id(INSTANCE, 1),
            };
            span.add_link(SpanContext::new(
                TraceId::from_bytes(ids.trace_id(INSTANCE, 1)),
                SpanId::from_bytes(id),
                TraceFlags::SAMPLED,
                true,
                TraceState::default(),
            ));
        }
        span
    }
}
