//! Requests made of what some executions did.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::LogRecord;

use super::batch::Requests;
use super::failures::failures;
use super::past::ExecutionEvents;
use super::settings::TraceSettings;
use super::span::spans;
use crate::labels::name::shorten;
use crate::labels::{ExecutionOutcome, ExecutionStatus};
use crate::management::{Timeline, Timestamp};
use crate::otlp::text;
use crate::telemetry::Exemplar;

/// An execution as an example of how long its like take, with the name of its orchestration as metrics have it.
pub(super) type Example = (Arc<str>, ExecutionOutcome, Exemplar);

/// What is to be made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signals {
    pub(super) traces: bool,
    pub(super) logs: bool,
}

/// The traces of some executions, and log records of their failures.
#[derive(Debug, Default)]
pub(super) struct TraceBatch {
    pub(super) requests: Vec<ExportTraceServiceRequest>,
    /// Those that are in the requests.
    pub(super) exported: Vec<Example>,
    pub(super) unsampled: u64,
    /// Also of those whose traces are not sent.
    pub(super) failures: Vec<LogRecord>,
}

impl TraceBatch {
    pub(super) fn of(
        pasts: Vec<ExecutionEvents>,
        wanted: Signals,
        settings: &TraceSettings,
        store: &str,
    ) -> Self {
        let TraceSettings { ids, sampling, resource, .. } = settings;
        let mut resource: Vec<_> = resource.iter().map(|(key, value)| text(key, value)).collect();
        resource.push(text("duroxide.store", store));
        let mut requests = Requests::new(resource);
        let mut made = Self::default();
        for past in pasts {
            let (timeline, payloads) = past.finish();
            if wanted.logs {
                made.failures.extend(failures(&timeline, &payloads, ids, store));
            }
            if !wanted.traces {
                continue;
            }
            let took = timeline.ended_at.zip(timeline.started_at);
            let took = took.map_or(Duration::ZERO, |(ended, began)| ended.since(began));
            let trace_id = ids.trace_id(&timeline.instance_id, timeline.execution_id);
            if !sampling.keeps(trace_id, timeline.status == ExecutionStatus::Failed, took) {
                made.unsampled += 1;
                continue;
            }
            let span_id = ids.root_span_id(&timeline.instance_id, timeline.execution_id);
            made.exported.push(example(&timeline, trace_id, span_id, took));
            made.requests
                .extend(spans(&timeline, &payloads, ids).into_iter().filter_map(|span| requests.add(span)));
        }
        made.requests.extend(requests.take());
        made
    }
}

fn example(timeline: &Timeline, trace_id: [u8; 16], span_id: [u8; 8], took: Duration) -> Example {
    let outcome = match timeline.status {
        ExecutionStatus::Failed => ExecutionOutcome::Failed,
        ExecutionStatus::ContinuedAsNew => ExecutionOutcome::ContinuedAsNew,
        // Only what has ended comes here.
        ExecutionStatus::Completed | ExecutionStatus::Running | ExecutionStatus::Unknown => {
            ExecutionOutcome::Completed
        }
    };
    let ended = timeline.ended_at.map_or(0, Timestamp::unix_millis);
    let since_epoch = Duration::from_millis(u64::try_from(ended).unwrap_or(0));
    let exemplar = Exemplar {
        trace_id,
        span_id,
        ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        at: UNIX_EPOCH.checked_add(since_epoch).unwrap_or(UNIX_EPOCH),
    };
    (shorten(timeline.orchestration_name.as_deref().unwrap_or_default()), outcome, exemplar)
}
