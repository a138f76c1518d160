//! The history as counters: whatever happens to runtime, exporter and store, each event counts once.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod dice;
mod nameless;
mod processes;
mod random;
mod state;
mod waiting;
mod world;
