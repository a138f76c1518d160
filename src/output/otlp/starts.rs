//! Since when counters have been seen whose beginning nobody knows: those that a database keeps for itself.
//!
//! OpenTelemetry's data model has an unbroken sequence of unknown start begin at its first point: start time and time
//! of that point are equal, its value is where the sequence is and no increase, and later points keep the start time.
//! One that falls has been reset (a store was replaced), and begins anew.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use crate::catalogue::Metric;
use crate::metrics::{Sample, Value};

type Series = (&'static str, Vec<(&'static str, Arc<str>)>);

/// First and last sight of each counter of unknown start. A few for each store.
#[derive(Debug, Default)]
pub(crate) struct Starts(HashMap<Series, (SystemTime, f64)>);

impl Starts {
    /// The start time of a sample that is seen now.
    pub(super) fn of(&mut self, metric: &'static Metric, sample: &Sample, now: SystemTime) -> SystemTime {
        let value = match &sample.value {
            Value::Number(value) => *value,
            #[expect(clippy::cast_precision_loss, reason = "only whether it falls is looked at")]
            Value::Histogram { count, .. } => *count as f64,
        };
        let (start, last) = self.0.entry((metric.name, sample.labels.clone())).or_insert((now, value));
        if value < *last {
            *start = now;
        }
        *last = value;
        *start
    }
}
