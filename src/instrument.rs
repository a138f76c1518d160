//! The runtime's provider, seen at work: spans of `tracing` around its calls, in the words of OpenTelemetry's
//! messaging conventions.
//!
//! A decorator: every method of the trait is handed on, with its arguments and its answer as they are. It never calls by
//! itself, never tries again, and knows no store. Names, ids and sizes go into spans; inputs, outputs and the texts of
//! errors never do.
//!
//! # When a receive's span is made
//!
//! Most polls bring nothing, and are to leave no span anywhere; one that brings something is to have a span as long as
//! the fetch. Whether it is one or the other is known when the fetch is over, and `tracing` knows no span that began
//! earlier. There are three ways:
//!
//! - A span before the fetch, made unsampled when nothing came: every other subscriber sees it, samplers that do not
//!   look at the parent export it, and each idle poll costs as much as a real one.
//! - Spans past `tracing`, by a tracer: no other subscriber sees them, and no filter of the application holds for them.
//! - A span after the fetch that says how long it took, in `duroxide.receive.duration`: this one. It is in its place in a
//!   log, idle polls cost nothing in any subscriber, and filters hold. For OpenTelemetry [`Backdated`] makes its start
//!   earlier by that duration; without it, start and end are both the end of the fetch.
//!
//! Of other calls the span is made before. None is entered: what a provider logs meanwhile would become a part of it, and
//! that may be anything (the framework's own for SQLite logs whole work items at level debug). Spans that a provider makes
//! by itself are therefore beside these, not within them.
//!
//! # What it costs
//!
//! Whether anybody wants a span is asked first. If not, the caller gets the inner provider's own future: nothing is
//! allocated and no clock is read.

mod about;
mod builder;
mod call;
mod leases;
mod method;
#[cfg(feature = "otel")]
mod otel;
mod provider;
mod spans;

pub use builder::InstrumentedBuilder;
#[cfg(feature = "otel")]
pub use otel::Backdated;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use duroxide::providers::Provider;
use tracing::Span;

use about::About;
use leases::Leases;
use method::Method;
use spans::{Maker, Values};

#[cfg(feature = "otel")]
use crate::trace_id::TraceIds;

/// The target of all spans, for filters: `duroxide_exporter::instrument=info`.
const TARGET: &str = "duroxide_exporter::instrument";

/// A duroxide provider with a span around each call.
pub struct Instrumented {
    inner: Arc<dyn Provider>,
    system: String,
    instance_ids: bool,
    turns: Leases,
    work: Leases,
    /// Where there are links.
    #[cfg(feature = "otel")]
    ids: Option<TraceIds>,
    #[cfg(feature = "otel")]
    instruments: Option<otel::Instruments>,
}

impl Instrumented {
    /// Wraps a provider, with the defaults of the builder.
    #[must_use]
    pub fn wrap(provider: Arc<dyn Provider>) -> Arc<dyn Provider> {
        Self::builder().wrap(provider)
    }

    /// Wraps a provider with options.
    pub fn builder() -> InstrumentedBuilder {
        InstrumentedBuilder::new()
    }

    /// Whether anybody would see a call.
    fn watches(&self, method: &Method, make: Maker) -> bool {
        make(None).is_err() || self.measures(method)
    }

    /// The span of a call; a disabled one if nobody wants it.
    fn span(
        &self,
        method: &'static Method,
        make: Maker,
        about: &mut About<'_>,
        began: Option<Instant>,
    ) -> Span {
        let values = Values { system: &self.system, method, about: *about, named: self.instance_ids, began };
        let span = make(Some(&values)).unwrap_or_else(|_| Span::none());
        #[cfg(feature = "otel")]
        if let Some(ids) = &self.ids {
            otel::link(&span, ids, about);
        }
        span
    }

    #[cfg(feature = "otel")]
    fn measures(&self, method: &Method) -> bool {
        self.instruments.is_some() && method.kind.is_some()
    }

    #[cfg(feature = "otel")]
    fn measured(&self, method: &Method, took: Duration, error_type: Option<&'static str>) {
        if let Some(instruments) = &self.instruments {
            instruments.call(method, took, error_type);
        }
    }

    #[cfg(feature = "otel")]
    fn counted_empty(&self, method: &Method) {
        if let Some(instruments) = &self.instruments {
            instruments.empty(method);
        }
    }
}

/// Without the feature there are no instruments.
#[cfg(not(feature = "otel"))]
impl Instrumented {
    #[expect(clippy::unused_self, reason = "as with the feature")]
    fn measures(&self, _: &Method) -> bool {
        false
    }

    #[expect(clippy::unused_self, reason = "as with the feature")]
    fn measured(&self, _: &Method, _: Duration, _: Option<&'static str>) {}

    #[expect(clippy::unused_self, reason = "as with the feature")]
    fn counted_empty(&self, _: &Method) {}
}

impl fmt::Debug for Instrumented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instrumented").field("inner", &self.inner.name()).finish_non_exhaustive()
    }
}
