//! Log records of a finished execution: that it failed, and what in it was given up as poison.

use opentelemetry_proto::tonic::logs::v1::LogRecord;

use super::payload::Payloads;
use crate::labels::name::shorten;
use crate::labels::{ExecutionStatus, FailureKind};
use crate::logs::Workflow;
use crate::management::{Timeline, TimelineEntry, TimelineKind, TimelineOutcome, Timestamp};
use crate::otlp::text;
use duroxide_instrument::TraceIds;

/// The records of an execution: first what happened in it, last its own end.
pub(super) fn failures(
    timeline: &Timeline,
    payloads: &Payloads,
    ids: &TraceIds,
    store: &str,
) -> Vec<LogRecord> {
    let about = About { timeline, ids, store };
    let poisoned = timeline.entries.iter().filter(|entry| is_poisoned(entry));
    let mut records: Vec<LogRecord> = poisoned.map(|entry| about.activity(entry)).collect();
    if timeline.status == ExecutionStatus::Failed {
        records.push(about.execution(payloads));
    }
    records
}

fn is_poisoned(entry: &TimelineEntry) -> bool {
    entry.kind == TimelineKind::Activity
        && entry.outcome == TimelineOutcome::Failed
        && entry.failure_kind == Some(FailureKind::Poison)
}

struct About<'a> {
    timeline: &'a Timeline,
    ids: &'a TraceIds,
    store: &'a str,
}

impl About<'_> {
    fn activity(&self, entry: &TimelineEntry) -> LogRecord {
        let Timeline { instance_id, execution_id, .. } = self.timeline;
        let name = shorten(entry.name.as_deref().unwrap_or("an activity"));
        let mut more = vec![text("error.type", FailureKind::Poison.as_str())];
        more.extend(entry.name.iter().map(|name| text("duroxide.activity.name", name)));
        let workflow = Workflow {
            event_name: "duroxide.activity.poisoned",
            words: format!("{name} was given up as poison: it was handed out too often without an answer"),
            at_ms: entry.ended_at.unwrap_or(entry.started_at).unix_millis(),
            span_id: self.ids.span_id(instance_id, *execution_id, entry.event_id),
            more,
            ..self.workflow()
        };
        workflow.record()
    }

    fn execution(&self, payloads: &Payloads) -> LogRecord {
        let kind = self.timeline.failure_kind.unwrap_or_default();
        let name = shorten(self.timeline.orchestration_name.as_deref().unwrap_or("an orchestration"));
        let cancelled = kind == FailureKind::Cancelled;
        let words =
            if cancelled { format!("{name} was cancelled") } else { format!("{name} failed: {kind}") };
        let mut more = vec![text("error.type", kind.as_str())];
        more.extend(payloads.failure_of_execution().map(|words| text("error.message", words)));
        // Somebody asked for it, which is worth knowing, but nothing is wrong.
        Workflow { is_error: !cancelled, words, more, ..self.workflow() }.record()
    }

    /// The end of the execution.
    fn workflow(&self) -> Workflow<'_> {
        let Timeline { instance_id, execution_id, orchestration_name, orchestration_version, .. } =
            self.timeline;
        let at = self.timeline.ended_at.or(self.timeline.started_at);
        Workflow {
            event_name: "duroxide.execution.failed",
            is_error: true,
            words: String::new(),
            at_ms: at.map_or(0, Timestamp::unix_millis),
            store: self.store,
            instance: instance_id,
            execution: *execution_id,
            orchestration: orchestration_name.as_deref().unwrap_or_default(),
            version: orchestration_version.as_deref().unwrap_or_default(),
            trace_id: self.ids.trace_id(instance_id, *execution_id),
            span_id: self.ids.root_span_id(instance_id, *execution_id),
            more: Vec::new(),
        }
    }
}
