//! Events become totals, and the running executions are known. Pure: no clock, no store, no order among instances.
//!
//! Of a running execution only what is open is kept, of one that has ended nothing: memory is that of what runs. Only the
//! events of each execution have to come in order.

use std::collections::VecDeque;
use std::sync::Arc;

use foldhash::HashMap;

use super::histogram::took;
use super::running::Running;
use super::totals::{Orchestration, SlotIndex, Totals};
use crate::history::{EventRef, PendingWait, PendingWaits, Row, Wait, WaitChange};
use crate::labels::name::shorten;
use crate::labels::{Channel, EventType, ExecutionOutcome, InstanceStatus, Outcome};
use crate::source::{ExecutionKey, RunningInstance};

/// So many ended executions with something still open are remembered, for what is cancelled because of the end comes
/// behind the end, and a step along the history may end between the two.
const ENDED: usize = 256;

/// Folds events.
#[derive(Debug)]
pub(super) struct HistoryCounter {
    pub(super) totals: Totals,
    running: HashMap<Box<str>, Running>,
    ended: VecDeque<(ExecutionKey, PendingWaits<SlotIndex>)>,
    /// What happened to instances since the last [`Self::take_changes`].
    changes: Vec<Change>,
    /// Names, so that each is kept once.
    names: HashMap<Box<str>, Arc<str>>,
}

/// What happened to an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// What it was; `None` for one that is new.
    pub(super) from: Option<(Orchestration, InstanceStatus)>,
    pub(super) to: (Orchestration, InstanceStatus),
}

/// Why an event is folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It is new: it counts.
    Count,
    /// It was counted, or came before counting began: it only tells what its execution is about.
    Recall,
}

impl HistoryCounter {
    pub(super) fn new(totals: Totals) -> Self {
        Self {
            totals,
            running: HashMap::default(),
            ended: VecDeque::new(),
            changes: Vec::new(),
            names: HashMap::default(),
        }
    }

    /// Whether nothing is known of the execution that an event belongs to, although it must have begun before.
    pub(super) fn is_stray(&self, event: &EventRef<'_>) -> bool {
        let known = |running: &Running| running.execution_id >= event.execution_id;
        event.event_type != EventType::OrchestrationStarted
            && !self.running.get(event.instance_id).is_some_and(known)
            && !self.ended.iter().any(|(key, _)| is_of(key, event))
    }

    /// Takes a running execution whose first event is not to be read, as its row has it.
    pub(super) fn adopt(&mut self, row: RunningInstance) {
        let RunningInstance { key, orchestration, version, started_ms } = row;
        let place = self.totals.executions.place(&(Arc::clone(&orchestration), Arc::clone(&version)));
        let distributions = self.totals.orchestrations.place(&orchestration);
        let ExecutionKey { instance_id, execution_id } = key;
        let first = Row { instance_id: &instance_id, execution_id, event_id: 1, event_type: "", text: None };
        let nothing = EventRef::unread(first);
        let names = (orchestration, version);
        let mut running = Running::new(&nothing, names, self.name(""), place, distributions);
        running.started_ms = started_ms.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(0);
        running.events = 0;
        self.running.insert(instance_id, running);
    }

    /// A name that was met elsewhere: what is counted under it begins with 0, so that a first increase is seen as one.
    pub(super) fn announce(&mut self, orchestration: &Arc<str>, version: &Arc<str>) {
        self.totals.executions.place(&(Arc::clone(orchestration), Arc::clone(version)));
        self.totals.orchestrations.place(orchestration);
    }

