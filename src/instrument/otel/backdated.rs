//! Receive spans that begin when their fetch began.

use std::time::Duration;

use opentelemetry::trace::{SpanBuilder, SpanKind, Tracer};
use opentelemetry::{Context, Value};

/// The field in which a receive span says how long its fetch took.
const DURATION: &str = "duroxide.receive.duration";

/// A tracer for the OpenTelemetry layer of `tracing`, with which the spans of receives cover the fetch.
///
/// The span of a receive is made when the fetch has brought something (a poll that brings nothing has none), and the
/// layer takes the moment in which a span is made for its start. It says how long the fetch took, in
/// `duroxide.receive.duration`; this tracer makes its start earlier by that. All other spans are the inner tracer's.
///
/// ```
/// # use opentelemetry::trace::noop::NoopTracer;
/// # use tracing_subscriber::layer::SubscriberExt as _;
/// # let tracer = NoopTracer::new();
/// use duroxide_instrument::Backdated;
///
/// let layer = tracing_opentelemetry::layer().with_tracer(Backdated::new(tracer));
/// # let _ = tracing_subscriber::registry().with(layer);
/// ```
#[derive(Clone, Debug)]
pub struct Backdated<T>(T);

impl<T> Backdated<T> {
    /// A tracer that hands everything on to another.
    pub const fn new(tracer: T) -> Self {
        Self(tracer)
    }
}

impl<T: Tracer> Tracer for Backdated<T> {
    type Span = T::Span;

    fn build_with_context(&self, mut builder: SpanBuilder, parent_cx: &Context) -> Self::Span {
        // An application's other spans are told apart by what costs nothing to look at.
        if builder.span_kind == Some(SpanKind::Client)
            && let Some(took) = took(&builder)
            && let Some(start) = builder.start_time.and_then(|start| start.checked_sub(took))
        {
            builder.start_time = Some(start);
        }
        self.0.build_with_context(builder, parent_cx)
    }
}

fn took(builder: &SpanBuilder) -> Option<Duration> {
    let attributes = builder.attributes.as_ref()?;
    // It is the last field of its span.
    let duration = attributes.iter().rev().find(|attribute| attribute.key.as_str() == DURATION)?;
    match duration.value {
        Value::F64(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        _ => None,
    }
}
