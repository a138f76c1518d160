//! Every method of the management API, over every backend: what it answers is what the rows say.
//!
//! [`suite`] compares each answer with a recount of the raw rows and knows no backend; [`backends`] lists them.
//! [`bad_input`] is about what people and faults can do to it, [`paging`] about lists that change while they are read.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::needless_pass_by_value,
    reason = "tests fail loudly"
)]

mod backends;
mod bad_input;
mod paging;
mod subject;
mod suite;
mod waits;
