//! The spans of one execution, from its timeline: as a person thinks of the workflow.
//!
//! The root is the execution; below it are activities (with their tries below them where there were several), timers,
//! waits and children. Moments (custom status, keys, requests to cancel) are events of the root. What is another
//! execution is linked, not contained: parent, children, what was started on its own, and the executions before and
//! after a continue-as-new have traces of their own, whose ids anybody can compute.

use std::collections::HashMap;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::{Span, Status, status::StatusCode};

use super::payload::Payloads;
use crate::labels::{ExecutionStatus, FailureKind};
use crate::management::{Timeline, TimelineEntry, TimelineKind, TimelineOutcome, Timestamp};
use crate::otlp::{number, text};
use duroxide_instrument::TraceIds;

/// The flags of W3C's trace context: this trace is recorded.
const SAMPLED: u32 = 1;

/// Event of the first execution of an instance that has not begun by continuing as new.
const FIRST: u64 = 1;

/// The spans of a finished execution, the root first.
pub(super) fn spans(timeline: &Timeline, payloads: &Payloads, ids: &TraceIds) -> Vec<Span> {
    let maker = Maker::new(timeline, payloads, ids);
    let mut spans = Vec::with_capacity(timeline.entries.len() + 1);
    spans.push(maker.root());
    let tries = tries(timeline);
    for entry in timeline.entries.iter().filter(|entry| !is_moment(entry.kind)) {
        let first = entry.retry_of.unwrap_or(entry.event_id);
        let call = tries.get(&first).filter(|_| entry.kind == TimelineKind::Activity);
        if let Some(call) = call.filter(|_| entry.event_id == first) {
            spans.push(maker.call(entry, call));
        }
        spans.push(maker.entry(entry, call.is_some()));
    }
    spans
}

/// All tries of an activity.
struct Call<'a> {
    last: &'a TimelineEntry,
    tries: u32,
}

/// The activities that were tried again, by the event that began the first try.
fn tries(timeline: &Timeline) -> HashMap<u64, Call<'_>> {
    let mut calls: HashMap<u64, Call<'_>> = HashMap::new();
    for entry in &timeline.entries {
        let Some(first) = entry.retry_of else { continue };
        let call = calls.entry(first).or_insert(Call { last: entry, tries: 1 });
        call.tries += 1;
        call.last = entry;
    }
    calls
}

/// Whether it is told as an event of the root.
fn is_moment(kind: TimelineKind) -> bool {
    matches!(
        kind,
        TimelineKind::CancelRequested
            | TimelineKind::CustomStatus
            | TimelineKind::KeyValue
            | TimelineKind::ContinueAsNew
    )
}

struct Maker<'a> {
    timeline: &'a Timeline,
    payloads: &'a Payloads,
    ids: &'a TraceIds,
    trace_id: Vec<u8>,
    root_id: Vec<u8>,
    began: Timestamp,
    ended: Timestamp,
}

impl<'a> Maker<'a> {
    fn new(timeline: &'a Timeline, payloads: &'a Payloads, ids: &'a TraceIds) -> Self {
        let (instance, execution) = (&timeline.instance_id, timeline.execution_id);
        let ended = timeline.ended_at.or(timeline.started_at).unwrap_or(Timestamp::from_unix_millis(0));
        // A history whose first event is lost or damaged.
        let first = timeline.entries.iter().map(|entry| entry.started_at).min();
        let began = timeline.started_at.or(first).unwrap_or(ended);
        Self {
            timeline,
            payloads,
            ids,
            trace_id: ids.trace_id(instance, execution).to_vec(),
            root_id: ids.root_span_id(instance, execution).to_vec(),
            began,
            // The clocks of two workers differ.
            ended: ended.max(began),
        }
    }

    fn root(&self) -> Span {
        let Timeline { instance_id, execution_id, orchestration_name, orchestration_version, .. } =
            self.timeline;
        let mut attributes = vec![
            text("duroxide.instance.id", instance_id),
            number("duroxide.execution.id", *execution_id),
            text("duroxide.outcome", self.timeline.status.as_str()),
        ];
        attributes.extend(orchestration_name.iter().map(|name| text("duroxide.orchestration.name", name)));
        attributes.extend(
            orchestration_version.iter().map(|version| text("duroxide.orchestration.version", version)),
        );
        for (key, count) in [
            ("duroxide.history.unknown_events", self.timeline.unknown_events),
            ("duroxide.history.undecodable_events", self.timeline.undecodable_events),
        ] {
            if count > 0 {
                attributes.push(number(key, count));
            }
        }
        attributes.extend(self.payloads.of_execution());
        let failure = self.timeline.failure_kind.filter(|_| self.timeline.status == ExecutionStatus::Failed);
        attributes.extend(error_type(failure));
        Span {
            name: orchestration_name.clone().unwrap_or_else(|| "orchestration".to_owned()),
            // A message began it, whoever sent that.
            kind: SpanKind::Consumer.into(),
            events: self.moments(),
            links: self.links(),
            status: self.status(failure.is_some(), self.payloads.failure_of_execution()),
            ..self.span(self.root_id.clone(), Vec::new(), self.began, self.ended, attributes)
        }
    }