    pub(super) fn take(&mut self, event: &EventRef<'_>, purpose: Purpose) {
        let count = purpose == Purpose::Count;
        if count {
            let counted = if event.is_read { event.event_type } else { EventType::Undecodable };
            self.totals.events.add(counted, 1);
            match event.event_type {
                EventType::ExternalEvent => self.totals.received.add(Channel::Event, 1),
                EventType::ExternalEventPersistent => self.totals.received.add(Channel::Queue, 1),
                _ => {}
            }
        }
        match event.event_type {
            EventType::OrchestrationStarted => return self.started(event, count),
            // Whatever it did, it is not known.
            EventType::Undecodable => return,
            _ => {}
        }
        let Some(running) = self
            .running
            .get_mut(event.instance_id)
            .filter(|running| running.execution_id == event.execution_id)
        else {
            return self.after_the_end(event, count);
        };
        running.touch();
        running.events += 1;
        let outcome = match event.event_type {
            EventType::OrchestrationCompleted => ExecutionOutcome::Completed,
            EventType::OrchestrationFailed => ExecutionOutcome::Failed,
            EventType::OrchestrationContinuedAsNew => ExecutionOutcome::ContinuedAsNew,
            _ => {
                let effect = take_open(&mut running.opens, &mut self.totals, &mut self.names, event);
                if count {
                    self.count(event, effect);
                }
                return;
            }
        };
        self.finished(event, outcome, count);
    }

    fn started(&mut self, event: &EventRef<'_>, count: bool) {
        let orchestration = (self.name(&event.name()), self.name(&event.version()));
        let runtime_version = self.name(&event.duroxide_version);
        let place = self.totals.executions.place(&orchestration);
        let distributions = self.totals.orchestrations.place(&orchestration.0);
        if count {
            if let Some(totals) = self.totals.executions.get_mut(place) {
                totals.started += 1;
            }
            // The first execution of an instance makes it: one of the same id that was there before is gone.
            let goes_on = event.execution_id > 1;
            let before = self.running.get(event.instance_id).filter(|_| goes_on);
            let from = before.map(|before| (before.orchestration.clone(), InstanceStatus::Running));
            self.changes.push(Change { from, to: (orchestration.clone(), InstanceStatus::Running) });
        }
        let running = Running::new(event, orchestration, runtime_version, place, distributions);
        if let Some(before) = self.running.insert(event.instance_id.into(), running) {
            self.remember(event.instance_id, before);
        }
    }

    /// An execution ends once, whatever is written behind its end.
    fn finished(&mut self, event: &EventRef<'_>, outcome: ExecutionOutcome, count: bool) {
        let Some(running) = self.running.get_mut(event.instance_id) else { return };
        let first = !std::mem::replace(&mut running.continued, true);
        let (place, distributions) = (running.place, running.distributions);
        let observed = running
            .began
            .then(|| (event.is_read.then(|| took(running.started_ms, event.timestamp_ms)), running.events));
        let status = match outcome {
            // The instance runs on.
            ExecutionOutcome::ContinuedAsNew => None,
            ExecutionOutcome::Completed => Some(InstanceStatus::Completed),
            ExecutionOutcome::Failed => Some(InstanceStatus::Failed),
        };
        if count && first {
            self.count_end(event, outcome, place, distributions, observed);
        }
        let Some(status) = status else { return };
        let Some(running) = self.running.remove(event.instance_id) else { return };
        if count {
            let from = Some((running.orchestration.clone(), InstanceStatus::Running));
            self.changes.push(Change { from, to: (running.orchestration.clone(), status) });
        }
        self.remember(event.instance_id, running);
    }

    fn count_end(
        &mut self,
        event: &EventRef<'_>,
        outcome: ExecutionOutcome,
        place: SlotIndex,
        distributions: SlotIndex,
        observed: Option<(Option<u64>, u64)>,
    ) {
        if let Some(totals) = self.totals.executions.get_mut(place) {
            match outcome {
                ExecutionOutcome::Completed => totals.completed += 1,
                ExecutionOutcome::ContinuedAsNew => totals.continued_as_new += 1,
                ExecutionOutcome::Failed => totals.failed.add(event.failure_kind().unwrap_or_default(), 1),
            }
        }
        // Of what cannot be read the beginning or the end is not known.
        let Some((duration_ms, events)) = observed else { return };
        let totals = self.totals.orchestrations.get_mut(distributions);
        if let Some(ended) = totals.and_then(|totals| totals.by_outcome.get_mut(outcome.index())) {
            if let Some(duration_ms) = duration_ms {
                ended.duration.observe(super::histogram::DURATION_MS, duration_ms);
            }
            ended.events.observe(super::histogram::EVENTS, events);
        }
    }

