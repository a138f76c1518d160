//! Counters that a database keeps, for as long as they do not fall for good.
//!
//! A file that is replaced by an earlier copy and comes back, or a transaction that is slow to commit, makes such a number
//! fall for a moment; told as it is, that would be a restart to Prometheus, and all of the number would count as new.

use std::time::{Duration, Instant};

use crate::source::QueueDetail;

/// What has been lower for so long stays so: a backup was restored.
const FOR_GOOD: Duration = Duration::from_secs(600);

/// What the queues of a store have counted.
#[derive(Debug, Default)]
pub(in crate::store) struct Counters {
    /// Of the store.
    identity: Option<String>,
    enqueued: HighWater,
    dequeued: HighWater,
}

/// The greatest values of a counter, by [`Queue::index`](crate::labels::Queue::index).
#[derive(Debug, Default)]
struct HighWater([Mark; 3]);

#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    greatest: u64,
    below_since: Option<Instant>,
}

impl Counters {
    /// Puts the greatest values that this store ever had in the place of lower ones.
    pub(in crate::store) fn keep(&mut self, identity: Option<&str>, detail: &mut QueueDetail, now: Instant) {
        if self.identity.as_deref() != identity {
            *self = Self { identity: identity.map(str::to_owned), ..Self::default() };
        }
        self.enqueued.keep(&mut detail.enqueued, now);
        self.dequeued.keep(&mut detail.dequeued, now);
    }
}

impl HighWater {
    fn keep(&mut self, counters: &mut [Option<u64>; 3], now: Instant) {
        for (mark, counter) in self.0.iter_mut().zip(counters) {
            let Some(counter) = counter else { continue };
            let below_since = (*counter < mark.greatest)
                .then(|| *mark.below_since.get_or_insert(now))
                .filter(|since| now.saturating_duration_since(*since) < FOR_GOOD);
            if below_since.is_none() {
                mark.greatest = *counter;
            }
            mark.below_since = below_since;
            *counter = mark.greatest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_falls_only_for_good() {
        let mut marks = HighWater::default();
        let began = Instant::now();
        let mut told = |counter: Option<u64>, after: u64| {
            let mut counters = [counter, None, Some(1)];
            marks.keep(&mut counters, began + Duration::from_secs(after));
            assert_eq!(counters[1..], [None, Some(1)]);
            counters[0]
        };
        assert_eq!(told(Some(1020), 0), Some(1020));
        assert_eq!(told(Some(800), 1), Some(1020));
        assert_eq!(told(None, 2), None);
        assert_eq!(told(Some(1021), 3), Some(1021));
        // It falls anew: the ten minutes begin anew.
        assert_eq!(told(Some(800), 590), Some(1021));
        assert_eq!(told(Some(810), 1189), Some(1021));
        assert_eq!(told(Some(811), 1190), Some(811));
        assert_eq!(told(Some(812), 1191), Some(812));
    }
}