    fn moments(&self) -> Vec<Event> {
        let moments = self.timeline.entries.iter().filter(|entry| is_moment(entry.kind));
        moments
            .map(|entry| {
                let mut attributes = vec![number("duroxide.event.id", entry.event_id)];
                attributes.extend(self.payloads.of(entry.event_id));
                Event {
                    time_unix_nano: nanoseconds(entry.started_at),
                    name: what(entry.kind).to_owned(),
                    attributes,
                    ..Event::default()
                }
            })
            .collect()
    }

    /// The executions this one has to do with, other than those it began itself.
    fn links(&self) -> Vec<Link> {
        let Timeline { instance_id, execution_id, parent, status, .. } = self.timeline;
        let mut links = Vec::new();
        if let Some(parent) = parent
            && let Some(execution) = parent.execution_id
        {
            let span = parent.event_id.map(|event| self.ids.span_id(&parent.instance_id, execution, event));
            links.push(self.link("parent", &parent.instance_id, execution, span));
        }
        if let Some(before) = execution_id.checked_sub(1).filter(|before| *before >= FIRST) {
            links.push(self.link("continued_from", instance_id, before, None));
        }
        if *status == ExecutionStatus::ContinuedAsNew
            && let Some(after) = execution_id.checked_add(1)
        {
            links.push(self.link("continued_as", instance_id, after, None));
        }
        links
    }

    fn link(&self, relation: &str, instance: &str, execution: u64, span: Option<[u8; 8]>) -> Link {
        let span = span.unwrap_or_else(|| self.ids.root_span_id(instance, execution));
        Link {
            trace_id: self.ids.trace_id(instance, execution).to_vec(),
            span_id: span.to_vec(),
            attributes: vec![
                text("duroxide.link", relation),
                text("duroxide.instance.id", instance),
                number("duroxide.execution.id", execution),
            ],
            flags: SAMPLED,
            ..Link::default()
        }
    }

    /// All tries of an activity together.
    fn call(&self, first: &TimelineEntry, call: &Call<'_>) -> Span {
        let Timeline { instance_id, execution_id, .. } = self.timeline;
        let Call { last, tries } = call;
        let mut attributes = about(first, last.outcome);
        attributes.push(number("duroxide.attempts", (*tries).into()));
        let failed = last.outcome == TimelineOutcome::Failed;
        attributes.extend(error_type(last.failure_kind.filter(|_| failed)));
        let ended = last.ended_at.unwrap_or(self.ended);
        let id = self.ids.tries_span_id(instance_id, *execution_id, first.event_id).to_vec();
        Span {
            name: name(first),
            kind: SpanKind::Internal.into(),
            status: self.status(failed, last.ended_by.and_then(|event| self.payloads.failure(event))),
            ..self.span(id, self.root_id.clone(), first.started_at, ended, attributes)
        }
    }

    fn entry(&self, entry: &TimelineEntry, is_try: bool) -> Span {
        let Timeline { instance_id, execution_id, .. } = self.timeline;
        let parent = if is_try {
            let first = entry.retry_of.unwrap_or(entry.event_id);
            self.ids.tries_span_id(instance_id, *execution_id, first).to_vec()
        } else {
            self.root_id.clone()
        };
        let mut attributes = about(entry, entry.outcome);
        attributes.push(number("duroxide.event.id", entry.event_id));
        if entry.kind == TimelineKind::Activity {
            attributes.push(number("duroxide.attempt", entry.attempt.into()));
        }
        attributes.extend(self.payloads.of(entry.event_id));
        // The end of the execution ends what is still open, but is no answer to it.
        let ended_by = entry.ended_by.filter(|_| entry.outcome != TimelineOutcome::Cancelled);
        attributes.extend(ended_by.into_iter().flat_map(|event| self.payloads.of(event)));
        let failed = entry.outcome == TimelineOutcome::Failed;
        attributes.extend(error_type(entry.failure_kind.filter(|_| failed)));
        let kind = match entry.kind {
            TimelineKind::Child => SpanKind::Client,
            TimelineKind::Detached => SpanKind::Producer,
            _ => SpanKind::Internal,
        };
        let links = match (&entry.instance_id, entry.kind) {
            (Some(started), TimelineKind::Child) => vec![self.link("child", started, FIRST, None)],
            (Some(started), TimelineKind::Detached) => vec![self.link("detached", started, FIRST, None)],
            _ => Vec::new(),
        };
        let id = self.ids.span_id(instance_id, *execution_id, entry.event_id).to_vec();
        let ended = entry.ended_at.unwrap_or(self.ended);
        Span {
            name: name(entry),
            kind: kind.into(),
            links,
            status: self.status(failed, ended_by.and_then(|event| self.payloads.failure(event))),
            ..self.span(id, parent, entry.started_at, ended, attributes)
        }
    }

