//! The exporter's own counters. A leaf: every lane may write, `metrics` reads.
//!
//! Kept in a registry of the `prometheus` crate, under names derived from the catalogue's definitions.

mod exemplars;
pub(crate) mod log;
mod throttle;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use prometheus::proto::MetricFamily;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

pub(crate) use self::exemplars::{Exemplar, Exemplars};
pub(crate) use self::throttle::LogThrottle;
use crate::labels::{ExportOutcome, FailureReason, Signal, TraceOutcome};

/// Poll durations: from an idle SQLite store (below 1 ms) to the default time limit (30 s) and beyond.
const POLL_BUCKETS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Self-counters of one exporter. Not global: two exporters in one process do not mix.
pub(crate) struct Telemetry {
    registry: Registry,
    poll_duration: HistogramVec,
    polls: IntCounterVec,
    poll_failures: IntCounterVec,
    series_dropped: IntCounterVec,
    state_write_failures: IntCounterVec,
    otlp_exports: IntCounterVec,
    otlp_rejected: IntCounterVec,
    otlp_dropped: IntCounterVec,
    traces: IntCounterVec,
    exemplars: Exemplars,
    /// When all of them were 0.
    began: SystemTime,
    // gather() reads /proc for the process metrics; two scrapes at once need not do it twice at the same time.
    gathering: Mutex<()>,
}

/// What the catalogue says of the self-counters and of exemplars, handed in by the caller: this leaf imports no lane.
pub(crate) struct Definitions {
    pub(crate) poll_duration: String,
    pub(crate) polls: String,
    pub(crate) poll_failures: String,
    pub(crate) series_dropped: String,
    pub(crate) state_write_failures: String,
    pub(crate) otlp_exports: String,
    pub(crate) otlp_rejected: String,
    pub(crate) otlp_dropped: String,
    pub(crate) traces: String,
    /// Upper bounds of the buckets of the durations of executions.
    pub(crate) duration_bounds_ms: &'static [u64],
}

impl Telemetry {
    /// Registers every counter under its name.
    ///
    /// # Errors
    /// When two names are equal or one is no valid metric name: a mistake in the catalogue.
    pub(crate) fn new(definitions: Definitions) -> Result<Self, prometheus::Error> {
        let Definitions {
            poll_duration,
            polls,
            poll_failures,
            series_dropped,
            state_write_failures,
            otlp_exports,
            otlp_rejected,
            otlp_dropped,
            traces,
            duration_bounds_ms,
        } = definitions;
        // The help shown to people is the catalogue's; the crate only demands that there is one.
        let help = "see the catalogue";
        let this = Self {
            registry: Registry::new(),
            poll_duration: HistogramVec::new(
                HistogramOpts::new(poll_duration, help).buckets(POLL_BUCKETS.to_vec()),
                &["store"],
            )?,
            polls: IntCounterVec::new(Opts::new(polls, help), &["store"])?,
            poll_failures: IntCounterVec::new(Opts::new(poll_failures, help), &["store", "reason"])?,
            series_dropped: IntCounterVec::new(Opts::new(series_dropped, help), &["family"])?,
            state_write_failures: IntCounterVec::new(Opts::new(state_write_failures, help), &["store"])?,
            otlp_exports: IntCounterVec::new(Opts::new(otlp_exports, help), &["signal", "outcome"])?,
            otlp_rejected: IntCounterVec::new(Opts::new(otlp_rejected, help), &["signal"])?,
            otlp_dropped: IntCounterVec::new(Opts::new(otlp_dropped, help), &["signal"])?,
            traces: IntCounterVec::new(Opts::new(traces, help), &["store", "outcome"])?,
            exemplars: Exemplars::new(duration_bounds_ms),
            began: SystemTime::now(),
            gathering: Mutex::new(()),
        };
        this.registry.register(Box::new(this.poll_duration.clone()))?;
        this.registry.register(Box::new(this.polls.clone()))?;
        this.registry.register(Box::new(this.poll_failures.clone()))?;
        this.registry.register(Box::new(this.series_dropped.clone()))?;
        this.registry.register(Box::new(this.state_write_failures.clone()))?;
        this.registry.register(Box::new(this.otlp_exports.clone()))?;
        this.registry.register(Box::new(this.otlp_rejected.clone()))?;
        this.registry.register(Box::new(this.otlp_dropped.clone()))?;
        this.registry.register(Box::new(this.traces.clone()))?;
        #[cfg(target_os = "linux")]
        this.registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(this)
    }

