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

/// How long a vanished combination is shown as zero: longer than Prometheus' staleness (5 min) and than the usual
/// `for` of an alert. Counted from the first zero that was shown, so that nobody misses it while polls fail.
pub(super) const KEEP_ZERO: Duration = Duration::from_secs(600);

/// The slots of one family of one store.
#[derive(Debug)]
pub(super) struct Slots<K> {
    max: usize,
    taken: HashMap<K, Shown>,
    /// `other` needs no slot, but must not vanish from one poll to the next either.
    other: Option<Shown>,
}

/// A combination that is shown.
#[derive(Debug, Default)]
struct Shown {
    /// Since when it has been shown as zero because it is not in the store any more.
    zero_since: Option<Instant>,
}

impl Shown {
    /// Whether it is to be shown although it was not seen.
    fn keeps_as_zero(&mut self, now: Instant) -> bool {
        now.saturating_duration_since(*self.zero_since.get_or_insert(now)) < KEEP_ZERO
    }
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
        Self { max, taken: HashMap::new(), other: None }
    }

    /// Sorts the combinations of one poll into slots. Equal keys are merged, as are all without a slot (under
    /// `other`). Of new combinations, those of the greatest weight get the free slots.
    pub(super) fn fold<V: Default, W: Ord>(
        &mut self,
        now: Instant,
        seen: impl IntoIterator<Item = (K, V)>,
        other: &K,
        merge: impl Fn(&mut V, V),
        weight: impl Fn(&V) -> W,
    ) -> Folded<K, V> {
        let mut values: HashMap<K, V> = HashMap::new();
        for (key, value) in seen {
            merge(values.entry(key).or_default(), value);
        }
        let mut rest = values.remove(other);

        let mut entries = Vec::with_capacity(self.taken.len());
        self.taken.retain(|key, shown| {
            let value = values.remove(key);
            if value.is_some() {
                shown.zero_since = None;
            } else if !shown.keeps_as_zero(now) {
                return false;
            }
            entries.push((key.clone(), value.unwrap_or_default()));
            true
        });

        let mut new: Vec<(K, V)> = values.into_iter().collect();
        new.sort_by(|(a, x), (b, y)| weight(y).cmp(&weight(x)).then_with(|| a.cmp(b)));
        let mut dropped = 0;
        for (key, value) in new {
            if self.taken.len() < self.max {
                self.taken.insert(key.clone(), Shown::default());
                entries.push((key, value));
            } else {
                dropped += 1;
                merge(rest.get_or_insert_default(), value);
            }
        }

        match rest {
            Some(rest) => {
                self.other = Some(Shown::default());
                entries.push((other.clone(), rest));
            }
            None if self.other.as_mut().is_some_and(|shown| shown.keeps_as_zero(now)) => {
                entries.push((other.clone(), V::default()));
            }
            None => self.other = None,
        }
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
        let folded = slots.fold(now, seen, &OTHER.to_owned(), |sum: &mut u64, n| *sum += n, |n| *n);
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
        // The store was down for an hour: the zero is shown all the same.
        let zero = start + Duration::from_secs(3600);
        assert_eq!(fold(&mut slots, zero, &[]).0, owned(&[("a", 0)]));
        let soon = zero + KEEP_ZERO - Duration::from_secs(1);
        assert_eq!(fold(&mut slots, soon, &[]).0, owned(&[("a", 0)]));
        assert_eq!(fold(&mut slots, zero + KEEP_ZERO, &[]).0, owned(&[]));
        assert_eq!(fold(&mut slots, zero + KEEP_ZERO, &[("a", 1)]).0, owned(&[("a", 1)]));
    }

    #[test]
    fn a_name_keeps_its_slot_and_the_rest_is_other() {
        let mut slots = Slots::new(2);
        let now = Instant::now();
        // a's two rows are one combination: together the heaviest.
        let seen = [("b", 6), ("a", 5), ("c", 4), ("a", 5), ("d", 3), ("d", 2)];
        assert_eq!(fold(&mut slots, now, &seen), (owned(&[("a", 10), ("b", 6), ("other", 9)]), 2));
        // c is bigger now; a and b stay nevertheless.
        let grown = fold(&mut slots, now, &[("c", 100), ("a", 1)]);
        assert_eq!(grown, (owned(&[("a", 1), ("b", 0), ("other", 100)]), 1));
        // When b's zero has been shown for long enough, its slot is free, and `other` is a zero in turn.
        let later = now + KEEP_ZERO;
        assert_eq!(
            fold(&mut slots, later, &[("c", 5), ("a", 1)]),
            (owned(&[("a", 1), ("c", 5), ("other", 0)]), 0)
        );
        let last = later + KEEP_ZERO;
        assert_eq!(fold(&mut slots, last, &[("c", 5), ("a", 1)]), (owned(&[("a", 1), ("c", 5)]), 0));
    }

    #[test]
    fn other_takes_no_slot() {
        let mut slots = Slots::new(1);
        let now = Instant::now();
        assert_eq!(fold(&mut slots, now, &[("a", 2), ("b", 1)]), (owned(&[("a", 2), ("other", 1)]), 1));
        fold(&mut slots, now, &[("b", 1)]);
        assert_eq!(fold(&mut slots, now + KEEP_ZERO, &[("b", 1)]).0, owned(&[("b", 1), ("other", 0)]));
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
                let folded = slots.fold(now, seen, &OTHER.to_owned(), |sum: &mut u64, n| *sum += n, |n| *n);
                prop_assert_eq!(folded.entries.iter().map(|(_, n)| n).sum::<u64>(), total);
                prop_assert!(folded.entries.iter().filter(|(key, _)| key != OTHER).count() <= max);
            }
        }
    }
}
