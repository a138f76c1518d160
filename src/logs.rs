//! Log records for an OTLP collector: of stuck and failed workflows, and of the exporter itself.
//!
//! Off unless asked for. What the exporter itself has to say, and which instances are stuck, is kept in memory for a
//! collector that is slow, as far as there is room; what finds none is counted. (What ended is in the history, and is sent
//! from there by the lane of `traces`, at least once.)
//!
//! Rooms: `record` makes records and requests, `queue` keeps those that wait, `stuck` finds out which instances have
//! become stuck, `push` sends. Nothing here is waited for by a poll, a scrape or whoever writes a line to the log. No
//! payload is in any record.

mod push;
mod queue;
mod record;
mod stuck;

pub(crate) use push::LogPusher;
pub(crate) use queue::Queue;
pub(crate) use record::{Workflow, own, requests};
