//! What a signal is to a collector: its request, its service, and what its answer says.

use http::uri::PathAndQuery;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;

/// A request to export.
pub(crate) trait Export: Message {
    /// What is answered.
    type Answer: Message + Default;

    /// Its method, for gRPC. (For HTTP, an address is of one signal.)
    fn method() -> PathAndQuery;

    fn accepted(answer: Self::Answer) -> Accepted;
}

/// What became of a request that was taken.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// Items that were left out.
    pub(crate) rejected: u64,
    /// Why, or a warning; often empty.
    pub(crate) message: String,
}

impl Export for ExportMetricsServiceRequest {
    type Answer = ExportMetricsServiceResponse;

    fn method() -> PathAndQuery {
        PathAndQuery::from_static("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export")
    }

    fn accepted(answer: Self::Answer) -> Accepted {
        answer.partial_success.map_or_else(Accepted::default, |partial| Accepted {
            rejected: u64::try_from(partial.rejected_data_points).unwrap_or(0),
            message: partial.error_message,
        })
    }
}

impl Export for ExportTraceServiceRequest {
    type Answer = ExportTraceServiceResponse;

    fn method() -> PathAndQuery {
        PathAndQuery::from_static("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
    }

    fn accepted(answer: Self::Answer) -> Accepted {
        answer.partial_success.map_or_else(Accepted::default, |partial| Accepted {
            rejected: u64::try_from(partial.rejected_spans).unwrap_or(0),
            message: partial.error_message,
        })
    }
}

impl Export for ExportLogsServiceRequest {
    type Answer = ExportLogsServiceResponse;

    fn method() -> PathAndQuery {
        PathAndQuery::from_static("/opentelemetry.proto.collector.logs.v1.LogsService/Export")
    }

    fn accepted(answer: Self::Answer) -> Accepted {
        answer.partial_success.map_or_else(Accepted::default, |partial| Accepted {
            rejected: u64::try_from(partial.rejected_log_records).unwrap_or(0),
            message: partial.error_message,
        })
    }
}
