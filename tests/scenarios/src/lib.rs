//! Drives the real duroxide runtime and provider, and holds an independent truth to compare the exporter with.
//!
//! - [`workload`] fills a store through the framework;
//! - [`recount`] reads its raw rows and counts them in plain Rust, sharing neither code nor SQL with the exporter;
//! - [`exporter`] runs the exporter over a store, [`scrape`] reads what it says;
//! - [`sidecar`] runs it as a process of its own, also as another user;
//! - [`disk`] copies stores about and tells whether anything was written, [`sql`] writes what the framework would not;
//! - [`peers`] runs Prometheus and promtool;
//! - [`compare`] says which series differ, and how.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

pub mod compare;
pub mod disk;
pub mod exporter;
pub mod files;
pub mod peers;
pub mod recount;
pub mod scrape;
pub mod series;
pub mod sidecar;
pub mod sql;
pub mod target;
pub mod workload;
