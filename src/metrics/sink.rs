//! Metrics with all their samples at one moment, and what collects them.

use std::sync::Arc;
use std::time::SystemTime;

use crate::catalogue::{CATALOGUE, Kind, Metric};
pub(crate) use crate::telemetry::Exemplar;

/// One metric with all its samples at one moment. What every output is given.
#[derive(Debug, Clone)]
pub(crate) struct Family {
    /// Definition of the metric in the catalogue.
    pub(crate) metric: &'static Metric,
    /// One entry for each set of label values; never two with the same labels.
    pub(crate) samples: Vec<Sample>,
}

/// One labelled value of a [`Family`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    /// Label names and values. A label whose value is empty is left out by the outputs: for Prometheus the
    /// two are the same series.
    pub(crate) labels: Vec<(&'static str, Arc<str>)>,
    /// The number itself.
    pub(crate) value: Value,
    /// When what is counted was 0; `None` where nobody knows, and for gauges.
    pub(crate) since: Option<SystemTime>,
}

/// The value of a [`Sample`], of the kind the metric's definition says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// A gauge or a counter.
    Number(f64),
    /// A histogram: cumulative counts by upper bound (without `+Inf`, which is `count`).
    Histogram {
        /// `(upper bound, observations at or below it)`, in ascending order.
        buckets: Vec<(f64, u64)>,
        /// Sum of all observations.
        sum: f64,
        /// Number of observations.
        count: u64,
        /// Some of them.
        exemplars: Vec<Exemplar>,
    },
}

/// Takes samples, and makes families of them.
pub(crate) struct Sink {
    /// One for each metric of the catalogue, in its order.
    families: Vec<Family>,
    since: Option<SystemTime>,
}

impl Sink {
    pub(super) fn new() -> Self {
        let families = CATALOGUE.iter().map(|metric| Family { metric, samples: Vec::new() }).collect();
        Self { families, since: None }
    }

    /// What is counted in samples that are pushed from now on has been counted since then; `None`: nobody knows since when.
    pub(super) fn since(&mut self, since: Option<SystemTime>) {
        self.since = since;
    }

    /// Adds a sample. `labels` follow the order of the metric's definition.
    pub(super) fn push<const N: usize>(
        &mut self,
        metric: &'static Metric,
        labels: [&Arc<str>; N],
        value: f64,
    ) {
        self.push_value(metric, labels, Value::Number(value));
    }

    /// Adds a histogram, or a value as the registry has it.
    pub(super) fn push_value<const N: usize>(
        &mut self,
        metric: &'static Metric,
        labels: [&Arc<str>; N],
        value: Value,
    ) {
        debug_assert_eq!(labels.len(), metric.labels.len(), "{}", metric.name);
        let labels = metric.labels.iter().copied().zip(labels.into_iter().cloned()).collect();
        self.push_sample(metric, labels, value);
    }

    /// Adds a sample with the metric's labels.
    pub(super) fn push_sample(
        &mut self,
        metric: &'static Metric,
        labels: Vec<(&'static str, Arc<str>)>,
        value: Value,
    ) {
        let since = self.since.filter(|_| metric.kind != Kind::Gauge);
        if let Some(family) = self.families.get_mut(metric.index) {
            family.samples.push(Sample { labels, value, since });
        }
    }

    /// All families that have a sample.
    pub(super) fn finish(mut self) -> Vec<Family> {
        self.families.retain(|family| !family.samples.is_empty());
        self.families
    }
}

/// A count as a sample value. Exact up to 2^53, far above any number of rows.
#[expect(clippy::cast_precision_loss, reason = "sample values are f64 by the exposition formats' definition")]
pub(crate) fn count(n: u64) -> f64 {
    n as f64
}

/// Milliseconds as seconds. Never negative: a clock that stepped back is not a negative age.
pub(crate) fn seconds(ms: i64) -> f64 {
    signed_seconds(ms.max(0))
}

/// The age of something that began at `since`; 0 when there is nothing.
pub(super) fn age(now_ms: i64, since: Option<i64>) -> f64 {
    since.map_or(0.0, |since| seconds(now_ms.saturating_sub(since)))
}

/// A difference of times, which may be negative.
#[expect(clippy::cast_precision_loss, reason = "see `count`")]
pub(super) fn signed_seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}
