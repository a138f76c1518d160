//! `Instrumented`: a provider like the one within it, and the spans of its calls.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod calls;
mod canned;
mod collector;
mod dropped;
mod example;
mod forwarded;
mod links;
mod measured;
mod spy;
mod times;
mod validation;
mod watch;
mod workload;
