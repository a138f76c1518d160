//! What a history adds up to: counters and distributions that only grow, by names under caps.
//!
//! Plain data that can be stored and read again; see `state`.

use std::hash::Hash;
use std::sync::Arc;

use foldhash::{HashMap, HashSet};
use serde::{Deserialize, Serialize};

use super::super::slots::OTHER;
use super::histogram::{DURATION_MS, EVENTS, Histogram, LATENESS_MS, ROUNDTRIP_MS};
use crate::labels::{Channel, EventType, ExecutionOutcome, FailureKind, Outcome};

/// An orchestration and its version.
pub(crate) type Orchestration = (Arc<str>, Arc<str>);

/// Everything counted in one store's history.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Totals {
    /// Since when it is counted, in milliseconds since the Unix epoch by this machine's clock.
    pub(crate) since_ms: i64,
    pub(crate) events: Counts<EventType>,
    /// Events that were deleted before they were read.
    pub(crate) missed: u64,
    /// Times that a recount of the instances found another number than had been reckoned.
    pub(crate) mismatches: u64,
    pub(crate) executions: Named<Orchestration, ExecutionTotals>,
    /// Distributions know no version: their buckets are many.
    pub(crate) orchestrations: Named<Arc<str>, OrchestrationTotals>,
    pub(crate) activities: Named<Arc<str>, ActivityTotals>,
    pub(crate) children: Named<Arc<str>, ChildTotals>,
    /// By how much timers were late, in milliseconds.
    pub(crate) timer_lateness: Histogram,
    pub(crate) received: Counts<Channel>,
}

/// Executions of one orchestration and version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExecutionTotals {
    pub(crate) started: u64,
    pub(crate) completed: u64,
    pub(crate) continued_as_new: u64,
    pub(crate) failed: Counts<FailureKind>,
}

/// Executions of one orchestration, whatever their version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OrchestrationTotals {
    pub(crate) by_outcome: [Ended; ExecutionOutcome::ALL.len()],
}

/// Executions that ended alike.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// From the first event to the last, in milliseconds.
    pub(crate) duration: Histogram,
    /// Events up to the last.
    pub(crate) events: Histogram,
}

/// Activities of one name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ActivityTotals {
    pub(crate) scheduled: u64,
    /// From being scheduled until the orchestration learnt of the end, in milliseconds.
    pub(crate) roundtrip: [Histogram; Outcome::ALL.len()],
}

/// Children of one orchestration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChildTotals {
    pub(crate) scheduled: u64,
    pub(crate) finished: [u64; Outcome::ALL.len()],
}

impl Totals {
    pub(super) fn new(since_ms: i64, max_names: usize) -> Self {
        Self {
            since_ms,
            events: Counts::default(),
            missed: 0,
            mismatches: 0,
            executions: Named::new(max_names),
            orchestrations: Named::new(max_names),
            activities: Named::new(max_names),
            children: Named::new(max_names),
            timer_lateness: Histogram::default(),
            received: Counts::default(),
        }
    }

    /// The cap is a setting, not part of what is stored. Names that have a place keep it.
    pub(super) fn cap(&mut self, max_names: usize) {
        self.executions.max = max_names;
        self.orchestrations.max = max_names;
        self.activities.max = max_names;
        self.children.max = max_names;
    }

    /// Whether every distribution was observed with the bounds of this version.
    pub(super) fn fits(&self) -> bool {
        let ended = |ended: &Ended| ended.duration.fits(DURATION_MS) && ended.events.fits(EVENTS);
        self.timer_lateness.fits(LATENESS_MS)
            && self.orchestrations.iter().all(|(_, totals)| totals.by_outcome.iter().all(ended))
            && self
                .activities
                .iter()
                .all(|(_, totals)| totals.roundtrip.iter().all(|histogram| histogram.fits(ROUNDTRIP_MS)))
    }
}

/// One count for each value of a label.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound(serialize = "L: Serialize + Eq + Hash", deserialize = "L: Deserialize<'de> + Eq + Hash"))]
pub(crate) struct Counts<L>(HashMap<L, u64>);

impl<L> Default for Counts<L> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<L: Eq + Hash> PartialEq for Counts<L> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<L: Eq + Hash> Eq for Counts<L> {}

impl<L: Eq + Hash> Counts<L> {
    pub(super) fn add(&mut self, label: L, n: u64) {
        *self.0.entry(label).or_default() += n;
    }

    pub(crate) fn get(&self, label: &L) -> u64 {
        self.0.get(label).copied().unwrap_or(0)
    }
}

/// Where a name is counted in a [`Named`].
pub(super) type SlotIndex = u32;

/// Totals by name. A name keeps its place for ever; when `max` have one, the rest is counted under `other`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Entries<K, V>", into = "Entries<K, V>")]
#[serde(bound(
    serialize = "K: Serialize + Clone + Eq + Hash, V: Serialize + Clone",
    deserialize = "K: Deserialize<'de> + Clone + Eq + Hash, V: Deserialize<'de>"
))]
pub(crate) struct Named<K: Eq + Hash, V> {
    max: usize,
    places: HashMap<K, SlotIndex>,
    entries: Vec<(K, V)>,
    /// Names without a place that have been met since the last look.
    dropped: HashSet<K>,
}

#[derive(Serialize, Deserialize)]
struct Entries<K, V>(Vec<(K, V)>);

impl<K: Clone + Eq + Hash, V> From<Entries<K, V>> for Named<K, V> {
    fn from(Entries(entries): Entries<K, V>) -> Self {
        let places = entries.iter().zip(0..).map(|((key, _), place)| (key.clone(), place)).collect();
        Self { max: usize::MAX, places, entries, dropped: HashSet::default() }
    }
}

impl<K: Eq + Hash, V> From<Named<K, V>> for Entries<K, V> {
    fn from(named: Named<K, V>) -> Self {
        Self(named.entries)
    }
}

/// A key that stands for all that have no place.
pub(crate) trait Other {
    fn other() -> Self;
}

impl Other for Arc<str> {
    fn other() -> Self {
        OTHER.into()
    }
}

impl Other for Orchestration {
    fn other() -> Self {
        (OTHER.into(), OTHER.into())
    }
}

impl<K: Clone + Eq + Hash + Other, V: Default> Named<K, V> {
    fn new(max: usize) -> Self {
        Self { max, places: HashMap::default(), entries: Vec::new(), dropped: HashSet::default() }
    }

    /// The place of a name, made if there is room.
    pub(super) fn place(&mut self, key: &K) -> SlotIndex {
        if let Some(place) = self.places.get(key) {
            return *place;
        }
        let other = K::other();
        let room =
            self.entries.len() < self.max.saturating_add(usize::from(self.places.contains_key(&other)));
        if room || *key == other {
            return self.add(key.clone());
        }
        self.dropped.insert(key.clone());
        match self.places.get(&other) {
            Some(place) => *place,
            None => self.add(other),
        }
    }

    fn add(&mut self, key: K) -> SlotIndex {
        let place = SlotIndex::try_from(self.entries.len()).unwrap_or(SlotIndex::MAX);
        self.entries.push((key.clone(), V::default()));
        self.places.insert(key, place);
        place
    }

    pub(super) fn get_mut(&mut self, place: SlotIndex) -> Option<&mut V> {
        self.entries.get_mut(usize::try_from(place).ok()?).map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    /// How many names without a place have been met since the last call.
    pub(super) fn take_dropped(&mut self) -> u64 {
        u64::try_from(std::mem::take(&mut self.dropped).len()).unwrap_or(u64::MAX)
    }
}
