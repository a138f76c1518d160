//! The spans, and whether anybody wants them.
//!
//! Whether a span is wanted has to be known before a call, because a call that nobody watches must cost nothing. The
//! question is asked of the very place that makes the span, so that a filter by name, target or field answers it as it
//! will later.

use std::time::Instant;

use tracing::field::Empty;
use tracing::{Level, Span};

use super::about::CallInfo;
use super::method::{self, Method};

/// The target of all spans, for filters: `duroxide_exporter::instrument=info`.
const TARGET: &str = "duroxide_exporter::instrument";

/// What the fields of a span are made of.
pub(super) struct SpanFields<'a> {
    pub(super) system: &'a str,
    pub(super) method: &'static Method,
    pub(super) about: CallInfo<'a>,
    /// Whether the instance may be named.
    pub(super) named: bool,
    /// When a receive began, whose span is made when it is over.
    pub(super) began: Option<Instant>,
}

/// The span is enabled, and no values were given to make it of.
pub(super) struct Wanted;

/// Makes a span; without values, says whether it would be made.
pub(super) type SpanFactory = fn(Option<&SpanFields<'_>>) -> Result<Span, Wanted>;

const NOTHING: SpanFields<'static> =
    SpanFields { system: "", method: method::READ, about: CallInfo::NOTHING, named: false, began: None };

/// Numbers are signed: OpenTelemetry knows no others, and its layer would write unsigned ones as texts.
fn integer(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

macro_rules! maker {
    ($function:ident, $level:expr, $name:literal) => {
        pub(super) fn $function(values: Option<&SpanFields<'_>>) -> Result<Span, Wanted> {
            let asked = values.is_none();
            let values = values.unwrap_or(&NOTHING);
            let (method, about) = (values.method, &values.about);
            Ok(tracing::span!(
                target: TARGET,
                $level,
                $name,
                // The fields are evaluated only where the span is wanted.
                otel.name = {
                    if asked {
                        return Err(Wanted);
                    }
                    method.span
                },
                otel.kind = "client",
                otel.status_code = Empty,
                error.type = Empty,
                duroxide.provider.method = method.name,
                messaging.system = method.operation.map(|_| values.system),
                messaging.operation.name = method.operation.map(|(name, _)| name),
                messaging.operation.type = method.kind,
                messaging.destination.name = method.operation.map(|(_, queue)| queue.name()),
                messaging.batch.message_count = about.messages.map(integer),
                duroxide.instance.id = about.instance.filter(|_| values.named),
                duroxide.execution.id = about.execution.map(integer),
                duroxide.orchestration.name = about.orchestration,
                duroxide.activity.name = about.activity,
                duroxide.event.id = about.event.map(integer),
                duroxide.work_item.type = about.item,
                duroxide.attempt = about.attempt.map(integer),
                duroxide.turn.events = about.turn.map(|[events, ..]| integer(events)),
                duroxide.turn.activities = about.turn.map(|[_, activities, ..]| integer(activities)),
                duroxide.turn.messages = about.turn.map(|[_, _, messages, _]| integer(messages)),
                duroxide.turn.cancelled_activities = about.turn.map(|[.., cancelled]| integer(cancelled)),
                // The last look at the clock before the layer's own, which is a start reckoned back from.
                duroxide.receive.duration = values.began.map(|began| began.elapsed().as_secs_f64()),
            ))
        }
    };
}

maker!(receive, Level::INFO, "receive");
maker!(settle, Level::INFO, "settle");
maker!(send, Level::INFO, "send");
// What is not of the hot path, and renewals, which come by themselves every few seconds.
maker!(other, Level::DEBUG, "provider");
