//! Chance with a seed.
//!
//! For the load and for the activities only. An orchestration must decide the same way each time it is replayed, so
//! whatever happens there by chance is already in its input.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The increment of SplitMix64: odd and without a pattern, so that all 2^64 states are visited.
const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// SplitMix64: good enough for a shop, and its state is a counter, so that it can be shared without a lock.
#[derive(Debug)]
pub(crate) struct Dice(AtomicU64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    pub(crate) fn next(&self) -> u64 {
        let mut z = self.0.fetch_add(GAMMA, Ordering::Relaxed).wrapping_add(GAMMA);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1): the 53 bits that an `f64` can hold.
    pub(crate) fn unit(&self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn chance(&self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// From `low` to `high`, both possible. The slight bias of the remainder does not matter here.
    pub(crate) fn between(&self, low: u64, high: u64) -> u64 {
        low + self.next() % (high.saturating_sub(low) + 1)
    }

    pub(crate) fn millis(&self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.between(low, high))
    }

    pub(crate) fn pick<'a>(&self, from: &[&'a str]) -> &'a str {
        let at = usize::try_from(self.next() % 1024).unwrap_or_default() % from.len().max(1);
        from.get(at).copied().unwrap_or_default()
    }

    /// The time to the next arrival of a Poisson process. Capped, so that one unlucky draw does not stop the shop.
    pub(crate) fn gap(&self, per_second: f64) -> Duration {
        let seconds = -(1.0 - self.unit()).ln() / per_second;
        Duration::from_secs_f64(seconds.clamp(0.0, 30.0))
    }
}

/// Chance without a seed: two processes on one store may have the same seed, but must not take each other's ids.
pub(crate) fn tag() -> String {
    // The keys of a hash map are random, which is all the randomness that the standard library has.
    format!("{:08x}", RandomState::new().hash_one(0) >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_luck() {
        let (one, two) = (Dice::new(7), Dice::new(7));
        for _ in 0..100 {
            assert_eq!(one.next(), two.next());
        }
    }

    #[test]
    fn tags_differ() {
        assert_ne!(tag(), tag());
        assert_eq!(tag().len(), 8);
    }

    #[test]
    fn stays_in_range() {
        let dice = Dice::new(3);
        for _ in 0..10_000 {
            assert!((0.0..1.0).contains(&dice.unit()));
            assert!((5..=9).contains(&dice.between(5, 9)));
            assert!(["a", "b", "c"].contains(&dice.pick(&["a", "b", "c"])));
            assert!(dice.gap(3.0) <= Duration::from_secs(30));
        }
        assert_eq!(dice.pick(&[]), "");
    }

    #[test]
    fn arrivals_have_the_rate_asked_for() {
        let dice = Dice::new(11);
        let total: f64 = (0..20_000).map(|_| dice.gap(4.0).as_secs_f64()).sum();
        let mean = total / 20_000.0;
        assert!((mean - 0.25).abs() < 0.01, "{mean}");
    }
}
