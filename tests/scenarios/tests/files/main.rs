//! How a store can lie on the disk, and what can be there in its place: every number is exact, or the store is down
//! with a reason; nothing is ever written.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod beside;
mod clock;
mod idle;
mod links;
mod locked;
mod odd;
mod past;
mod paths;
mod payloads;
mod replaced;
mod situations;
mod slow;
mod torn;
mod untouched;
mod wrong;

use std::path::Path;

use scenarios::{
    compare::{self, Exporter},
    exporter::STORE,
    recount::{recount, recount_as_of},
    series::{Series, key},
};

/// The value of a series of the store under test; its absence is a failure.
fn value(series: &Series, family: &str) -> f64 {
    let key = key(family, &[("store", STORE)]);
    *series.get(&key).unwrap_or_else(|| panic!("there is no series {key}"))
}

/// Compares a scrape with the store it was made of, as of the machine's clock: ages may lie between the scrape's
/// poll and now.
async fn assert_live(what: &str, truth: &Path, scrape: impl AsyncFnOnce() -> Series) -> Series {
    let before = recount(truth, STORE).await.expect("a recount");
    let exported = scrape().await;
    let after = recount(truth, STORE).await.expect("a recount");
    let report = compare::differences(&before, &after, &exported, Exporter::Fresh);
    assert!(report.is_empty(), "{what}: the exporter does not tell the truth:\n{report}");
    assert_eq!(value(&exported, "duroxide_store_replica"), 0.0, "{what}: read as a copy");
    exported
}

/// Compares a scrape with the store it was made of, as of a moment in the past.
async fn assert_copy(what: &str, truth: &Path, as_of_ms: i64, exported: &Series, exporter: Exporter) {
    let truth = recount_as_of(truth, STORE, as_of_ms).await.expect("a recount");
    let report = compare::differences(&truth, &truth, exported, exporter);
    assert!(report.is_empty(), "{what}: the exporter does not tell the truth:\n{report}");
    assert_eq!(value(exported, "duroxide_store_replica"), 1.0, "{what}: read as a live store");
}
