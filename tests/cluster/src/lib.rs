//! Real PostgreSQL servers for tests: a primary, hot standbys that stream from it, and faults in both.
//!
//! Everything is plain synchronous code over the server's own programs, so that it works in any test:
//!
//! ```no_run
//! let primary = cluster::Server::start();
//! let standby = primary.standby();
//! let database = primary.create_database();
//! primary.psql(&database, "create table t as select 1 as x");
//! standby.caught_up_with(&primary);
//! assert_eq!(standby.psql(&database, "select x from t"), "1");
//! ```
//!
//! - `programs` finds the server's programs and runs them as a user that PostgreSQL accepts;
//! - `keeper` removes a server however the process that started it ends;
//! - `builder` makes servers, `config` writes their files, `ports` finds room for them;
//! - `server` is one of them, `sql` talks to it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod builder;
mod config;
mod keeper;
mod ports;
mod programs;
mod server;
mod sql;
mod standby;
mod wait;

pub use builder::Builder;
pub use server::Server;
pub use wait::PATIENCE;
