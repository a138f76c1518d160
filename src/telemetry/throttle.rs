//! Keeps repeated messages from flooding the log.

use std::time::{Duration, Instant};

/// Lets a message through when it differs from the last one, and the same one again after a period, if it has one.
#[derive(Debug)]
pub(crate) struct LogThrottle<M> {
    period: Option<Duration>,
    last: Option<(M, Instant)>,
    held_back: u64,
}

impl<M: PartialEq> LogThrottle<M> {
    /// The same message is logged once in a period.
    pub(crate) const fn every(period: Duration) -> Self {
        Self { period: Some(period), last: None, held_back: 0 }
    }

    /// The same message is logged once.
    pub(crate) const fn on_change() -> Self {
        Self { period: None, last: None, held_back: 0 }
    }

    /// Whether to log the message now. If so, how often it was held back since it was logged last.
    pub(crate) fn admit(&mut self, message: M, now: Instant) -> Option<u64> {
        let again = self.last.as_ref().filter(|(last, _)| *last == message);
        let held =
            again.is_some_and(|(_, at)| self.period.is_none_or(|period| now.duration_since(*at) < period));
        if held {
            self.held_back += 1;
            return None;
        }
        self.last = Some((message, now));
        Some(std::mem::take(&mut self.held_back))
    }

    /// What the messages are about is over. Whether one had been logged.
    pub(crate) fn clear(&mut self) -> bool {
        self.held_back = 0;
        self.last.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_logged_once_a_period() {
        let period = Duration::from_secs(30);
        let (mut throttle, start) = (LogThrottle::every(period), Instant::now());
        assert_eq!(throttle.admit((), start), Some(0));
        assert_eq!(throttle.admit((), start), None);
        assert_eq!(throttle.admit((), start + period / 2), None);
        assert_eq!(throttle.admit((), start + period), Some(2));
        assert_eq!(throttle.admit((), start + period * 3), Some(0));
    }

    #[test]
    fn what_differs_is_logged_and_so_is_the_first_after_the_end() {
        let (mut throttle, now) = (LogThrottle::on_change(), Instant::now());
        assert!(!throttle.clear());
        let day = now + Duration::from_secs(86_400);
        for (message, at, logged) in [("a", now, true), ("a", day, false), ("b", day, true), ("a", day, true)]
        {
            assert_eq!(throttle.admit(message, at).is_some(), logged, "{message}");
        }
        assert!(throttle.clear());
        assert!(throttle.admit("a", day).is_some());
    }
}
