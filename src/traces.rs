//! Finished executions as traces: what their histories tell, as spans, without touching the application.
//!
//! A lane of its own with a connection and a position of its own: neither polls nor scrapes wait for a collector, and a
//! collector that is down for a day costs no memory, for the history is the queue. The position moves after the
//! collector has taken what was before it; so every trace is delivered at least once, with the same ids each time.
//!
//! Rooms: `span` makes the spans of one execution (pure), with `payload` where those are wanted; `sample` says which
//! traces are kept; `batch` makes requests of bounded size; `finished` finds the executions that ended; `lane` reads,
//! sends and moves on. Nothing here counts what the metrics tell of a store.

mod batch;
mod finished;
mod lane;
mod payload;
mod sample;
mod span;

pub(crate) use lane::{Lane, Settings};
pub(crate) use sample::Sampling;
