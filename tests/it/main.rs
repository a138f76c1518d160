//! The exporter's own integration tests: everything that needs no duroxide runtime (those are in
//! `tests/scenarios`, apart because the framework's `sqlite` feature may not enter this package).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

/// The catalogue: names, rules, `docs/metrics.md`.
mod catalogue;
/// The command line, with the real binary.
mod cli;
/// The import rules of the architecture.
mod layering;
/// Serving while a poll hangs or fails, with management APIs made for it.
mod liveness;
/// The log of the real binary, when nothing reads it.
#[cfg(target_os = "linux")]
mod log;
/// Names of what is pushed by OTLP.
mod otlp_names;
/// Stores on real PostgreSQL servers.
#[cfg(all(unix, feature = "postgres"))]
mod postgres;
/// What signals do to the real binary.
#[cfg(unix)]
mod signals;
/// What the exporter links, with and without its features.
mod tree;
