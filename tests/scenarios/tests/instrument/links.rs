//! Links lead to the trace that is told from the history of the same execution.

use std::sync::Arc;

use duroxide_exporter::{Instrumented, TraceIds};
use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::SpanData;

use crate::canned::{Call, Canned, Mode, every};
use crate::watch::watch;

/// Where the links of a span lead.
pub(crate) fn linked(span: &SpanData) -> Vec<(TraceId, SpanId)> {
    let to = |link: &opentelemetry::trace::Link| (link.span_context.trace_id(), link.span_context.span_id());
    span.links.iter().map(to).collect()
}

/// The trace of an execution, at one of its events or at its root.
pub(crate) fn of(ids: &TraceIds, instance: &str, execution: u64, event: Option<u64>) -> (TraceId, SpanId) {
    let span = match event {
        Some(event) => ids.span_id(instance, execution, event),
        None => ids.root_span_id(instance, execution),
    };
    (TraceId::from_bytes(ids.trace_id(instance, execution)), SpanId::from_bytes(span))
}

#[tokio::test]
async fn what_is_of_an_execution_is_linked_to_its_trace() {
    for namespace in ["", "prod"] {
        let ids = TraceIds::new(namespace);
        let inner = Arc::new(Canned::new(Mode::Answers));
        // Links are there also where the instance is not named.
        let provider = Instrumented::builder().namespace(namespace).instance_ids(false).wrap(inner);
        let watched = watch();
        let fetches = ["fetch_orchestration_item", "fetch_work_item"].map(Call::of);
        let others = every().into_iter().filter(|call| !call.is_fetch());
        for call in fetches.into_iter().chain(others) {
            (call.make)(provider.clone()).await;
        }
        let (turn, work) = (of(&ids, "order-42", 3, None), of(&ids, "order-42", 3, Some(7)));
        for span in watched.spans() {
            let expected = match &*span.name {
                "receive orchestrator" | "ack orchestrator" => vec![turn],
                "receive worker" | "ack worker" | "send worker" | "send orchestrator" => vec![work],
                "read_with_execution" => vec![of(&ids, "order-42", 4, None)],
                "append_with_execution" => vec![of(&ids, "order-42", 5, None)],
                // After the acknowledgement the lease is known no longer; the rest names no execution.
                _ => vec![],
            };
            assert_eq!(linked(&span), expected, "{}", span.name);
        }
        assert_eq!(watched.spans().len(), every().len());
    }
}

#[tokio::test]
async fn an_id_in_a_link_is_the_one_of_the_recipe() {
    let watched = watch();
    let provider = Instrumented::wrap(Arc::new(Canned::new(Mode::Answers)));
    provider.read_with_execution("order-42", 1).await.unwrap();
    let links = linked(&watched.only());
    let (trace, span) = links[0];
    // By Python's hashlib.
    assert_eq!(trace.to_string(), "b06f5aec2dc3a9c391c0deb180b23847");
    assert_eq!(span.to_string(), "33aedac1d27d6d87");
}

#[tokio::test]
async fn links_can_be_left_out() {
    let watched = watch();
    let provider = Instrumented::builder().links(false).wrap(Arc::new(Canned::new(Mode::Answers)));
    for call in every() {
        (call.make)(provider.clone()).await;
    }
    let spans = watched.spans();
    assert_eq!(spans.len(), every().len());
    assert!(spans.iter().all(|span| linked(span).is_empty()), "{spans:#?}");
}
