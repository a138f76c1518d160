//! `examples/instrumented.rs`, run as whoever tries it runs it, with a collector.

use std::collections::BTreeMap;
use std::path::Path;

use duroxide_exporter::TraceIds;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use scenarios::scrape::PATIENCE;

use crate::collector::Collector;

fn attributes(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &KeyValue| match value.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        other => format!("{other:?}"),
    };
    attributes.iter().map(|attribute| (attribute.key.clone(), text(attribute))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_sends_the_spans_of_its_runtime() {
    // Cargo builds examples with the tests, beside them, and tells nobody where.
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(Path::parent).unwrap().join("examples/instrumented");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/instrumented.rs");
    let age = |path: &Path| path.metadata().and_then(|about| about.modified());
    let built = age(&program)
        .unwrap_or_else(|error| panic!("{error}; build it with: cargo build -p scenarios --examples"));
    assert!(built >= age(&source).unwrap(), "it is old; build it with: cargo build -p scenarios --examples");

    let (collector, address) = Collector::start().await;
    let run = tokio::process::Command::new(program)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{address}"))
        .kill_on_drop(true)
        .output();
    let run = tokio::time::timeout(PATIENCE, run).await.unwrap().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));

    let mut spans: Vec<Span> = Vec::new();
    for resource in collector.requests().into_iter().flat_map(|request| request.resource_spans) {
        let about = attributes(&resource.resource.unwrap().attributes);
        assert_eq!(about.get("service.name").map(String::as_str), Some("greeter"));
        spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
    }
    // Two connections on one store lock each other out now and then; the runtime tries again.
    spans.retain(|span| {
        !attributes(&span.attributes).get("error.type").is_some_and(|error| error.ends_with(".retryable"))
    });
    // Two turns and an activity: all that the instance was, and nothing else, neither idle polls nor the connection.
    let mut names = BTreeMap::new();
    for span in &spans {
        *names.entry(span.name.as_str()).or_insert(0) += 1;
    }
    let expected = [
        ("ack orchestrator", 2),
        ("ack worker", 1),
        ("receive orchestrator", 2),
        ("receive worker", 1),
        ("send orchestrator", 1),
    ];
    assert_eq!(names, BTreeMap::from(expected));

    let ids = TraceIds::default();
    for span in &spans {
        let instance = attributes(&span.attributes).remove("duroxide.instance.id");
        assert_eq!(instance.as_deref(), Some("hello-Ada"), "{span:?}");
        assert_eq!(span.links[0].trace_id, ids.trace_id("hello-Ada", 1), "{span:?}");
    }
    for bytes in collector.bytes() {
        assert!(!String::from_utf8_lossy(&bytes).contains("Hello, Ada!"), "an output was sent");
    }
}
