//! The instruments: each call on the queues once, by attributes of few values.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use duroxide_exporter::Instrumented;
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};

use crate::canned::{Call, Canned, Mode, every};
use crate::dropped::begin;
use crate::watch::{unwatched, watch};

/// Counts by the attributes of the series, as `key=value …`; of the histogram also sums and boundaries.
#[derive(Debug, Default, PartialEq)]
struct Read {
    calls: BTreeMap<String, u64>,
    seconds: f64,
    boundaries: Vec<f64>,
    empty: BTreeMap<String, u64>,
}

fn series<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> String {
    let mut pairs: Vec<_> = attributes.map(|pair| format!("{}={}", pair.key, pair.value)).collect();
    pairs.sort();
    pairs.join(" ")
}

fn read(meters: &SdkMeterProvider, exporter: &InMemoryMetricExporter) -> Read {
    exporter.reset();
    meters.force_flush().unwrap();
    let mut read = Read::default();
    for resource in exporter.get_finished_metrics().unwrap() {
        for metric in resource.scope_metrics().flat_map(|scope| scope.metrics()) {
            match (metric.name(), metric.unit(), metric.data()) {
                (
                    "messaging.client.operation.duration",
                    "s",
                    AggregatedMetrics::F64(MetricData::Histogram(histogram)),
                ) => {
                    for point in histogram.data_points() {
                        read.calls.insert(series(point.attributes()), point.count());
                        read.seconds += point.sum();
                        read.boundaries = point.bounds().collect();
                    }
                }
                (
                    "duroxide.provider.empty_receives",
                    "{receive}",
                    AggregatedMetrics::U64(MetricData::Sum(sum)),
                ) => {
                    for point in sum.data_points() {
                        read.empty.insert(series(point.attributes()), point.value());
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }
    read
}

/// The series of a call, without and with a failure.
fn labels(operation: &str, kind: &str, destination: &str, error_type: Option<&str>) -> String {
    let error_type = error_type.map(|error_type| format!("error.type={error_type} ")).unwrap_or_default();
    format!(
        "{error_type}messaging.destination.name={destination} messaging.operation.name={operation} \
         messaging.operation.type={kind} messaging.system=duroxide"
    )
}

const MEASURED: [(&str, &str, &str, &str); 8] = [
    ("fetch_orchestration_item", "receive", "receive", "orchestrator"),
    ("ack_orchestration_item", "ack", "settle", "orchestrator"),
    ("abandon_orchestration_item", "abandon", "settle", "orchestrator"),
    ("enqueue_for_orchestrator", "send", "send", "orchestrator"),
    ("fetch_work_item", "receive", "receive", "worker"),
    ("ack_work_item", "ack", "settle", "worker"),
    ("abandon_work_item", "abandon", "settle", "worker"),
    ("enqueue_for_worker", "send", "send", "worker"),
];

/// Every call as often as said, in every mode; the same whether or not there are spans.
async fn counts() {
    let exporter = InMemoryMetricExporter::default();
    let reader = PeriodicReader::builder(exporter.clone()).with_interval(Duration::from_secs(3600)).build();
    let meters = SdkMeterProvider::builder().with_reader(reader).build();
    let inner = Arc::new(Canned::new(Mode::Answers));
    let provider = Instrumented::builder().meter(meters.meter("test")).wrap(inner.clone());
    for (mode, times) in [
        (Mode::Answers, 1),
        (Mode::Idle, 2),
        (Mode::Fails { retryable: true }, 3),
        (Mode::Fails { retryable: false }, 4),
    ] {
        inner.set(mode);
        for _ in 0..times {
            for call in every() {
                (call.make)(provider.clone()).await;
            }
        }
    }
    inner.set(Mode::Hangs);
    for call in every() {
        drop((call.make)(provider.clone())); // never begun: nothing was called
        let mut made = (call.make)(provider.clone());
        begin(&mut made).await;
        drop(made);
    }
    let mut calls = BTreeMap::new();
    for (method, operation, kind, destination) in MEASURED {
        let series = |error_type: Option<&str>| labels(operation, kind, destination, error_type);
        // Idle polls are counted apart.
        calls.insert(series(None), if Call::of(method).is_fetch() { 1 } else { 3 });
        for (error_type, times) in [(".retryable", 3), (".permanent", 4)] {
            calls.insert(series(Some(&format!("{method}{error_type}"))), times);
        }
        calls.insert(series(Some("cancelled")), 1);
    }
    let read = read(&meters, &exporter);
    assert_eq!(read.calls, calls);
    let empty = ["orchestrator", "worker"]
        .map(|queue| (format!("messaging.destination.name={queue} messaging.system=duroxide"), 2));
    assert_eq!(read.empty, BTreeMap::from(empty));
    let advised = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
    assert_eq!(read.boundaries, advised);
}

#[tokio::test]
async fn calls_are_counted_without_spans() {
    let _unwatched = unwatched();
    counts().await;
}

#[tokio::test]
async fn calls_are_counted_with_spans() {
    let _watched = watch();
    counts().await;
}

#[tokio::test]
async fn durations_are_those_of_the_calls() {
    let _unwatched = unwatched();
    let exporter = InMemoryMetricExporter::default();
    let reader = PeriodicReader::builder(exporter.clone()).with_interval(Duration::from_secs(3600)).build();
    let meters = SdkMeterProvider::builder().with_reader(reader).build();
    let slow = Duration::from_millis(30);
    let inner = Arc::new(Canned::new(Mode::Sleeps(slow)));
    let provider = Instrumented::builder().meter(meters.meter("test")).wrap(inner);
    let began = std::time::Instant::now();
    for (method, ..) in MEASURED {
        (Call::of(method).make)(provider.clone()).await;
    }
    let (sum, all) = (read(&meters, &exporter).seconds, began.elapsed().as_secs_f64());
    assert!(sum >= 8.0 * slow.as_secs_f64() && sum <= all, "{sum} {all}");
}
