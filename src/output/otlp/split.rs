//! Points into requests of bounded size. A metric with many series is split, too: receivers merge by name.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric as Message, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum, metric,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

use crate::catalogue::{Kind, Metric};

/// Tags and lengths around a metric's data and around the data's points: four nested messages of at most 4 GiB.
const FRAMES: usize = 4 * 6;

/// Tag and length of one point.
const FRAME: usize = 6;

/// One point of a metric.
pub(super) enum Point {
    Number(NumberDataPoint),
    Histogram(HistogramDataPoint),
}

impl Point {
    fn size(&self) -> usize {
        FRAME
            + match self {
                Self::Number(point) => point.encoded_len(),
                Self::Histogram(point) => point.encoded_len(),
            }
    }
}

/// Collects points until a request is full.
pub(super) struct Splitter {
    resource: Vec<KeyValue>,
    limit: usize,
    full: Vec<ExportMetricsServiceRequest>,
    metrics: Vec<Message>,
    /// At least the encoded size of a request of what is in `metrics`.
    size: usize,
    /// That of a request without a metric.
    empty: usize,
}

impl Splitter {
    pub(super) fn new(resource: Vec<KeyValue>, limit: usize) -> Self {
        let empty = request(resource.clone(), Vec::new()).encoded_len() + FRAMES;
        Self { resource, limit, full: Vec::new(), metrics: Vec::new(), size: empty, empty }
    }

    /// Adds a point, to the last metric if it is of that one.
    pub(super) fn add(&mut self, metric: &Metric, point: Point) {
        let size = point.size();
        let same = self.metrics.last().is_some_and(|last| last.name == metric.name);
        if !same || self.size + size > self.limit {
            let message = message(metric);
            let opening = message.encoded_len() + FRAMES;
            if self.size + opening + size > self.limit {
                self.close();
            }
            self.size += opening;
            self.metrics.push(message);
        }
        self.size += size;
        let data = self.metrics.last_mut().and_then(|metric| metric.data.as_mut());
        match (data, point) {
            (Some(metric::Data::Gauge(gauge)), Point::Number(point)) => gauge.data_points.push(point),
            (Some(metric::Data::Sum(sum)), Point::Number(point)) => sum.data_points.push(point),
            (Some(metric::Data::Histogram(histogram)), Point::Histogram(point)) => {
                histogram.data_points.push(point);
            }
            _ => debug_assert!(false, "{}: a value of another kind", metric.name),
        }
    }

    fn close(&mut self) {
        let metrics = std::mem::take(&mut self.metrics);
        self.size = self.empty;
        if !metrics.is_empty() {
            self.full.push(request(self.resource.clone(), metrics));
        }
    }

    pub(super) fn finish(mut self) -> Vec<ExportMetricsServiceRequest> {
        self.close();
        self.full
    }
}

fn request(attributes: Vec<KeyValue>, metrics: Vec<Message>) -> ExportMetricsServiceRequest {
    let scope = InstrumentationScope {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_metrics: vec![ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() }],
            ..ResourceMetrics::default()
        }],
    }
}

fn message(metric: &Metric) -> Message {
    let temporality = AggregationTemporality::Cumulative.into();
    let data = match metric.kind {
        Kind::Gauge => metric::Data::Gauge(Gauge::default()),
        Kind::Counter => metric::Data::Sum(Sum {
            aggregation_temporality: temporality,
            is_monotonic: true,
            ..Sum::default()
        }),
        Kind::Histogram => metric::Data::Histogram(Histogram {
            aggregation_temporality: temporality,
            ..Histogram::default()
        }),
    };
    Message {
        name: metric.name.to_owned(),
        description: metric.help.to_owned(),
        unit: metric.unit.ucum(),
        data: Some(data),
        ..Message::default()
    }
}
