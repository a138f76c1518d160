//! Spans into requests of bounded size.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

/// Encoded size from which on a request is full. gRPC servers take 4 MiB unless told otherwise.
const FULL: usize = 1 << 20;

/// Tag and length of a span within a request.
const FRAME: usize = 6;

/// Spans that are not sent yet.
#[derive(Debug)]
pub(super) struct Requests {
    resource: Vec<KeyValue>,
    spans: Vec<Span>,
    size: usize,
}

impl Requests {
    pub(super) fn new(resource: Vec<KeyValue>) -> Self {
        Self { resource, spans: Vec::new(), size: 0 }
    }

    /// Adds a span. A request, if there is one for which this is the last.
    pub(super) fn add(&mut self, span: Span) -> Option<ExportTraceServiceRequest> {
        self.size += span.encoded_len() + FRAME;
        self.spans.push(span);
        if self.size >= FULL { self.take() } else { None }
    }

    /// A request of what is left.
    pub(super) fn take(&mut self) -> Option<ExportTraceServiceRequest> {
        self.size = 0;
        let spans = std::mem::take(&mut self.spans);
        (!spans.is_empty()).then(|| self.request(spans))
    }

    fn request(&self, spans: Vec<Span>) -> ExportTraceServiceRequest {
        let scope = InstrumentationScope {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(Resource { attributes: self.resource.clone(), ..Resource::default() }),
                scope_spans: vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }],
                ..ResourceSpans::default()
            }],
        }
    }
}
