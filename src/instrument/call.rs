//! Calls that are watched: each is recorded once, also when it is dropped before it has ended.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use duroxide::providers::ProviderError;
use tracing::Span;

use super::about::CallInfo;
use super::decorator::Instrumented;
use super::method::Method;
use super::spans::SpanFactory;

/// What a method of the trait gives: a call that nobody has begun yet.
pub(super) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, ProviderError>> + Send + 'a>>;

/// `error.type` of what was dropped before it had ended.
const CANCELLED: &str = "cancelled";
const PANICKED: &str = "panicked";

/// A call other than a fetch: its span is made before.
pub(super) struct Call<'a> {
    of: &'a Instrumented,
    method: &'static Method,
    span: Span,
    /// Only where there is an instrument to tell; a span has its own times.
    began: Option<Instant>,
    ended: bool,
}

impl<'a> Call<'a> {
    pub(super) fn begin(
        of: &'a Instrumented,
        method: &'static Method,
        make: SpanFactory,
        mut about: CallInfo<'_>,
    ) -> Self {
        let span = of.span(method, make, &mut about, None);
        let began = of.measures(method).then(Instant::now);
        Self { of, method, span, began, ended: false }
    }

    /// The span is not entered: what providers log meanwhile may hold payloads, and would become a part of it.
    pub(super) async fn run<T>(mut self, answer: Answer<'_, T>) -> Result<T, ProviderError> {
        let result = answer.await;
        self.end(result.as_ref().err().map(|error| self.method.error_type(error.retryable)));
        result
    }

    fn end(&mut self, error_type: Option<&'static str>) {
        self.ended = true;
        if let Some(error_type) = error_type {
            mark(&self.span, error_type);
        }
        if let Some(began) = self.began {
            self.of.measured(self.method, began.elapsed(), error_type);
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.end(Some(dropped()));
        }
    }
}

/// A fetch: what it brings decides whether there is a span, so the span is made when it is over.
pub(super) struct Receive<'a> {
    of: &'a Instrumented,
    method: &'static Method,
    make: SpanFactory,
    began: Instant,
    ended: bool,
}

impl<'a> Receive<'a> {
    pub(super) fn begin(of: &'a Instrumented, method: &'static Method, make: SpanFactory) -> Self {
        Self { of, method, make, began: Instant::now(), ended: false }
    }

    /// Tells what was fetched; what it is about where there is a span of it, so that the lease can be remembered.
    pub(super) fn end<'b, T>(
        mut self,
        answer: &'b Result<Option<T>, ProviderError>,
        about: impl FnOnce(&'b T) -> CallInfo<'b>,
    ) -> Option<CallInfo<'b>> {
        self.ended = true;
        match answer {
            Ok(Some(message)) => {
                let mut about = about(message);
                let span = self.of.span(self.method, self.make, &mut about, Some(self.began));
                self.measure(None);
                (!span.is_disabled()).then_some(about)
            }
            Ok(None) => {
                self.of.counted_empty(self.method);
                None
            }
            Err(error) => {
                self.fail(self.method.error_type(error.retryable));
                None
            }
        }
    }

    fn fail(&self, error_type: &'static str) {
        let span = self.of.span(self.method, self.make, &mut { CallInfo::NOTHING }, Some(self.began));
        mark(&span, error_type);
        self.measure(Some(error_type));
    }

    fn measure(&self, error_type: Option<&'static str>) {
        if self.of.measures(self.method) {
            self.of.measured(self.method, self.began.elapsed(), error_type);
        }
    }
}

impl Drop for Receive<'_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        match dropped() {
            // It was waiting, and so had received nothing: as idle as a poll that ended by itself.
            CANCELLED => self.measure(Some(CANCELLED)),
            panicked => self.fail(panicked),
        }
    }
}

/// Why a call is dropped before it has ended.
fn dropped() -> &'static str {
    if std::thread::panicking() { PANICKED } else { CANCELLED }
}

/// The message of an error stays out: it may quote what was to be stored.
fn mark(span: &Span, error_type: &'static str) {
    span.record("otel.status_code", "ERROR");
    span.record("error.type", error_type);
}
