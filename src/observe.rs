//! Observing: one poller a store turns each census into a snapshot and swaps it in whole.
//!
//! Readers take a [`View`] and never wait, never query. A failed poll keeps the last good snapshot, says so in
//! the store's [`Health`] and lets its age grow. Nothing here knows a database, a metric name or HTTP.

mod cap;
mod history;
mod pace;
mod poller;
mod slots;
mod view;

pub(crate) use history::{
    ActivityTotals, Bounds, ChildTotals, CounterState, DURATION_MS, EVENTS, Ended, ExecutionTotals, Follower,
    Histogram, LATENESS_MS, ROUNDTRIP_MS, Totals,
};
pub(crate) use poller::{Poller, PollerSettings};
pub(crate) use view::{Health, Readers, Running, Snapshot, Stamp, StoreReader, StoreView, View, store_view};
