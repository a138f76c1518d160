//! Slots for untrusted names: a family keeps at most `max` label combinations for each store.
//!
//! A combination keeps its slot while it is in use, so that a series does not change its meaning; what finds no
//! slot is folded into one combination, `other`. One that vanished from the store goes on as zero for a while
//! (an autoscaler or an alert must see the zero), then its slot is free again.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// The value of every label of the combination that takes what finds no slot.
pub(super) const OTHER: &str = "other";

/// How long a vanished combination stays, as zero: longer than Prometheus' staleness (5 min) and than the usual
/// `for` of an alert.
pub(super) const KEEP_ZERO: Duration = Duration::from_secs(600);

/// The slots of one family of one store.
#[derive(Debug)]
pub(super) struct Slots<K> {
    max: usize,
    last_seen: HashMap<K, Instant>,
}

/// The outcome of one poll.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Folded<K, V> {
    /// One entry for each slot in use, zeros included, and one for `other` if it was needed; sorted by key.
    pub(super) entries: Vec<(K, V)>,
    /// Combinations folded into `other`.
    pub(super) dropped: u64,
}

impl<K: Clone + Eq + Hash + Ord> Slots<K> {
    pub(super) fn new(max: usize) -> Self {
        Self { max, last_seen: HashMap::new() }
    }

    /// Sorts the combinations of one poll into slots. Equal keys are merged, as are all without a slot (under
    /// `other`). New combinations get the free slots in the order given: the most important first.
    pub(super) fn fold<V: Default>(
        &mut self,
        now: Instant,
        seen: impl IntoIterator<Item = (K, V)>,
        other: &K,
        merge: impl Fn(&mut V, V),
    ) -> Folded<K, V> {
        self.last_seen.retain(|_, last| now.saturating_duration_since(*last) < KEEP_ZERO);
        let mut entries: HashMap<K, V> =
            self.last_seen.keys().map(|key| (key.clone(), V::default())).collect();
        let mut dropped = 0;
        for (key, value) in seen {
            let key = if key == *other || self.last_seen.contains_key(&key) || self.last_seen.len() < self.max
            {
                key
            } else {
                dropped += 1;
                other.clone()
            };
            if key != *other {
                self.last_seen.insert(key.clone(), now);
            }
            merge(entries.entry(key).or_default(), value);
        }
        // `other` needs no slot, but it must not vanish from one poll to the next either.
        if entries.contains_key(other) {
            self.last_seen.insert(other.clone(), now);
        }
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        Folded { entries, dropped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fold(slots: &mut Slots<String>, now: Instant, seen: &[(&str, u64)]) -> (Vec<(String, u64)>, u64) {
        let seen = seen.iter().map(|(key, value)| ((*key).to_owned(), *value));
        let folded = slots.fold(now, seen, &OTHER.to_owned(), |sum: &mut u64, n| *sum += n);
        (folded.entries, folded.dropped)
    }

    fn owned(entries: &[(&str, u64)]) -> Vec<(String, u64)> {
        entries.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect()
    }

    #[test]
    fn a_vanished_name_is_zero_before_it_is_gone() {
        let mut slots = Slots::new(10);
        let start = Instant::now();
        assert_eq!(fold(&mut slots, start, &[("a", 3)]).0, owned(&[("a", 3)]));
        let soon = start + KEEP_ZERO - Duration::from_secs(1);
        assert_eq!(fold(&mut slots, soon, &[]).0, owned(&[("a", 0)]));
        assert_eq!(fold(&mut slots, start + KEEP_ZERO, &[]).0, owned(&[]));
    }

    #[test]
    fn a_name_keeps_its_slot_and_the_rest_is_other() {
        let mut slots = Slots::new(2);
        let now = Instant::now();
        assert_eq!(
            fold(&mut slots, now, &[("b", 1), ("a", 2), ("c", 4), ("d", 8)]),
            (owned(&[("a", 2), ("b", 1), ("other", 12)]), 2)
        );
        // c is bigger now; a and b stay nevertheless.
        assert_eq!(
            fold(&mut slots, now, &[("c", 100), ("a", 1)]),
            (owned(&[("a", 1), ("b", 0), ("other", 100)]), 1)
        );
        let later = now + KEEP_ZERO;
        assert_eq!(fold(&mut slots, later, &[("c", 5)]), (owned(&[("c", 5)]), 0));
    }

    proptest! {
        #[test]
        fn sums_are_kept_and_the_cap_holds(
            max in 1usize..6,
            polls in prop::collection::vec((prop::collection::vec((0u8..12, 0u64..100), 0..20), 0u64..900), 1..12),
        ) {
            let mut slots = Slots::new(max);
            let mut now = Instant::now();
            for (seen, seconds) in polls {
                now += Duration::from_secs(seconds);
                let total: u64 = seen.iter().map(|(_, n)| n).sum();
                let seen = seen.into_iter().map(|(key, n)| (key.to_string(), n));
                let folded = slots.fold(now, seen, &OTHER.to_owned(), |sum: &mut u64, n| *sum += n);
                prop_assert_eq!(folded.entries.iter().map(|(_, n)| n).sum::<u64>(), total);
                prop_assert!(folded.entries.iter().filter(|(key, _)| key != OTHER).count() <= max);
            }
        }
    }
}
