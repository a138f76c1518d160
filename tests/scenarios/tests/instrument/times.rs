//! A span begins when its call began and ends when it ended: also that of a receive, which is made at its end.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use duroxide_exporter::Instrumented;
use opentelemetry::Value;
use opentelemetry_sdk::trace::SpanData;

use crate::canned::{Canned, Mode, every};
use crate::spy::{Entry, Spy};
use crate::watch::{attribute, watch};

/// A receive's start is reckoned from its end by another clock; what these two may differ by.
const CLOCKS: Duration = Duration::from_millis(1);

/// Whether a span ends with or after the call on the inner provider, and is as long. It may begin as much later as it ends
/// later, for a thread may have to wait while it makes a span.
pub(crate) fn covers(span: &SpanData, entry: &Entry) -> bool {
    let length = |from: SystemTime, to: SystemTime| to.duration_since(from).unwrap_or_default();
    let (span_length, call) = (length(span.start_time, span.end_time), length(entry.began, entry.ended));
    span.end_time + CLOCKS >= entry.ended && span_length + CLOCKS >= call
}

#[tokio::test]
async fn spans_cover_their_calls_and_no_more() {
    let slow = Duration::from_millis(30);
    for call in every() {
        let inner = Spy::on(Arc::new(Canned::new(Mode::Sleeps(slow))));
        let provider = Instrumented::wrap(inner.clone());
        let watched = watch();
        let before = SystemTime::now();
        (call.make)(provider).await;
        let after = SystemTime::now();
        let span = watched.only();
        let entry = &inner.entries()[0];
        assert!(covers(&span, entry), "{span:#?} {entry:?}");
        assert!(before <= span.start_time + CLOCKS, "{}: {before:?} {span:#?}", call.method);
        assert!(span.end_time <= after + CLOCKS, "{}: {after:?} {span:#?}", call.method);

        let took = span.end_time.duration_since(span.start_time).unwrap();
        assert!(took + CLOCKS >= slow, "{}: {took:?}", call.method);
        let told = attribute(&span, "duroxide.receive.duration");
        assert_eq!(told.is_some(), call.is_fetch(), "{}", call.method);
        if let Some(Value::F64(seconds)) = told {
            assert!(Duration::from_secs_f64(*seconds) >= slow, "{}: {seconds}", call.method);
            assert!(Duration::from_secs_f64(*seconds) <= took + CLOCKS, "{}: {seconds}", call.method);
        }
    }
}
