//! From events to entries.

use std::collections::HashMap;

use super::entry::{begin, end_at, ending, moment};
use super::model::{Timeline, TimelineEntry, TimelineKind, TimelineOutcome, TimelineParent};
use super::tries::Tries;
use super::turns::Turns;
use super::waits::{Channel, Ending, Waits};
use crate::history::{Event, SYSCALL};
use crate::labels::ExecutionStatus;

impl Timeline {
    /// Begins the timeline of one execution. It reads nothing: it is given the events.
    pub fn builder(instance: &str, execution_id: u64) -> TimelineBuilder {
        TimelineBuilder::new(instance, execution_id)
    }
}

/// Reason of a cancellation that the orchestration itself decided on. Others are the framework clearing up after the
/// end.
const DROPPED: &str = "dropped_future";

/// Makes a [`Timeline`] of events that are given in order.
///
/// Keeps what the timeline shows, and no payloads.
#[derive(Debug)]
pub struct TimelineBuilder {
    timeline: Timeline,
    /// Index of the entry that an event began.
    begun: HashMap<u64, usize>,
    turns: Turns,
    tries: Tries,
    waits: Waits,
    end: Option<Ending>,
    /// The newest events cannot be decoded: one of them may be the end.
    obscured: bool,
}

impl TimelineBuilder {
    pub(super) fn new(instance: &str, execution_id: u64) -> Self {
        let timeline = Timeline {
            instance_id: instance.to_owned(),
            execution_id,
            orchestration_name: None,
            orchestration_version: None,
            parent: None,
            started_at: None,
            ended_at: None,
            status: ExecutionStatus::Unknown,
            failure_kind: None,
            entries: Vec::new(),
            unknown_events: 0,
            undecodable_events: 0,
        };
        Self {
            timeline,
            begun: HashMap::new(),
            turns: Turns::default(),
            tries: Tries::default(),
            waits: Waits::default(),
            end: None,
            obscured: true,
        }
    }

    /// Takes the next event.
    pub fn push(&mut self, event: &Event) {
        if event.undecodable.is_some() {
            self.timeline.undecodable_events += 1;
            self.obscured = true;
            return;
        }
        let name = event.event_type.as_str();
        let position = self.turns.take(name);
        self.waits.written_by(&event.duroxide_version);
        // Activities are cleared up after the end; every other event shows that there was none before.
        self.obscured &= name == "ActivityCancelRequested";
        match name {
            "OrchestrationStarted" => self.started(event),
            "OrchestrationCompleted" => self.ended(event, ExecutionStatus::Completed),
            "OrchestrationFailed" => self.ended(event, ExecutionStatus::Failed),
            "OrchestrationContinuedAsNew" => {
                self.moment(event, TimelineKind::ContinueAsNew, None);
                self.ended(event, ExecutionStatus::ContinuedAsNew);
            }
            "ActivityScheduled" => self.activity(event),
            "ActivityCompleted" => self.answered(event, TimelineKind::Activity, TimelineOutcome::Completed),
            "ActivityFailed" => self.answered(event, TimelineKind::Activity, TimelineOutcome::Failed),
            "ActivityCancelRequested" => {
                self.answered(event, TimelineKind::Activity, TimelineOutcome::Cancelled);
            }
            "TimerCreated" => {
                let due_at = event.number("fire_at_ms").map(moment);
                let timer = TimelineEntry { due_at, ..begin(event, TimelineKind::Timer, None) };
                self.add(timer);
            }
            "TimerFired" => self.answered(event, TimelineKind::Timer, TimelineOutcome::Completed),
            "ExternalSubscribed" => self.wait(event, TimelineKind::Event, Channel::Event, position),
            "ExternalSubscribedPersistent" => {
                self.wait(event, TimelineKind::QueueEvent, Channel::Queue, position);
            }
            "ExternalEvent" => self.arrival(event, Channel::Event, position),
            "ExternalEventPersistent" => self.arrival(event, Channel::Queue, position),
            "ExternalSubscribedCancelled" => self.wait_cancelled(event, TimelineKind::Event, position),
            "ExternalSubscribedPersistentCancelled" => {
                self.wait_cancelled(event, TimelineKind::QueueEvent, position);
            }
            "SubOrchestrationScheduled" => {
                let instance_id = event.child_of(&self.timeline.instance_id);
                let child = begin(event, TimelineKind::Child, event.text("name"));
                self.add(TimelineEntry { instance_id, ..child });
            }
            "SubOrchestrationCompleted" => {
                self.answered(event, TimelineKind::Child, TimelineOutcome::Completed);
            }
            "SubOrchestrationFailed" => self.answered(event, TimelineKind::Child, TimelineOutcome::Failed),
            "SubOrchestrationCancelRequested" => {
                self.answered(event, TimelineKind::Child, TimelineOutcome::Cancelled);
            }
            "OrchestrationChained" => {
                let started = self.moment(event, TimelineKind::Detached, event.text("name"));
                if let Some(entry) = self.timeline.entries.get_mut(started) {
                    entry.instance_id = event.text("instance").map(str::to_owned);
                }
            }
            "OrchestrationCancelRequested" => {
                self.moment(event, TimelineKind::CancelRequested, None);
            }
            "CustomStatusUpdated" => {
                self.moment(event, TimelineKind::CustomStatus, None);
            }
            "KeyValueSet" | "KeyValueCleared" | "KeyValuesCleared" => {
                self.moment(event, TimelineKind::KeyValue, event.text("key"));
            }
            // What pseudo-activities were before 0.1.13.
            "SystemCall" => {}
            _ => self.timeline.unknown_events += 1,
        }
    }

