//! What is special about stores on Postgres.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "tests fail loudly"
)]

mod counters;
mod large;
#[path = "../purge/model.rs"]
mod model;
mod parked;
mod pooled;
mod purge;

use scenarios::{
    exporter::STORE,
    series::{Series, key},
};

/// The value of a series of the store under test, if there is one.
fn value(series: &Series, family: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let mut labels = labels.to_vec();
    labels.push(("store", STORE));
    series.get(&key(family, &labels)).copied()
}
