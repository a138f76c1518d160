//! What is pushed by OTLP, received by somebody else's definitions.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

/// Collectors that are down, slow, busy or refuse.
mod faults;
/// Everything that a scrape shows, with the same values.
mod same;
/// When counters began, also after a restart.
mod starts;
/// Certificates, right and wrong.
mod tls;

use scenarios::{
    sidecar::{Program, Sidecar},
    store::Store,
};

/// Runs `serve` with flags.
fn serve(store: &Store, flags: &[String], more: &[&str]) -> Sidecar {
    let flags: Vec<&str> = flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
    Program::new(env!("CARGO_BIN_EXE_sidecar")).serve_in(&[], &store.url(), &flags)
}
