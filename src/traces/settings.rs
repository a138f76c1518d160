//! What can be chosen about the traces of a store.

use std::time::Duration;

use super::sample::Sampling;
use duroxide_instrument::TraceIds;

/// What the traces of a store are to be like.
#[derive(Debug, Clone)]
pub(crate) struct TraceSettings {
    /// Between two looks at a history that has been followed to its end.
    pub(crate) interval: Duration,
    /// For one read.
    pub(crate) timeout: Duration,
    /// Whether what ended before the first start has traces, too.
    pub(crate) backfill: bool,
    pub(crate) payloads: bool,
    pub(crate) sampling: Sampling,
    pub(crate) ids: TraceIds,
    /// Attributes of the resource.
    pub(crate) resource: Vec<(String, String)>,
}
