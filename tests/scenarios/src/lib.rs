//! Drives the real duroxide runtime and provider, and holds an independent truth to compare the exporter with.
//!
//! - [`workload`] fills a store through the framework;
//! - [`recount`] reads its raw rows and counts them in plain Rust, sharing neither code nor SQL with the exporter;
//! - [`exporter`] runs the exporter over a store, [`scrape`] reads what it says;
//! - [`compare`] says which series differ, and how.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

pub mod compare;
pub mod exporter;
pub mod files;
pub mod recount;
pub mod scrape;
pub mod series;
pub mod workload;
