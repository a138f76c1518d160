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
/// Embedded, by the standard variables, and compressed.
mod ways;

use scenarios::{
    sidecar::{Program, Sidecar},
    store::Store,
};

/// Runs `serve` with flags.
fn serve(store: &Store, flags: &[String], more: &[&str]) -> Sidecar {
    let flags: Vec<&str> = flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
    Program::new(env!("CARGO_BIN_EXE_sidecar")).serve_in(&[], &store.url(), &flags)
}

/// Runs `check` with flags: its exit code, and what it said.
fn check(store: &Store, flags: &[String]) -> (Option<i32>, String) {
    let program = Program::new(env!("CARGO_BIN_EXE_sidecar"));
    let output = program.check_with(&store.url(), flags);
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}
