//! Decides what is to be read next, and counts what was read.

use std::time::{Duration, Instant};

use foldhash::HashSet;

use super::counter::{HistoryCounter, Purpose};
use super::instances::Instances;
use super::running::{self, Survey};
use super::totals::Totals;
use crate::history::EventRef;
use crate::labels::EventType;
use crate::source::{Batch, Census, Chunk, ExecutionKey, InstanceCensus, Position, RunningInstance, Start};

/// Batch size of history recalls.
pub(super) const RECALL: usize = 500;

/// A recount that nothing calls for, to see that the reckoning is right.
const RECOUNT: Duration = Duration::from_secs(600);

/// A recount is followed by this many times its duration without another that nothing calls for.
const RECOUNT_FACTOR: u32 = 1000;

/// Follows one store's history.
#[derive(Debug)]
pub(crate) struct Tracker {
    counter: HistoryCounter,
    start: Start,
    instances: Instances,
    /// Running executions whose past is not known yet.
    unknown: Vec<RunningInstance>,
    backlog: u64,
    checked: Option<Instant>,
    check_after: Duration,
}

/// What a poll is to read.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) recount: bool,
    pub(crate) history: Option<Start>,
}

/// What is known of a store's history at the moment of a poll.
#[derive(Debug, Clone)]
pub(crate) struct HistoryView {
    pub(crate) totals: Totals,
    /// Events that are there and not counted yet.
    pub(crate) backlog: u64,
    /// `None` until the history has been followed to the moment of the census.
    pub(crate) survey: Option<Survey>,
}

/// Decoded events of one read.
pub(crate) struct Decoded<'a>(Vec<EventRef<'a>>);

impl<'a> Decoded<'a> {
    pub(crate) fn new(chunks: &'a [Chunk]) -> Self {
        let mut events = Vec::with_capacity(chunks.iter().map(Chunk::len).sum());
        for chunk in chunks {
            chunk.each(|row| events.push(EventRef::of(row).unwrap_or_else(|_| EventRef::unread(row))));
        }
        Self(events)
    }
}

impl Tracker {
    /// Begins with nothing counted, at a moment by this machine's clock.
    pub(crate) fn new(now_ms: i64, start: Start, max_names: usize) -> Self {
        Self::with(Totals::new(now_ms, max_names), start)
    }

    /// Goes on where a state file ended.
    pub(crate) fn resume(position: Position, mut totals: Totals, max_names: usize) -> Self {
        totals.cap(max_names);
        Self::with(totals, Start::After(position))
    }

    fn with(totals: Totals, start: Start) -> Self {
        Self {
            counter: HistoryCounter::new(totals),
            start,
            instances: Instances::default(),
            unknown: Vec::new(),
            backlog: 0,
            checked: None,
            check_after: RECOUNT,
        }
    }

    /// What the next poll is to read.
    pub(crate) fn ask(&self, now: Instant) -> Ask {
        let due =
            self.checked.is_none_or(|checked| now.saturating_duration_since(checked) >= self.check_after);
        Ask {
            recount: !self.instances.is_known() || self.is_behind() || due,
            // What running executions did before has to be known first.
            history: self.unknown.is_empty().then(|| self.start.clone()),
        }
    }

    /// Whether there is more to read before everything can be told.
    pub(crate) fn is_behind(&self) -> bool {
        self.backlog > 0 || !self.unknown.is_empty()
    }

    /// Events that are there and were not read yet.
    pub(crate) fn backlog(&self) -> u64 {
        self.backlog
    }

    /// The next executions whose past is to be read, and up to where.
    pub(crate) fn to_recall(&self) -> Option<(Vec<ExecutionKey>, Position)> {
        let Start::After(position) = &self.start else { return None };
        let next: Vec<_> = self.unknown.iter().take(RECALL).map(|row| row.key.clone()).collect();
        (!next.is_empty()).then(|| (next, position.clone()))
    }

    /// The past of so many executions of [`Self::to_recall`] has been read, also that of those that are gone.
    pub(crate) fn recalled(&mut self, executions: usize) {
        for row in self.unknown.drain(..executions.min(self.unknown.len())) {
            // Its first event is damaged or too large, or it has none at all: it runs nevertheless.
            if !self.counter.running().contains_key(&row.key.instance_id) {
                self.counter.adopt(row);
            }
        }
        if self.unknown.is_empty() {
            // There may have been many, and there is hardly ever another.
            self.unknown = Vec::new();
        }
    }

