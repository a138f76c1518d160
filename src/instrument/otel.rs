//! What spans of `tracing` cannot have by themselves: links, a start in the past, instruments. Only the interfaces of
//! OpenTelemetry are used; which SDK is behind them is the application's choice.

mod backdated;
mod instruments;

pub use backdated::Backdated;
pub(super) use instruments::Instruments;

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::about::CallInfo;
use crate::trace_id::TraceIds;

/// Links a span to the trace of the execution it is about: to the span of the event where there is one, to that of the
/// execution otherwise.
pub(super) fn link(span: &Span, ids: &TraceIds, about: &mut CallInfo<'_>) {
    if span.is_disabled() {
        return;
    }
    if about.target.is_none()
        && let (Some(instance), Some(execution)) = (about.instance, about.execution)
    {
        about.target = Some(ids.ids(instance, execution, about.event));
    }
    if let Some((trace, id)) = about.target {
        span.add_link(SpanContext::new(
            TraceId::from_bytes(trace),
            SpanId::from_bytes(id),
            TraceFlags::SAMPLED,
            true,
            TraceState::default(),
        ));
    }
}
