//! A store's history, step by step: what was read is decoded and folded once, and only once.
//!
//! `counter` makes totals of events and knows what runs; `running` says why it waits; `instances` reckons the census on;
//! `state` keeps position and totals over a restart. `tracker` decides what is to be read next, and `follow` reads it.

mod counter;
mod follow;
mod histogram;
mod instances;
mod running;
mod totals;
mod tracker;

pub(crate) use follow::{CounterState, Follower};
pub(crate) use histogram::{Bounds, DURATION_MS, EVENTS, Histogram, LATENESS_MS, ROUNDTRIP_MS};
pub(crate) use running::{Stuck, Survey, Waits};
pub(crate) use totals::{ActivityTotals, ChildTotals, Ended, ExecutionTotals, Totals};
pub(crate) use tracker::HistoryView;

#[cfg(test)]
mod tests;
