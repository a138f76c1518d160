//! The decorator, and what it does around each call.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use duroxide::providers::Provider;
use tracing::Span;

use super::about::CallInfo;
use super::leases::Leases;
use super::method::Method;
#[cfg(feature = "otel")]
use super::otel;
use super::spans::{SpanFactory, SpanFields};

#[cfg(feature = "otel")]
use crate::trace_id::TraceIds;

/// A duroxide provider with a span around each call.
pub struct Instrumented {
    pub(super) inner: Arc<dyn Provider>,
    pub(super) system: String,
    pub(super) instance_ids: bool,
    pub(super) turns: Leases,
    pub(super) work: Leases,
    /// Where there are links.
    #[cfg(feature = "otel")]
    pub(super) ids: Option<TraceIds>,
    #[cfg(feature = "otel")]
    pub(super) instruments: Option<otel::Instruments>,
}

impl Instrumented {
    /// Whether anybody would see a call.
    pub(super) fn watches(&self, method: &Method, make: SpanFactory) -> bool {
        make(None).is_err() || self.measures(method)
    }

    /// The span of a call; a disabled one if nobody wants it.
    pub(super) fn span(
        &self,
        method: &'static Method,
        make: SpanFactory,
        about: &mut CallInfo<'_>,
        began: Option<Instant>,
    ) -> Span {
        let values =
            SpanFields { system: &self.system, method, about: *about, named: self.instance_ids, began };
        let span = make(Some(&values)).unwrap_or_else(|_| Span::none());
        #[cfg(feature = "otel")]
        if let Some(ids) = &self.ids {
            otel::link(&span, ids, about);
        }
        span
    }

    #[cfg(feature = "otel")]
    pub(super) fn measures(&self, method: &Method) -> bool {
        self.instruments.is_some() && method.kind.is_some()
    }

    #[cfg(feature = "otel")]
    pub(super) fn measured(&self, method: &Method, took: Duration, error_type: Option<&'static str>) {
        if let Some(instruments) = &self.instruments {
            instruments.call(method, took, error_type);
        }
    }

    #[cfg(feature = "otel")]
    pub(super) fn counted_empty(&self, method: &Method) {
        if let Some(instruments) = &self.instruments {
            instruments.empty(method);
        }
    }
}

/// Without the feature there are no instruments.
#[cfg(not(feature = "otel"))]
impl Instrumented {
    #[expect(clippy::unused_self, reason = "as with the feature")]
    pub(super) fn measures(&self, _: &Method) -> bool {
        false
    }

    #[expect(clippy::unused_self, reason = "as with the feature")]
    pub(super) fn measured(&self, _: &Method, _: Duration, _: Option<&'static str>) {}

    #[expect(clippy::unused_self, reason = "as with the feature")]
    pub(super) fn counted_empty(&self, _: &Method) {}
}

impl fmt::Debug for Instrumented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instrumented").field("inner", &self.inner.name()).finish_non_exhaustive()
    }
}
