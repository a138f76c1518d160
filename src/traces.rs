//! Finished executions as traces: what their histories tell, as spans, without touching the application.
//!
//! Of those that failed, log records can be sent along, or alone: they come from the same history, and keep the same promise.
//!
//! A lane of its own with a connection and a position of its own: neither polls nor scrapes wait for a collector, and a
//! collector that is down for a day costs no memory, for the history is the queue. The position moves after the
//! collector has taken what was before it; so every trace is delivered at least once, with the same ids each time.
//!
//! Rooms: `finished` finds the executions that ended, and `past` what they did; `span` makes the spans of one of them
//! (pure), with `payload` where those are wanted; `sample` says which traces are kept; `batch` makes requests of bounded
//! size and `trace_batch` all of this from pasts; `failures` makes log records of those that failed; `exporter` reads, sends and moves on. Nothing here counts what the metrics tell of a store.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

mod batch;
mod exporter;
mod failures;
mod finished;
mod past;
mod payload;
mod sample;
mod settings;
mod span;
mod trace_batch;

pub(crate) use exporter::{Collectors, TraceExporter};
pub(crate) use sample::Sampling;
pub(crate) use settings::TraceSettings;

use crate::source::Chunk;
use duroxide_instrument::TraceIds;

/// What one step makes of what it read, but for sending it: how many spans, and their encoded size. For benchmarks.
pub(crate) fn build(chunks: &[Chunk], ids: &TraceIds) -> (usize, usize) {
    let (mut count, mut size) = (0, 0);
    let mut requests = batch::Requests::new(Vec::new());
    let mut encode = |request: Option<ExportTraceServiceRequest>| {
        size += request.map_or(0, |request| request.encode_to_vec().len());
    };
    for past in finished::Finished::of(chunks, false).whole {
        let (timeline, payloads) = past.finish();
        for span in span::spans(&timeline, &payloads, ids) {
            count += 1;
            encode(requests.add(span));
        }
    }
    encode(requests.take());
    (count, size)
}
