//! The executions that run, and why each waits.

use std::sync::Arc;

use foldhash::{HashMap, HashSet};

use super::totals::{Orchestration, SlotIndex};
use crate::history::{EventRef, Facts, PendingWaits, Wait};
use crate::labels::WaitReason;
use crate::source::{ExecutionKey, Waiting};

/// The current execution of a running instance.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) execution_id: u64,
    pub(super) orchestration: Orchestration,
    /// Of the framework that began it.
    pub(super) runtime_version: Arc<str>,
    /// Where its orchestration and version are counted, and where its distributions are.
    pub(super) place: SlotIndex,
    pub(super) distributions: SlotIndex,
    pub(super) started_ms: u64,
    /// Its first event was read.
    pub(super) began: bool,
    pub(super) events: u64,
    pub(super) opens: PendingWaits<SlotIndex>,
    /// It has ended by continuing as new; the next execution has not begun.
    pub(super) continued: bool,
    facts: Facts,
    /// Nothing could have woken it at the last look, and nothing has happened since.
    suspect: bool,
    /// What it was last said to wait for.
    shown: Option<WaitReason>,
}

impl Running {
    pub(super) fn new(
        event: &EventRef<'_>,
        orchestration: Orchestration,
        runtime_version: Arc<str>,
        place: SlotIndex,
        distributions: SlotIndex,
    ) -> Self {
        Self {
            execution_id: event.execution_id,
            orchestration,
            runtime_version,
            place,
            distributions,
            started_ms: event.timestamp_ms,
            began: event.is_read,
            events: 1,
            opens: PendingWaits::default(),
            continued: false,
            facts: Facts::default(),
            suspect: false,
            shown: None,
        }
    }

    fn stuck(&self, id: &str) -> Stuck {
        let key = ExecutionKey { instance_id: id.into(), execution_id: self.execution_id };
        Stuck { key, orchestration: self.orchestration.clone() }
    }

    /// Something happened.
    pub(super) fn touch(&mut self) {
        self.suspect = false;
    }
}

/// The running instances at one moment, by names that are not yet capped.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Survey {
    pub(crate) orchestrations: HashMap<Arc<str>, Waits>,
    /// Running executions by the framework's version that they are pinned to.
    pub(crate) runtime_versions: HashMap<Arc<str>, u64>,
    /// Those that nothing will wake, the oldest first; of very many, not all.
    pub(crate) stuck: Vec<Stuck>,
}

/// An execution that nothing will wake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stuck {
    pub(crate) key: ExecutionKey,
    pub(crate) orchestration: Orchestration,
}

/// So many are named. An outage that loses messages may leave thousands, all with the same story.
const NAMED: usize = 100;

/// The running instances of an orchestration.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waits {
    /// How many wait for what, by [`WaitReason::index`].
    pub(crate) reasons: [u64; WaitReason::ALL.len()],
    /// When the oldest of their executions began.
    pub(crate) oldest_ms: Option<i64>,
}

/// Looks at every running instance, at the moment of a census that the history has been folded up to.
pub(super) fn survey(running: &mut HashMap<Box<str>, Running>, waiting: Option<&Waiting>) -> Survey {
    let mut survey = Survey::default();
    for running in running.values_mut() {
        running.facts = Facts::default();
        let waits = survey.orchestrations.entry(Arc::clone(&running.orchestration.0)).or_default();
        // Neither a first event nor its row says when it began: it has no age.
        if running.started_ms > 0 {
            let started_ms = i64::try_from(running.started_ms).unwrap_or(i64::MAX);
            waits.oldest_ms = Some(waits.oldest_ms.map_or(started_ms, |oldest| oldest.min(started_ms)));
        }
        *survey.runtime_versions.entry(Arc::clone(&running.runtime_version)).or_default() += 1;
    }
    let Some(waiting) = waiting else { return survey };
    let Waiting { executing, ready, retrying, activities, timers, delayed } = waiting;
    let mut mark = |ids: &[Box<str>], set: fn(&mut Facts)| {
        for id in ids {
            if let Some(running) = running.get_mut(id) {
                set(&mut running.facts);
            }
        }
    };
    mark(executing, |facts| facts.executing = true);
    mark(ready, |facts| facts.ready = true);
    mark(retrying, |facts| facts.retrying = true);
    mark(activities, |facts| facts.activity = true);
    mark(timers, |facts| facts.timer = true);
    // A message that is put off wakes it like a timer.
    mark(delayed, |facts| facts.timer = true);

    let starting: HashSet<&str> =
        [executing, ready, retrying, delayed].into_iter().flatten().map(|id| &**id).collect();
    let lives = |child: &str| running.contains_key(child) || starting.contains(child);
    let waits_for_a_child = |parent: &Running| {
        parent
            .opens
            .iter()
            .any(|open| matches!(&open.wait, Wait::Child { instance_id, .. } if lives(instance_id)))
    };
    let parents: Vec<Box<str>> =
        running.iter().filter(|(_, parent)| waits_for_a_child(parent)).map(|(id, _)| id.clone()).collect();
    for id in &parents {
        if let Some(parent) = running.get_mut(id) {
            parent.facts.child = true;
        }
    }

    let mut named = Vec::new();
    for (id, running) in running.iter_mut() {
        running.facts.event = running.opens.iter().any(|open| matches!(open.wait, Wait::Event(..)));
        let reason = running.facts.reason();
        // A message in flight between two tables is never lost: one transaction moves it. But what is read of a queue
        // and what is read of a history may be of two moments on a store that does not offer one. So twice.
        let stuck = reason == WaitReason::Stuck;
        let sure = !stuck || std::mem::replace(&mut running.suspect, true);
        running.suspect &= stuck;
        if sure {
            running.shown = Some(reason);
        }
        let Some(reason) = running.shown else { continue };
        let waits = survey.orchestrations.get_mut(&running.orchestration.0);
        if let Some(count) = waits.and_then(|waits| waits.reasons.get_mut(reason.index())) {
            *count += 1;
        }
        if reason == WaitReason::Stuck {
            named.push((running.started_ms, &**id, &*running));
        }
    }
    named.sort_unstable_by_key(|(started_ms, id, _)| (*started_ms, *id));
    named.truncate(NAMED);
    survey.stuck = named.iter().map(|(_, id, running)| running.stuck(id)).collect();
    survey
}
