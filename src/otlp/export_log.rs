//! Log lines about pushing: the first failure, another kind of failure, the recovery; in between, a line in some
//! minutes. A collector that is down for a day is no reason for a log of a day.

use std::time::{Duration, Instant};

use super::export::ExportResponse;
use super::failure::SendError;
use crate::labels::{ExportOutcome, Signal};
use crate::telemetry::LogThrottle;

/// From one line about the same to the next.
const REPEAT: Duration = Duration::from_secs(300);

/// What was logged about one signal.
#[derive(Debug)]
pub(crate) struct ExportLog {
    signal: Signal,
    /// In a row.
    failures: u64,
    failing: LogThrottle<ExportOutcome>,
    /// Why items were left out.
    partial: LogThrottle<String>,
}

impl ExportLog {
    pub(crate) fn new(signal: Signal) -> Self {
        let (failing, partial) = (LogThrottle::every(REPEAT), LogThrottle::every(REPEAT));
        Self { signal, failures: 0, failing, partial }
    }

    /// A request was not taken. Whether that is worth a warning now.
    pub(crate) fn failed(&mut self, error: &SendError, now: Instant) -> bool {
        let (signal, outcome) = (self.signal, error.outcome);
        self.failures += 1;
        let times = self.failures;
        let due = self.failing.admit(outcome, now).is_some();
        if due {
            tracing::warn!(%signal, %outcome, times, "OTLP export failed: {error}");
        } else {
            tracing::debug!(%signal, %outcome, times, "OTLP export failed again: {error}");
        }
        due
    }

    /// A request was taken, not always with all that was in it. Whether that is worth a line now.
    pub(crate) fn accepted(&mut self, accepted: &ExportResponse, now: Instant) -> bool {
        let signal = self.signal;
        let recovered = self.failing.clear();
        let failures = std::mem::take(&mut self.failures);
        if recovered {
            tracing::info!(%signal, failures, "OTLP export works again");
        }
        let ExportResponse { rejected, message } = accepted;
        if *rejected == 0 && message.is_empty() {
            let whole = self.partial.clear();
            if whole {
                tracing::info!(%signal, "the OTLP collector takes everything again");
            }
            return whole || recovered;
        }
        let due = self.partial.admit(message.clone(), now).is_some();
        if due && *rejected > 0 {
            tracing::warn!(%signal, rejected, "the OTLP collector left some out: {message}");
        } else if due {
            tracing::warn!(%signal, "the OTLP collector says: {message}");
        }
        due || recovered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_failures_is_a_few_lines() {
        let mut told = ExportLog::new(Signal::Metrics);
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let down = SendError::timeout("10s");
        let lines = (0..8640).filter(|n| told.failed(&down, at(n * 10))).count();
        assert_eq!(lines, 288, "one in five minutes");
        assert!(told.failed(&SendError::refused("no".to_owned()), at(86_400)), "another kind of failure");
        assert!(told.accepted(&ExportResponse::default(), at(86_401)), "the recovery");
        assert!(!told.accepted(&ExportResponse::default(), at(86_402)));
        assert!(told.failed(&down, at(86_403)), "the first of the next failures");
    }

    #[test]
    fn what_was_left_out_is_told_when_it_changes() {
        let mut told = ExportLog::new(Signal::Metrics);
        let start = Instant::now();
        let left_out = |message: &str| ExportResponse { rejected: 3, message: message.to_owned() };
        assert!(told.accepted(&left_out("a"), start));
        assert!(!told.accepted(&left_out("a"), start));
        assert!(told.accepted(&left_out("b"), start));
        assert!(told.accepted(&left_out("b"), start + REPEAT));
        assert!(told.accepted(&ExportResponse::default(), start));
        assert!(!told.accepted(&ExportResponse::default(), start));
    }
}
