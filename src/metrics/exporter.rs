//! Families about the exporter itself: its self-counters, its build, its process.

use std::sync::Arc;
use std::time::SystemTime;

use prometheus::proto::{self, MetricType};

use super::catalogue::{
    ACTIVITIES_SCHEDULED, ACTIVITY_QUEUE_MESSAGES, ACTIVITY_QUEUE_OLDEST_READY_AGE, BUILD_INFO,
    CHILDREN_SCHEDULED, EXECUTION_DURATION, EXECUTIONS_RUNNING, EXECUTIONS_STARTED, INSTANCES,
    INSTANCES_WAITING, LOG_DROPPED, OTLP_DROPPED, OTLP_EXPORTS, OTLP_REJECTED, POLL_DURATION, POLL_FAILURES,
    POLLS, PROCESS_CPU, PROCESS_MAX_FDS, PROCESS_OPEN_FDS, PROCESS_RESIDENT_MEMORY, PROCESS_START_TIME,
    PROCESS_THREADS, PROCESS_VIRTUAL_MEMORY, SERIES_DROPPED, STATE_WRITE_FAILURES, TRACES,
};
use super::{Builder, Family, Kind, Metric, Sample, Value, count};
use crate::observe::{CappedFamilies, DURATION_MS, View};
use crate::telemetry::{self, Definitions, Telemetry};

/// Metrics whose values are kept in the registry of `telemetry`.
const GATHERED: [&Metric; 15] = [
    &POLL_DURATION,
    &POLLS,
    &POLL_FAILURES,
    &SERIES_DROPPED,
    &STATE_WRITE_FAILURES,
    &OTLP_EXPORTS,
    &OTLP_REJECTED,
    &OTLP_DROPPED,
    &TRACES,
    &PROCESS_OPEN_FDS,
    &PROCESS_MAX_FDS,
    &PROCESS_VIRTUAL_MEMORY,
    &PROCESS_RESIDENT_MEMORY,
    &PROCESS_START_TIME,
    &PROCESS_THREADS,
];

/// The names under which `telemetry` registers its counters, and the buckets that its exemplars are for.
pub(crate) fn telemetry_definitions() -> Definitions {
    Definitions {
        poll_duration: POLL_DURATION.prometheus_name(),
        polls: POLLS.prometheus_name(),
        poll_failures: POLL_FAILURES.prometheus_name(),
        series_dropped: SERIES_DROPPED.prometheus_name(),
        state_write_failures: STATE_WRITE_FAILURES.prometheus_name(),
        otlp_exports: OTLP_EXPORTS.prometheus_name(),
        otlp_rejected: OTLP_REJECTED.prometheus_name(),
        otlp_dropped: OTLP_DROPPED.prometheus_name(),
        traces: TRACES.prometheus_name(),
        duration_bounds_ms: DURATION_MS,
    }
}

/// Families whose label combinations are capped.
pub(crate) fn capped() -> CappedFamilies {
    CappedFamilies {
        activities: ACTIVITY_QUEUE_MESSAGES.prometheus_name().into(),
        tags: ACTIVITY_QUEUE_OLDEST_READY_AGE.prometheus_name().into(),
        orchestrations: INSTANCES.prometheus_name().into(),
        running: INSTANCES_WAITING.prometheus_name().into(),
        runtime_versions: EXECUTIONS_RUNNING.prometheus_name().into(),
        totals: [&EXECUTIONS_STARTED, &EXECUTION_DURATION, &ACTIVITIES_SCHEDULED, &CHILDREN_SCHEDULED]
            .map(|metric| metric.prometheus_name().into()),
    }
}

pub(super) fn families(view: &View, all: &mut Vec<Family>) {
    let mut gathered = view.telemetry.gather();
    for metric in GATHERED {
        // Absent where the operating system does not tell (the process metrics exist on Linux only).
        if let Some(family) = gathered.remove(&metric.prometheus_name()) {
            all.push(convert(metric, &family, view.telemetry.began()));
        }
    }
    if let Some(lines) = telemetry::log::lines_dropped() {
        let mut dropped = Builder::new(&LOG_DROPPED);
        dropped.since(view.telemetry.began());
        dropped.push([], count(lines));
        all.push(dropped.finish());
    }
    if let Some(seconds) = Telemetry::cpu_seconds() {
        let mut cpu = Builder::new(&PROCESS_CPU);
        cpu.push([], seconds);
        all.push(cpu.finish());
    }
    let mut build = Builder::new(&BUILD_INFO);
    build.push([&Arc::from(env!("CARGO_PKG_VERSION"))], 1.0);
    all.push(build.finish());
}

fn convert(metric: &'static Metric, family: &proto::MetricFamily, began: SystemTime) -> Family {
    let since = (metric.kind != Kind::Gauge).then_some(began);
    let samples = family
        .get_metric()
        .iter()
        .map(|sample| Sample {
            labels: labels(metric, sample),
            value: value(family.get_field_type(), sample),
            since,
        })
        .collect();
    Family { metric, samples }
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
