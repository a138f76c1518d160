//! What a signal is to a collector: its request, its service, and what its answer says.

use http::uri::PathAndQuery;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
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