    fn span(
        &self,
        span_id: Vec<u8>,
        parent_span_id: Vec<u8>,
        began: Timestamp,
        ended: Timestamp,
        attributes: Vec<KeyValue>,
    ) -> Span {
        Span {
            trace_id: self.trace_id.clone(),
            span_id,
            parent_span_id,
            start_time_unix_nano: nanoseconds(began),
            end_time_unix_nano: nanoseconds(ended.max(began)),
            attributes,
            flags: SAMPLED,
            ..Span::default()
        }
    }

    /// Only failures have one: that all is well is for people to say.
    fn status(&self, failed: bool, message: Option<&str>) -> Option<Status> {
        failed.then(|| Status {
            code: StatusCode::Error.into(),
            message: message.unwrap_or_default().to_owned(),
        })
    }
}

/// What an entry says of itself.
fn about(entry: &TimelineEntry, outcome: TimelineOutcome) -> Vec<KeyValue> {
    let mut attributes =
        vec![text("duroxide.kind", what(entry.kind)), text("duroxide.outcome", ended(outcome))];
    if let Some(name) = &entry.name {
        let key = match entry.kind {
            TimelineKind::Activity => "duroxide.activity.name",
            TimelineKind::Child | TimelineKind::Detached => "duroxide.orchestration.name",
            TimelineKind::QueueEvent => "duroxide.queue.name",
            _ => "duroxide.event.name",
        };
        attributes.push(text(key, name));
    }
    attributes.extend(entry.instance_id.iter().map(|id| text("duroxide.started_instance.id", id)));
    attributes.extend(entry.tag.iter().map(|tag| text("duroxide.activity.tag", tag)));
    if let Some(due) = entry.due_at {
        attributes.push(text("duroxide.timer.due_at", &due.to_string()));
    }
    attributes
}

/// Names of spans are few: ids and numbers are attributes.
fn name(entry: &TimelineEntry) -> String {
    match (entry.kind, &entry.name) {
        (TimelineKind::Event | TimelineKind::QueueEvent, Some(name)) => format!("wait for {name}"),
        (TimelineKind::Detached, Some(name)) => format!("start {name}"),
        (_, Some(name)) => name.clone(),
        (kind, None) => what(kind).to_owned(),
    }
}

fn what(kind: TimelineKind) -> &'static str {
    match kind {
        TimelineKind::Activity => "activity",
        TimelineKind::Timer => "timer",
        TimelineKind::Event => "event",
        TimelineKind::QueueEvent => "queue_event",
        TimelineKind::Child => "child",
        TimelineKind::Detached => "detached",
        TimelineKind::CancelRequested => "cancel_requested",
        TimelineKind::CustomStatus => "custom_status",
        TimelineKind::KeyValue => "key_value",
        TimelineKind::ContinueAsNew => "continue_as_new",
    }
}

fn ended(outcome: TimelineOutcome) -> &'static str {
    match outcome {
        TimelineOutcome::Open => "open",
        TimelineOutcome::Completed => "completed",
        TimelineOutcome::Failed => "failed",
        TimelineOutcome::Cancelled => "cancelled",
    }
}

fn error_type(failure: Option<FailureKind>) -> Option<KeyValue> {
    failure.map(|kind| text("error.type", kind.as_str()))
}

/// A damaged history may hold any number: times before 1970 and after 2554 are the nearest that can be said.
fn nanoseconds(moment: Timestamp) -> u64 {
    u64::try_from(moment.unix_millis()).unwrap_or(0).saturating_mul(1_000_000)
}

#[cfg(test)]
mod tests;
