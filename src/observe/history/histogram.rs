//! Distributions of whole numbers. Sums are exact, and so a recount can be compared with them.

use serde::{Deserialize, Serialize};

/// Upper bounds of the buckets of one kind of histogram, in the unit in which it is observed.
pub(crate) type Bounds = &'static [u64];

/// Of executions, in milliseconds: from a turn or two to a week.
pub(crate) const DURATION_MS: Bounds = &[
    10,
    50,
    100,
    500,
    1_000,
    5_000,
    10_000,
    30_000,
    60_000,
    300_000,
    1_800_000,
    3_600_000,
    21_600_000,
    86_400_000,
    604_800_000,
];

/// From the scheduling of an activity to the turn that consumed its result, in milliseconds.
pub(crate) const ROUNDTRIP_MS: Bounds = &[
    5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 1_800_000, 3_600_000,
];

/// How late a timer was noticed, in milliseconds.
pub(crate) const LATENESS_MS: Bounds =
    &[5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000];

/// Events of an execution when it ended. Replaying a history costs what it is long.
pub(crate) const EVENTS: Bounds = &[5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

/// No duration is as long as this, twenty years in milliseconds: one of its moments is wrong. A number of events is not,
/// either.
const INCREDIBLE: u64 = 20 * 365 * 86_400_000;

/// From one moment to another, as [`Histogram::observe`] takes it. Clocks of two workers may differ a little.
pub(super) fn took(from_ms: u64, to_ms: u64) -> u64 {
    if from_ms.abs_diff(to_ms) < INCREDIBLE { to_ms.saturating_sub(from_ms) } else { u64::MAX }
}

/// A distribution: how many observations were at or below each bound and above the one before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Histogram {
    /// As many as there are bounds, and one for what is above; empty before the first observation.
    counts: Vec<u64>,
    sum: u64,
}

impl Histogram {
    pub(super) fn observe(&mut self, bounds: Bounds, value: u64) {
        self.counts.resize(bounds.len() + 1, 0);
        let bucket = bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        // What cannot be true is counted, above all bounds, and does not spoil the sum.
        if value < INCREDIBLE {
            self.sum = self.sum.saturating_add(value);
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub(crate) fn sum(&self) -> u64 {
        self.sum
    }

    /// Observations at or below each bound.
    pub(crate) fn cumulative(&self, bounds: Bounds) -> impl Iterator<Item = (u64, u64)> {
        let mut below = 0;
        bounds.iter().enumerate().map(move |(index, bound)| {
            below += self.counts.get(index).copied().unwrap_or(0);
            (*bound, below)
        })
    }

    /// Whether it can have been observed with these bounds.
    pub(super) fn fits(&self, bounds: Bounds) -> bool {
        self.counts.is_empty() || self.counts.len() == bounds.len() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let mut histogram = Histogram::default();
        for value in [0, 5, 6, 900_000, 900_001] {
            histogram.observe(LATENESS_MS, value);
        }
        let below: Vec<_> = histogram.cumulative(LATENESS_MS).collect();
        assert_eq!((below[0], below[1], below[14]), ((5, 2), (10, 3), (900_000, 4)));
        assert_eq!((histogram.count(), histogram.sum()), (5, 1_800_012));
        assert!(histogram.fits(LATENESS_MS) && !histogram.fits(EVENTS));
    }

    #[test]
    fn a_moment_that_cannot_be_does_not_spoil_the_sum() {
        let now = 1_795_408_935_949;
        assert_eq!([took(now, now + 7), took(now, now - 7)], [7, 0]);
        let mut histogram = Histogram::default();
        histogram.observe(DURATION_MS, took(now, now + 7));
        for (from, to) in [(0, now), (now, 0), (now, u64::MAX), (u64::MAX, now), (0, u64::MAX)] {
            histogram.observe(DURATION_MS, took(from, to));
        }
        let within = histogram.cumulative(DURATION_MS).last().unwrap().1;
        assert_eq!((histogram.count(), within, histogram.sum()), (6, 1, 7));
    }
}
