//! What a signal is to a collector: its request and its service.

use http::uri::PathAndQuery;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::Message;

use crate::labels::Signal;

/// A request to export.
pub(crate) trait Export: Message {
    const SIGNAL: Signal;

    /// Its method, for gRPC. (For HTTP, an address is of one signal.)
    fn method() -> PathAndQuery;

    /// How many data points, spans or records it holds.
    fn items(&self) -> u64;
}

/// What became of a request that was taken.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ExportResponse {
    /// Items that were left out.
    pub(crate) rejected: u64,
    /// Why, or a warning; often empty.
    pub(crate) message: String,
}

impl Export for ExportMetricsServiceRequest {
    const SIGNAL: Signal = Signal::Metrics;

    fn method() -> PathAndQuery {
        PathAndQuery::from_static("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export")
    }

    fn items(&self) -> u64 {
        let metrics =
            self.resource_metrics.iter().flat_map(|of| &of.scope_metrics).flat_map(|of| &of.metrics);
        let points = metrics.filter_map(|metric| metric.data.as_ref()).map(|data| match data {
            Data::Gauge(gauge) => gauge.data_points.len(),
            Data::Sum(sum) => sum.data_points.len(),
            Data::Histogram(histogram) => histogram.data_points.len(),
            Data::ExponentialHistogram(histogram) => histogram.data_points.len(),
            Data::Summary(summary) => summary.data_points.len(),
        });
        points.sum::<usize>() as u64
    }
}

impl Export for ExportTraceServiceRequest {
    const SIGNAL: Signal = Signal::Traces;

    fn method() -> PathAndQuery {
        PathAndQuery::from_static("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
    }

    fn items(&self) -> u64 {
        let scopes = self.resource_spans.iter().flat_map(|of| &of.scope_spans);
        scopes.map(|of| of.spans.len()).sum::<usize>() as u64
    }
}

impl Export for ExportLogsServiceRequest {
    const SIGNAL: Signal = Signal::Logs;

    fn method() -> PathAndQuery {
        PathAndQuery::from_static("/opentelemetry.proto.collector.logs.v1.LogsService/Export")
    }

    fn items(&self) -> u64 {
        let scopes = self.resource_logs.iter().flat_map(|of| &of.scope_logs);
        scopes.map(|of| of.log_records.len()).sum::<usize>() as u64
    }
}