    /// What is still open when an execution ends may be cancelled behind its end.
    fn remember(&mut self, instance_id: &str, running: Running) {
        let cancellable =
            |open: &PendingWait<SlotIndex>| matches!(open.wait, Wait::Activity(_) | Wait::Child { .. });
        if !running.opens.iter().any(cancellable) {
            return;
        }
        if self.ended.len() == ENDED {
            self.ended.pop_front();
        }
        let key = ExecutionKey { instance_id: instance_id.into(), execution_id: running.execution_id };
        self.ended.push_back((key, running.opens));
    }

    fn after_the_end(&mut self, event: &EventRef<'_>, count: bool) {
        let Some((_, opens)) = self.ended.iter_mut().rev().find(|(key, _)| is_of(key, event)) else { return };
        let effect = take_open(opens, &mut self.totals, &mut self.names, event);
        if count {
            self.count(event, effect);
        }
    }

    fn count(&mut self, event: &EventRef<'_>, effect: WaitChange<SlotIndex>) {
        match effect {
            WaitChange::None => {}
            WaitChange::Began(Wait::Activity(place)) => {
                if let Some(totals) = self.totals.activities.get_mut(place) {
                    totals.scheduled += 1;
                }
            }
            WaitChange::Began(Wait::Child { name, .. }) => {
                if let Some(totals) = self.totals.children.get_mut(name) {
                    totals.scheduled += 1;
                }
            }
            WaitChange::Began(Wait::Timer { .. } | Wait::Event(..)) => {}
            WaitChange::Ended(open, outcome) => self.count_ended(event, &open, outcome),
        }
    }

    fn count_ended(&mut self, event: &EventRef<'_>, open: &PendingWait<SlotIndex>, outcome: Outcome) {
        match &open.wait {
            Wait::Activity(place) => {
                let totals = self.totals.activities.get_mut(*place);
                if let Some(roundtrip) = totals.and_then(|totals| totals.roundtrip.get_mut(outcome.index())) {
                    roundtrip
                        .observe(super::histogram::ROUNDTRIP_MS, took(open.since_ms, event.timestamp_ms));
                }
            }
            Wait::Child { name, .. } => {
                let totals = self.totals.children.get_mut(*name);
                if let Some(finished) = totals.and_then(|totals| totals.finished.get_mut(outcome.index())) {
                    *finished += 1;
                }
            }
            Wait::Timer { due_ms } => {
                let late = took(*due_ms, event.timestamp_ms);
                self.totals.timer_lateness.observe(super::histogram::LATENESS_MS, late);
            }
            Wait::Event(..) => {}
        }
    }

    fn name(&mut self, name: &str) -> Arc<str> {
        intern(&mut self.names, name)
    }

    /// What happened to instances since the last call.
    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    pub(super) fn running(&self) -> &HashMap<Box<str>, Running> {
        &self.running
    }

    pub(super) fn running_mut(&mut self) -> &mut HashMap<Box<str>, Running> {
        &mut self.running
    }

    /// Forgets the running executions, not what was counted.
    pub(super) fn forget(&mut self) {
        self.running.clear();
        self.ended.clear();
        self.changes.clear();
    }

    /// Names that nobody uses any more are forgotten.
    pub(super) fn tidy(&mut self) {
        self.names.retain(|_, name| Arc::strong_count(name) > 1);
    }
}

fn is_of(key: &ExecutionKey, event: &EventRef<'_>) -> bool {
    key.execution_id == event.execution_id && *key.instance_id == *event.instance_id
}

fn take_open(
    opens: &mut PendingWaits<SlotIndex>,
    totals: &mut Totals,
    names: &mut HashMap<Box<str>, Arc<str>>,
    event: &EventRef<'_>,
) -> WaitChange<SlotIndex> {
    opens.take(event, |name| {
        let name = intern(names, name);
        match event.event_type {
            EventType::SubOrchestrationScheduled => totals.children.place(&name),
            _ => totals.activities.place(&name),
        }
    })
}

fn intern(names: &mut HashMap<Box<str>, Arc<str>>, name: &str) -> Arc<str> {
    if let Some(known) = names.get(name) {
        return Arc::clone(known);
    }
    let short = shorten(name);
    names.insert(name.into(), Arc::clone(&short));
    short
}
