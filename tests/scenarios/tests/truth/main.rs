//! What the exporter says about real stores, compared with the truth.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod everything;
mod facts;
mod framework;
mod killed;
mod races;
mod stalled;
mod timers;

use scenarios::{
    exporter::STORE,
    series::{Series, key},
};

/// The value of a series of the store under test; its absence is a failure.
fn value(series: &Series, family: &str, labels: &[(&str, &str)]) -> f64 {
    let mut labels = labels.to_vec();
    labels.push(("store", STORE));
    let key = key(family, &labels);
    *series.get(&key).unwrap_or_else(|| panic!("there is no series {key}"))
}

/// How many messages of a queue are in a state.
fn messages(series: &Series, queue: &str, state: &str) -> f64 {
    value(series, "duroxide_queue_messages", &[("queue", queue), ("state", state)])
}

/// A family that has one series for each queue.
fn of_queue(series: &Series, family: &str, queue: &str) -> f64 {
    value(series, family, &[("queue", queue)])
}
