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

/// Examples by store, orchestration and outcome: the newest in each bucket of the histogram of durations. Buckets of any
/// other kind would not do: one that held the newest of two of the histogram's would make the other's go back in time, and
/// what takes exemplars refuses those that are older than what it has.
#[derive(Debug)]
pub(crate) struct Exemplars {
    /// Upper bounds of the buckets, in milliseconds.
    bounds: &'static [u64],
    newest: Mutex<HashMap<Key, BTreeMap<usize, Exemplar>>>,
}

/// Store, orchestration and outcome.
type Key = (String, String, ExecutionOutcome);

impl Exemplars {
    pub(super) fn new(bounds: &'static [u64]) -> Self {
        Self { bounds, newest: Mutex::default() }
    }

    pub(crate) fn add(
        &self,
        store: &str,
        orchestration: &str,
        outcome: ExecutionOutcome,
        exemplar: Exemplar,
    ) {
        let mut all = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (store.to_owned(), orchestration.to_owned(), outcome);
        if all.len() >= MOST && !all.contains_key(&key) {
            return;
        }
        let bucket = self.bounds.partition_point(|bound| *bound < exemplar.ms);
        let newest = all.entry(key).or_default().entry(bucket).or_insert(exemplar);
        if newest.at < exemplar.at {
            *newest = exemplar;
        }
    }

    /// The shortest first.
    pub(crate) fn of(&self, store: &str, orchestration: &str, outcome: ExecutionOutcome) -> Vec<Exemplar> {
        let all = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if all.is_empty() {
            return Vec::new();
        }
        let key = (store.to_owned(), orchestration.to_owned(), outcome);
        all.get(&key).map(|buckets| buckets.values().copied().collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const BOUNDS: &[u64] = &[10, 50, 100, 500, 1_000];

    proptest! {
        /// As whoever collects them sees it, who looks after each.
        #[test]
        fn a_bucket_has_the_newest_that_was_added_to_it(added in prop::collection::vec((0..1_500_u64, 0..20_u64), 0..60)) {
            let exemplars = Exemplars::new(BOUNDS);
            let mut newest: Vec<Option<SystemTime>> = vec![None; BOUNDS.len() + 1];
            for (ms, second) in added {
                let at = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
                let exemplar = Exemplar { trace_id: [1; 16], span_id: [1; 8], ms, at };
                exemplars.add("orders", "Checkout", ExecutionOutcome::Completed, exemplar);
                let bucket = BOUNDS.iter().position(|bound| ms <= *bound).unwrap_or(BOUNDS.len());
                newest[bucket] = newest[bucket].max(Some(at));

                let seen = exemplars.of("orders", "Checkout", ExecutionOutcome::Completed);
                for (bucket, expected) in newest.iter().enumerate() {
                    let above = bucket.checked_sub(1).and_then(|below| BOUNDS.get(below));
                    let inside = seen.iter().filter(|one| {
                        above.is_none_or(|bound| *bound < one.ms)
                            && BOUNDS.get(bucket).is_none_or(|bound| one.ms <= *bound)
                    });
                    prop_assert_eq!(&inside.map(|one| one.at).max(), expected);
                }
            }
        }
    }
}
