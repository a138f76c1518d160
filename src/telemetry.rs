//! The exporter's own counters, in a registry of the `prometheus` crate. Every lane may write, `metrics` reads.

mod exemplars;
pub(crate) mod log;
mod throttle;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use prometheus::proto::MetricFamily;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

pub(crate) use self::exemplars::{Exemplar, Exemplars};
pub(crate) use self::throttle::LogThrottle;
use crate::catalogue::{CATALOGUE, Metric};

/// Self-counters of one exporter. Not global: two exporters in one process do not mix.
pub(crate) struct Telemetry {
    registry: Registry,
    /// By the metric's place in the catalogue, each from its first use on.
    kept: Vec<OnceLock<SelfMetric>>,
    exemplars: Exemplars,
    /// When all of them were 0.
    began: SystemTime,
    // gather() reads /proc for the process metrics; two scrapes at once need not do it twice at the same time.
    gathering: Mutex<()>,
}

/// A metric in the registry.
enum SelfMetric {
    Counter(IntCounterVec),
    Histogram(HistogramVec),
    /// The library refuses it, for its name or labels: a mistake in the catalogue.
    Refused,
}

impl Telemetry {
    /// `duration_bounds_ms`: upper bounds of the buckets of the durations of executions, for exemplars.
    pub(crate) fn new(duration_bounds_ms: &'static [u64]) -> Self {
        let registry = Registry::new();
        #[cfg(target_os = "linux")]
        if let Err(error) =
            registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))
        {
            tracing::warn!("no metrics of the process: {error}");
        }
        Self {
            registry,
            kept: CATALOGUE.iter().map(|_| OnceLock::new()).collect(),
            exemplars: Exemplars::new(duration_bounds_ms),
            began: SystemTime::now(),
            gathering: Mutex::new(()),
        }
    }

    /// Adds to a counter. Adding 0 makes its series exist, so that a first increase is seen as one.
    pub(crate) fn add<const N: usize>(&self, metric: &'static Metric, labels: [&str; N], n: u64) {
        let kept = self.kept(metric, |opts| IntCounterVec::new(opts, metric.labels).map(SelfMetric::Counter));
        if let SelfMetric::Counter(counters) = kept
            && let Ok(counter) = counters.get_metric_with_label_values(&labels)
        {
            counter.inc_by(n);
        }
    }

    /// Adds to a histogram. Without a value its series is made to exist.
    pub(crate) fn observe<const N: usize>(
        &self,
        metric: &'static Metric,
        buckets: &[f64],
        labels: [&str; N],
        value: Option<f64>,
    ) {
        let kept = self.kept(metric, |opts| {
            let opts = HistogramOpts { common_opts: opts, buckets: buckets.to_vec() };
            HistogramVec::new(opts, metric.labels).map(SelfMetric::Histogram)
        });
        if let SelfMetric::Histogram(histograms) = kept
            && let Ok(histogram) = histograms.get_metric_with_label_values(&labels)
        {
            value.into_iter().for_each(|value| histogram.observe(value));
        }
    }

    fn kept(
        &self,
        metric: &'static Metric,
        make: impl FnOnce(Opts) -> Result<SelfMetric, prometheus::Error>,
    ) -> &SelfMetric {
        let Some(place) = self.kept.get(metric.index) else { return &SelfMetric::Refused };
        place.get_or_init(|| {
            // The help shown to people is the catalogue's; the crate only demands that there is one.
            let made = make(Opts::new(metric.prometheus_name(), "see the catalogue")).and_then(|kept| {
                match &kept {
                    SelfMetric::Counter(counters) => self.registry.register(Box::new(counters.clone()))?,
                    SelfMetric::Histogram(histograms) => {
                        self.registry.register(Box::new(histograms.clone()))?
                    }
                    SelfMetric::Refused => {}
                }
                Ok(kept)
            });
            debug_assert!(made.is_ok(), "{}: {made:?}", metric.name, made = made.as_ref().err());
            made.unwrap_or(SelfMetric::Refused)
        })
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
