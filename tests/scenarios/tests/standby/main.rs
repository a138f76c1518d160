//! The exporter over a hot standby: exact once replay has caught up, and honest while it has not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod cascade;
mod clocks;
mod conflicts;
mod drill;
mod exact;
mod lag;
mod pair;

use scenarios::{
    exporter::STORE,
    series::{Series, family, key},
};

/// The value of a series of the store under test, if there is one.
fn try_value(series: &Series, family: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let mut labels = labels.to_vec();
    labels.push(("store", STORE));
    series.get(&key(family, &labels)).copied()
}

/// The same; its absence is a failure.
fn value(series: &Series, family: &str, labels: &[(&str, &str)]) -> f64 {
    try_value(series, family, labels).unwrap_or_else(|| panic!("there is no series {family}{labels:?}"))
}

/// Everything about states: what a standby that stands still must not change.
fn states(series: &Series) -> Series {
    const FAMILIES: [&str; 6] = [
        "duroxide_queue_messages",
        "duroxide_queue_fetchable_messages",
        "duroxide_queue_ready_instances",
        "duroxide_activity_queue_messages",
        "duroxide_instance_locks",
        "duroxide_instances",
    ];
    series
        .iter()
        .filter(|(key, _)| FAMILIES.contains(&family(key)))
        .map(|(key, value)| (key.clone(), *value))
        .collect()
}