    /// Executions of which events were read, but not what they did before.
    pub(crate) fn strays(&self, decoded: &Decoded<'_>) -> Option<Vec<ExecutionKey>> {
        let mut begun: HashSet<(&str, u64)> = HashSet::default();
        let mut strays: HashSet<ExecutionKey> = HashSet::default();
        let mut last: Option<(&str, u64)> = None;
        // Of what cannot be read there is nothing to tell, whatever its execution did before.
        for event in decoded.0.iter().filter(|event| event.event_type != EventType::Undecodable) {
            let key = (event.instance_id, event.execution_id);
            if last.replace(key) == Some(key) {
                continue;
            }
            if event.event_id == 1 {
                begun.insert(key);
            } else if !begun.contains(&key) && self.counter.is_stray(event) {
                strays.insert(ExecutionKey { instance_id: key.0.into(), execution_id: key.1 });
            }
        }
        (!strays.is_empty()).then(|| strays.into_iter().collect())
    }

    /// Takes a piece of the past of executions.
    pub(crate) fn recall(&mut self, chunk: &Chunk) {
        for event in &Decoded::new(std::slice::from_ref(chunk)).0 {
            self.counter.take(event, Purpose::Recall);
        }
    }

    /// What was read last is gone: what was known of executions may be untrue, and is learnt again.
    pub(crate) fn lose(&mut self) {
        self.counter.forget();
        self.instances.forget();
        self.unknown.clear();
    }

    /// Counts what was read, and goes on behind it. Whether anything was counted.
    pub(crate) fn advance(&mut self, decoded: &Decoded<'_>, batch: &Batch) -> bool {
        for event in &decoded.0 {
            self.counter.take(event, Purpose::Count);
        }
        self.counter.totals.missed += batch.missed;
        self.backlog = batch.backlog;
        self.start = Start::After(batch.position.clone());
        self.instances.take(self.counter.take_changes());
        self.counter.tidy();
        !decoded.0.is_empty() || batch.missed > 0
    }

    /// Compares what is reckoned with a census of the moment up to which the history has just been counted; answers what
    /// the view shows of it. `None`: the instances have to be counted anew, see [`Self::ask`].
    pub(crate) fn settle(
        &mut self,
        census: &mut Census,
        now: Instant,
        took: Duration,
    ) -> Option<HistoryView> {
        let level = self.backlog == 0 && self.unknown.is_empty();
        match &mut census.instances {
            Some(recount) => self.recounted(recount, level, now, took),
            None if !level => return None,
            None => {
                if let Some(total) = census.total_instances {
                    self.instances.check_total(total);
                }
                census.instances = Some(self.instances.census()?);
            }
        }
        let waiting = census.waiting.take();
        let known = level && self.unknown.is_empty();
        Some(HistoryView {
            survey: known.then(|| running::survey(self.counter.running_mut(), waiting.as_ref())),
            totals: self.counter.totals.clone(),
            backlog: self.backlog,
        })
    }

    /// The instances were counted.
    fn recounted(&mut self, recount: &mut InstanceCensus, level: bool, now: Instant, took: Duration) {
        // Nobody else wants to know them, and there may be many.
        let running = std::mem::take(&mut recount.running);
        if !level {
            return;
        }
        self.checked = Some(now);
        self.check_after = RECOUNT.max(took.saturating_mul(RECOUNT_FACTOR));
        for row in &recount.counts {
            self.counter.announce(&row.orchestration, &row.version);
        }
        let here: HashSet<&ExecutionKey> = running.iter().map(|row| &row.key).collect();
        self.counter.running_mut().retain(|id, running| {
            let key = ExecutionKey { instance_id: id.clone(), execution_id: running.execution_id };
            here.contains(&key)
        });
        let known = self.counter.running();
        let unknown = running.into_iter().filter(|row| !known.contains_key(&row.key.instance_id));
        self.unknown = unknown.collect();
        if self.instances.adopt(recount) == Some(false) {
            self.counter.totals.mismatches += 1;
        }
    }

    /// Where to go on after a restart, and what was counted until there.
    pub(crate) fn state(&self) -> Option<(&Position, &Totals)> {
        match &self.start {
            Start::After(position) => Some((position, &self.counter.totals)),
            Start::Now { .. } | Start::Beginning => None,
        }
    }

    /// The next poll counts the instances anew, whatever is known of them.
    pub(crate) fn recount_now(&mut self) {
        self.checked = None;
    }

    /// Names that found no place in the totals since the last call: executions, orchestrations, activities, children.
    pub(crate) fn take_dropped(&mut self) -> [u64; 4] {
        let totals = &mut self.counter.totals;
        [
            totals.executions.take_dropped(),
            totals.orchestrations.take_dropped(),
            totals.activities.take_dropped(),
            totals.children.take_dropped(),
        ]
    }
}
