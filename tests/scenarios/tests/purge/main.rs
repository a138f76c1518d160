//! Purging: what is deleted is exactly what a model in plain Rust says, out of every table, and nothing else is
//! touched; whatever happens in between.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests fail loudly"
)]

mod busy;
mod killed;
mod model;
mod random;
mod trees;
mod ways;
