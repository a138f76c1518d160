//! Subscribers as applications have them, for the thread of a test.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex, Once};

use duroxide_exporter::Backdated;
use opentelemetry::trace::TracerProvider;
use opentelemetry::{Value, trace::Status};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// The target of the spans under test.
const TARGET: &str = "duroxide_exporter::instrument";

/// What the subscriber of a test's thread saw.
pub(crate) struct Watched {
    _guard: DefaultGuard,
    exporter: InMemorySpanExporter,
    plain: Plain,
}

impl Watched {
    /// The spans that OpenTelemetry got from `Instrumented`, in the order in which they ended.
    pub(crate) fn spans(&self) -> Vec<SpanData> {
        let spans = self.exporter.get_finished_spans().unwrap();
        let ours = |span: &SpanData| text(span, "target").is_some_and(|target| target == TARGET);
        spans.into_iter().filter(ours).collect()
    }

    pub(crate) fn only(&self) -> SpanData {
        let spans = self.spans();
        assert_eq!(spans.len(), 1, "{spans:#?}");
        spans.into_iter().next().unwrap()
    }

    /// How many spans of `Instrumented` a subscriber sees that is not OpenTelemetry's.
    pub(crate) fn seen(&self) -> usize {
        self.plain.0.lock().unwrap().spans
    }

    /// All that is to be seen of the spans of `Instrumented` anywhere, with the events that became part of them. (The
    /// providers of Postgres make spans of their own, with what they find worth telling.)
    pub(crate) fn everything(&self) -> String {
        format!("{:?}{}", self.spans(), self.plain.0.lock().unwrap().text)
    }
}

/// Watches this thread: OpenTelemetry's layer, and one that writes down all that is recorded.
pub(crate) fn watch() -> Watched {
    quiet();
    let exporter = InMemorySpanExporter::default();
    let spans = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(Backdated::new(spans.tracer("test")));
    let plain = Plain::default();
    let subscriber = Registry::default().with(layer).with(plain.clone());
    Watched { _guard: tracing::subscriber::set_default(subscriber), exporter, plain }
}

/// Nobody watches this thread.
pub(crate) fn unwatched() -> DefaultGuard {
    quiet();
    tracing::subscriber::set_default(NoSubscriber::new())
}

/// A runtime that starts would make a subscriber for the process, where there is none.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(NoSubscriber::new()).unwrap());
}

#[derive(Clone, Default)]
struct Plain(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    spans: usize,
    text: String,
}

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        writeln!(self.text, "{field}={value:?}").unwrap();
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Plain {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let mut seen = self.0.lock().unwrap();
        if attributes.metadata().target() == TARGET {
            seen.spans += 1;
            attributes.record(&mut *seen);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if context.metadata(id).is_some_and(|metadata| metadata.target() == TARGET) {
            values.record(&mut *self.0.lock().unwrap());
        }
    }
}

pub(crate) fn attribute<'a>(span: &'a SpanData, key: &str) -> Option<&'a Value> {
    let mut found = span.attributes.iter().filter(|attribute| attribute.key.as_str() == key);
    let value = found.next().map(|attribute| &attribute.value);
    assert!(found.next().is_none(), "{key} is there twice: {span:#?}");
    value
}

pub(crate) fn text(span: &SpanData, key: &str) -> Option<String> {
    match attribute(span, key)? {
        Value::String(text) => Some(text.as_str().to_owned()),
        other => panic!("{key} is {other:?}"),
    }
}

pub(crate) fn number(span: &SpanData, key: &str) -> Option<i64> {
    match attribute(span, key)? {
        Value::I64(number) => Some(*number),
        other => panic!("{key} is {other:?}"),
    }
}

pub(crate) fn failed(span: &SpanData) -> bool {
    matches!(span.status, Status::Error { .. })
}

/// What is chosen for a span and not told by the tracer's layer.
pub(crate) fn chosen(span: &SpanData) -> Vec<(String, String)> {
    let mut chosen: Vec<_> = span
        .attributes
        .iter()
        .map(|attribute| (attribute.key.as_str().to_owned(), attribute.value.to_string()))
        .filter(|(key, _)| {
            !["code.", "thread.", "target", "busy_ns", "idle_ns", "duroxide.receive.duration"]
                .iter()
                .any(|other| key.starts_with(other))
        })
        .collect();
    chosen.sort();
    chosen
}
