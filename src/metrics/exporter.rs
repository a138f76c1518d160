//! Numbers of the exporter itself: its self-counters, its build, its process.

use std::sync::Arc;

use prometheus::proto::{self, MetricType};

use super::sink::{Sink, Value, count};
use crate::catalogue::{self, CATALOGUE, Metric};
use crate::telemetry::{self, Telemetry};

pub(super) fn push(telemetry: &Telemetry, sink: &mut Sink) {
    let mut gathered = telemetry.gather();
    // The library counts whole seconds, of which no rate can be made.
    gathered.remove(&catalogue::PROCESS_CPU.prometheus_name());
    sink.since(Some(telemetry.began()));
    for metric in CATALOGUE {
        // Absent where the operating system does not tell (the process metrics exist on Linux only).
        let Some(family) = gathered.remove(&metric.prometheus_name()) else { continue };
        for sample in family.get_metric() {
            sink.push_sample(metric, labels(metric, sample), value(family.get_field_type(), sample));
        }
    }
    if let Some(lines) = telemetry::log::lines_dropped() {
        sink.push(&catalogue::LOG_DROPPED, [], count(lines));
    }
    sink.since(None);
    if let Some(seconds) = Telemetry::cpu_seconds() {
        sink.push(&catalogue::PROCESS_CPU, [], seconds);
    }
    sink.push(&catalogue::BUILD_INFO, [&Arc::from(env!("CARGO_PKG_VERSION"))], 1.0);
}

fn labels(metric: &'static Metric, sample: &proto::Metric) -> Vec<(&'static str, Arc<str>)> {
    let value =
        |name: &str| sample.get_label().iter().find(|pair| pair.name() == name).map(proto::LabelPair::value);
    metric.labels.iter().map(|name| (*name, Arc::from(value(name).unwrap_or_default()))).collect()
}

fn value(kind: MetricType, sample: &proto::Metric) -> Value {
    match kind {
        MetricType::COUNTER => Value::Number(sample.get_counter().get_value()),
        MetricType::HISTOGRAM => {
            let histogram = sample.get_histogram();
            Value::Histogram {
                buckets: histogram
                    .get_bucket()
                    .iter()
                    .map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()))
                    .collect(),
                sum: histogram.get_sample_sum(),
                count: histogram.get_sample_count(),
                exemplars: Vec::new(),
            }
        }
        _ => Value::Number(sample.get_gauge().get_value()),
    }
}
