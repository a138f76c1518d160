//! When the next poll begins: polls that take long are made less often, so that over time they take a tenth of it at most.

use std::time::Duration;

/// For each poll the store is owed rest of so many times as long.
const REST: u32 = 9;

/// A read that hangs is given up at twice its limit at the latest.
const LONGEST_POLL: u32 = 2;

/// After a failed poll the pause ends here: a store that is well again is to be seen soon.
const LONGEST_AFTER_FAILURE: Duration = Duration::from_secs(60);

/// How a poll ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Well,
    Failed,
    /// The store did not answer at all: it has not worked for us, and is owed nothing.
    Unanswered,
}

/// Adds up what a store is owed, and takes off what it was given.
///
/// As much as one poll at its very longest may stay owed: a single slow poll says little of the next, and is no reason not
/// to look. Polls that are slow again and again are followed by the whole rest.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    credit: Duration,
    owed: Duration,
}

impl Pace {
    pub(super) fn new(interval: Duration, timeout: Duration) -> Self {
        Self { interval, credit: timeout.saturating_mul(LONGEST_POLL * REST), owed: Duration::ZERO }
    }

    /// The pause after a poll that took so long.
    pub(super) fn pause(&mut self, took: Duration, ended: Ended) -> Duration {
        // Whatever is owed, a poll that took longer than the interval is not followed by the next at once.
        let regular = self.interval.saturating_sub(took).max(took.min(self.interval));
        let (rest, longest) = match ended {
            Ended::Well => (took.saturating_mul(REST), Duration::MAX),
            Ended::Failed => (took.saturating_mul(REST), LONGEST_AFTER_FAILURE),
            Ended::Unanswered => (Duration::ZERO, Duration::MAX),
        };
        self.owed = match ended {
            Ended::Unanswered => Duration::ZERO,
            // Never more than the rest for this poll is beyond the credit: what failed polls left is not made up for later.
            _ => self.owed.saturating_add(rest).min(self.credit.saturating_add(rest)),
        };
        let pause = regular.max(self.owed.saturating_sub(self.credit).min(longest));
        self.owed = self.owed.saturating_sub(pause);
        pause
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(5);
    const TIMEOUT: Duration = Duration::from_secs(30);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn pauses(polls: &[(Duration, Ended)]) -> Vec<Duration> {
        let mut pace = Pace::new(INTERVAL, TIMEOUT);
        polls.iter().map(|(took, ended)| pace.pause(*took, *ended)).collect()
    }

    #[test]
    fn a_single_slow_poll_does_not_put_off_the_next() {
        for slow in [ms(6_000), TIMEOUT, TIMEOUT * LONGEST_POLL] {
            for ended in [Ended::Well, Ended::Failed] {
                let polls = [(ms(10), Ended::Well), (slow, ended), (ms(10), Ended::Well)];
                assert_eq!(pauses(&polls), [ms(4_990), INTERVAL, ms(4_990)], "{slow:?} {ended:?}");
            }
        }
    }

    #[test]
    fn polls_that_are_slow_again_and_again_are_followed_by_the_whole_rest() {
        let last = |took, ended| *pauses(&[(took, ended); 1_000]).last().unwrap();
        assert_eq!(last(ms(500), Ended::Well), ms(4_500));
        assert_eq!(last(ms(1_000), Ended::Well), ms(9_000));
        assert_eq!(last(ms(7_000), Ended::Well), ms(63_000));
        assert_eq!(last(ms(1_000), Ended::Failed), ms(9_000));
        assert_eq!(last(TIMEOUT, Ended::Failed), LONGEST_AFTER_FAILURE);
    }

    #[test]
    fn a_store_that_does_not_answer_is_asked_at_each_interval_and_seen_soon_when_it_does() {
        let hung = (TIMEOUT, Ended::Unanswered);
        let slow = (TIMEOUT, Ended::Failed);
        let well = (ms(10), Ended::Well);
        assert_eq!(
            pauses(&[slow, slow, slow, hung, hung, slow, well]),
            [INTERVAL, INTERVAL, LONGEST_AFTER_FAILURE, INTERVAL, INTERVAL, INTERVAL, ms(4_990)]
        );
        assert!(pauses(&[(ms(1), Ended::Unanswered); 100]).iter().all(|pause| *pause == ms(4_999)));
    }

    proptest! {
        #[test]
        fn good_polls_take_a_tenth_of_the_time_and_one_at_its_longest(
            polls in proptest::collection::vec(0_u64..30_000, 1..200),
        ) {
            let mut pace = Pace::new(INTERVAL, TIMEOUT);
            let (mut polling, mut resting) = (Duration::ZERO, Duration::ZERO);
            for took in polls.into_iter().map(ms) {
                let pause = pace.pause(took, Ended::Well);
                prop_assert!(pause <= INTERVAL.max(took * REST), "{took:?} {pause:?}");
                polling += took;
                resting += pause;
                prop_assert!(polling * REST <= resting + TIMEOUT * LONGEST_POLL * REST, "{polling:?} {resting:?}");
            }
        }
    }
}
