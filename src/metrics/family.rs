//! A metric with all its samples at one moment.

use std::sync::Arc;
use std::time::SystemTime;

use super::catalogue::Metric;
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

/// Collects the samples of one family.
pub(crate) struct Builder {
    family: Family,
    since: Option<SystemTime>,
}

impl Builder {
    pub(crate) fn new(metric: &'static Metric) -> Self {
        Self { family: Family { metric, samples: Vec::new() }, since: None }
    }

    /// What is added from now on has been counted since then.
    pub(super) fn since(&mut self, since: SystemTime) {
        self.since = Some(since);
    }

    /// Adds a sample. `labels` follow the order of the metric's definition.
    pub(crate) fn push<const N: usize>(&mut self, labels: [&Arc<str>; N], value: f64) {
        self.push_value(labels, Value::Number(value));
    }

    /// Adds a histogram; see [`Value::Histogram`].
    pub(super) fn push_histogram<const N: usize>(
        &mut self,
        labels: [&Arc<str>; N],
        buckets: Vec<(f64, u64)>,
        sum: f64,
        count: u64,
    ) {
        self.push_value(labels, Value::Histogram { buckets, sum, count, exemplars: Vec::new() });
    }

    /// Examples of what the last histogram counted.
    pub(super) fn exemplify(&mut self, examples: Vec<Exemplar>) {
        if let Some(Sample { value: Value::Histogram { exemplars, .. }, .. }) = self.family.samples.last_mut()
        {
            *exemplars = examples;
        }
    }

    fn push_value<const N: usize>(&mut self, labels: [&Arc<str>; N], value: Value) {
        debug_assert_eq!(labels.len(), self.family.metric.labels.len(), "{}", self.family.metric.name);
        let labels = self.family.metric.labels.iter().copied().zip(labels.into_iter().cloned()).collect();
        self.family.samples.push(Sample { labels, value, since: self.since });
    }

    pub(crate) fn finish(self) -> Family {
        self.family
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

/// A difference of times, which may be negative.
#[expect(clippy::cast_precision_loss, reason = "see `count`")]
pub(super) fn signed_seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}
