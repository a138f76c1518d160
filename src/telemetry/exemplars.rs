//! Executions whose traces were sent, as examples of how long executions take.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use crate::labels::ExecutionOutcome;

/// Orchestrations and outcomes that have examples; others have none.
const MOST: usize = 2_000;

/// One execution whose trace the collector has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exemplar {
    pub(crate) trace_id: [u8; 16],
    /// Of the execution itself.
    pub(crate) span_id: [u8; 8],
    /// How long it took.
    pub(crate) ms: u64,
    /// When it ended.
    pub(crate) at: SystemTime,
}

/// Examples by store, orchestration and outcome: the newest of each power of two of milliseconds, so that every bucket of
/// a histogram, of which none is narrower, may have one.
#[derive(Debug, Default)]
pub(crate) struct Exemplars(Mutex<HashMap<Key, BTreeMap<u32, Exemplar>>>);

/// Store, orchestration and outcome.
type Key = (String, String, ExecutionOutcome);

impl Exemplars {
    pub(crate) fn add(
        &self,
        store: &str,
        orchestration: &str,
        outcome: ExecutionOutcome,
        exemplar: Exemplar,
    ) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (store.to_owned(), orchestration.to_owned(), outcome);
        if all.len() >= MOST && !all.contains_key(&key) {
            return;
        }
        let newest =
            all.entry(key).or_default().entry(exemplar.ms.checked_ilog2().unwrap_or(0)).or_insert(exemplar);
        if newest.at <= exemplar.at {
            *newest = exemplar;
        }
    }

    /// The shortest first.
    pub(crate) fn of(&self, store: &str, orchestration: &str, outcome: ExecutionOutcome) -> Vec<Exemplar> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.is_empty() {
            return Vec::new();
        }
        let key = (store.to_owned(), orchestration.to_owned(), outcome);
        all.get(&key).map(|slots| slots.values().copied().collect()).unwrap_or_default()
    }
}