    /// Takes note of events that cannot be decoded.
    #[cfg(feature = "exporter")]
    pub(crate) fn skip(&mut self, events: u64) {
        self.timeline.undecodable_events += events;
        self.obscured |= events > 0;
    }

    /// The timeline of what was given.
    pub fn finish(mut self) -> Timeline {
        for (entry, outcome, ending) in std::mem::take(&mut self.waits).settle() {
            self.end_entry(entry, outcome, ending);
        }
        if let Some(end) = self.end {
            for entry in self.timeline.entries.iter_mut().filter(|e| e.outcome == TimelineOutcome::Open) {
                end_at(entry, TimelineOutcome::Cancelled, end);
            }
        } else if !self.obscured {
            self.timeline.status = ExecutionStatus::Running;
        }
        // Does nothing to a history as it should be.
        self.timeline.entries.sort_by_key(|entry| entry.event_id);
        self.timeline
    }

    fn started(&mut self, event: &Event) {
        let header = &mut self.timeline;
        if header.started_at.is_some() {
            return;
        }
        header.orchestration_name = event.text("name").map(str::to_owned);
        header.orchestration_version = event.text("version").map(str::to_owned);
        header.parent = event.text("parent_instance").map(|instance| TimelineParent {
            instance_id: instance.to_owned(),
            execution_id: event.number("parent_execution_id"),
            event_id: event.number("parent_id"),
        });
        header.started_at = Some(moment(event.timestamp_ms));
    }

    /// The first end counts: nothing happens to an execution afterwards.
    fn ended(&mut self, event: &Event, status: ExecutionStatus) {
        if self.end.is_some() {
            return;
        }
        let end = ending(event);
        self.end = Some(end);
        self.timeline.ended_at = Some(end.at);
        self.timeline.status = status;
        self.timeline.failure_kind = event.failure_kind();
    }

    fn activity(&mut self, event: &Event) {
        let name = event.text("name");
        if name.is_some_and(|name| name.starts_with(SYSCALL)) {
            return;
        }
        let tag = event.text("tag").map(str::to_owned);
        let entry = self.add(TimelineEntry { tag, ..begin(event, TimelineKind::Activity, name) });
        if let Some(before) = self.tries.begin(entry, event, self.turns.first()) {
            self.follow(before, entry);
        }
    }

    /// An entry is the next try of another.
    fn follow(&mut self, before: usize, entry: usize) {
        let Some(first) = self.timeline.entries.get(before) else { return };
        let (attempt, retry_of) = (first.attempt.saturating_add(1), first.retry_of.unwrap_or(first.event_id));
        if let Some(entry) = self.timeline.entries.get_mut(entry) {
            entry.attempt = attempt;
            entry.retry_of = Some(retry_of);
        }
    }

    fn wait(&mut self, event: &Event, kind: TimelineKind, channel: Channel, position: u64) {
        let name = event.text("name");
        let entry = self.add(begin(event, kind, name));
        self.waits.wait(channel, name.unwrap_or_default(), entry, position);
    }

    fn arrival(&mut self, event: &Event, channel: Channel, position: u64) {
        self.waits.arrive(channel, event.text("name").unwrap_or_default(), ending(event), position);
    }

    fn wait_cancelled(&mut self, event: &Event, kind: TimelineKind, position: u64) {
        let Some(entry) = self.source(event, kind) else { return };
        if event.text("reason") == Some(DROPPED) {
            self.waits.drop(entry, ending(event), position, self.turns.first());
        } else {
            self.waits.outlive(entry, ending(event), position);
        }
    }

    /// What the event's source began has ended, unless it had ended before.
    fn answered(&mut self, event: &Event, kind: TimelineKind, outcome: TimelineOutcome) {
        let Some(entry) = self.source(event, kind) else { return };
        if !self.end_entry(entry, outcome, ending(event)) {
            return;
        }
        if let Some(entry) = self.timeline.entries.get_mut(entry) {
            entry.failure_kind = event.failure_kind();
        }
        if kind != TimelineKind::Activity {
            return;
        }
        match outcome {
            TimelineOutcome::Failed => self.tries.fail(entry),
            TimelineOutcome::Cancelled if event.text("reason") == Some(DROPPED) => {
                if let Some(successor) = self.tries.drop(entry, self.turns.first()) {
                    self.follow(entry, successor);
                }
            }
            _ => self.tries.end(entry),
        }
    }

    /// The entry that the event's source began, if it is of this kind.
    fn source(&self, event: &Event, kind: TimelineKind) -> Option<usize> {
        let entry = *self.begun.get(&event.source_event_id?)?;
        self.timeline.entries.get(entry).filter(|begun| begun.kind == kind).map(|_| entry)
    }

    fn end_entry(&mut self, entry: usize, outcome: TimelineOutcome, ending: Ending) -> bool {
        let open =
            self.timeline.entries.get_mut(entry).filter(|entry| entry.outcome == TimelineOutcome::Open);
        open.map(|entry| end_at(entry, outcome, ending)).is_some()
    }

    fn moment(&mut self, event: &Event, kind: TimelineKind, name: Option<&str>) -> usize {
        let entry = begin(event, kind, name);
        let ended_at = Some(entry.started_at);
        self.add(TimelineEntry { ended_at, outcome: TimelineOutcome::Completed, ..entry })
    }

    fn add(&mut self, entry: TimelineEntry) -> usize {
        let index = self.timeline.entries.len();
        self.begun.insert(entry.event_id, index);
        self.timeline.entries.push(entry);
        index
    }
}
