//! Drives the real duroxide runtime and provider, and holds an independent truth to compare the exporter with.
//!
//! - [`store`] is where a store is, of whichever kind; [`stores`] makes new ones;
//! - [`workload`] fills a store through the framework;
//! - [`recount`] reads its raw rows and counts them in plain Rust, sharing neither code nor SQL with the exporter;
//! - [`truth`] is the same for what people ask, [`content`] a store with everything they may ask about;
//! - [`dump`] compares whole stores row by row, [`large`] makes large ones quickly;
//! - [`exporter`] runs the exporter over a store, [`scrape`] reads what it says;
//! - [`sidecar`] runs it as a process of its own, also as another user; [`worker`] a runtime that is to be killed;
//! - [`disk`] copies stores about and tells whether anything was written, [`sql`] writes what the framework would not;
//! - [`collector`] runs a receiver of what is pushed, [`relay`] is a wire that counts and dies;
//! - [`peers`] runs Prometheus and promtool;
//! - [`compare`] says which series differ, and how.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

pub mod collector;
pub mod compare;
pub mod content;
pub mod disk;
pub mod dump;
pub mod event_log;
pub mod exporter;
pub mod files;
pub mod large;
pub mod peers;
mod pooler;
pub mod recount;
pub mod relay;
pub mod scrape;
pub mod series;
pub mod sidecar;
pub mod sql;
pub mod store;
pub mod stores;
pub mod target;
pub mod truth;
pub mod worker;
pub mod workload;