    /// Makes every series of a store exist at zero, so that a first increase is seen as one.
    pub(crate) fn announce_store(&self, store: &str) {
        self.polls.with_label_values(&[store]);
        self.poll_duration.with_label_values(&[store]);
        for reason in FailureReason::ALL {
            self.poll_failures.with_label_values(&[store, reason.as_str()]);
        }
    }

    /// Makes the drop counter of a capped family exist at zero.
    pub(crate) fn announce_family(&self, family: &str) {
        self.series_dropped.with_label_values(&[family]);
    }

    /// A poll ended. `failure` says why it failed, if it did.
    pub(crate) fn polled(&self, store: &str, took: Duration, failure: Option<FailureReason>) {
        self.polls.with_label_values(&[store]).inc();
        self.poll_duration.with_label_values(&[store]).observe(took.as_secs_f64());
        if let Some(reason) = failure {
            self.poll_failures.with_label_values(&[store, reason.as_str()]).inc();
        }
    }

    /// `dropped` label combinations of `family` were folded into `other` by one poll.
    pub(crate) fn series_dropped(&self, family: &str, dropped: u64) {
        self.series_dropped.with_label_values(&[family]).inc_by(dropped);
    }

    /// Makes the counter of failed writes of a store's state file exist at zero.
    pub(crate) fn announce_state(&self, store: &str) {
        self.state_write_failures.with_label_values(&[store]);
    }

    /// The state file of `store` could not be written.
    pub(crate) fn state_write_failed(&self, store: &str) {
        self.state_write_failures.with_label_values(&[store]).inc();
    }

    /// Makes the counters of a signal that is pushed exist at zero.
    pub(crate) fn announce_signal(&self, signal: Signal) {
        self.otlp_rejected.with_label_values(&[signal.as_str()]);
        for outcome in ExportOutcome::ALL {
            self.otlp_exports.with_label_values(&[signal.as_str(), outcome.as_str()]);
        }
    }

    /// A request to the collector ended, and so many of its items were not taken.
    pub(crate) fn exported(&self, signal: Signal, outcome: ExportOutcome, rejected: u64) {
        self.otlp_exports.with_label_values(&[signal.as_str(), outcome.as_str()]).inc();
        self.otlp_rejected.with_label_values(&[signal.as_str()]).inc_by(rejected);
    }

    /// Makes the counter of what was not kept for the collector exist at zero.
    pub(crate) fn announce_dropped(&self, signal: Signal) {
        self.otlp_dropped.with_label_values(&[signal.as_str()]);
    }

    /// So many items found no place among those that wait for the collector.
    pub(crate) fn dropped(&self, signal: Signal, items: u64) {
        self.otlp_dropped.with_label_values(&[signal.as_str()]).inc_by(items);
    }

    /// Makes the counters of a store's traces exist at zero.
    pub(crate) fn announce_traces(&self, store: &str) {
        for outcome in TraceOutcome::ALL {
            self.traces.with_label_values(&[store, outcome.as_str()]);
        }
    }

    /// So many executions of `store` were dealt with.
    pub(crate) fn traced(&self, store: &str, outcome: TraceOutcome, executions: u64) {
        self.traces.with_label_values(&[store, outcome.as_str()]).inc_by(executions);
    }

    /// Executions whose traces were sent.
    pub(crate) fn exemplars(&self) -> &Exemplars {
        &self.exemplars
    }

    /// When all of these counters were 0.
    pub(crate) fn began(&self) -> SystemTime {
        self.began
    }

    /// User and system time of this process. The library's own collector counts whole seconds, of which no rate can
    /// be made. `None` where the operating system does not tell.
    pub(crate) fn cpu_seconds() -> Option<f64> {
        #[cfg(target_os = "linux")]
        {
            let stat = procfs::process::Process::myself().and_then(|process| process.stat()).ok()?;
            #[expect(
                clippy::cast_precision_loss,
                reason = "ticks of a hundredth of a second stay far below 2^53"
            )]
            Some((stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64)
        }
        #[cfg(not(target_os = "linux"))]
        None
    }

    /// All values, by metric name.
    pub(crate) fn gather(&self) -> HashMap<String, MetricFamily> {
        let _one_at_a_time = self.gathering.lock().unwrap_or_else(PoisonError::into_inner);
        self.registry.gather().into_iter().map(|family| (family.name().to_owned(), family)).collect()
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").finish_non_exhaustive()
    }
}
