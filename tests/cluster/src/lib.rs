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
//! - `builder` makes servers, `config` writes their files, `place` finds room for them, `language` teaches them German;
//! - `server` is one of them, `standby` a standby, `sql` talks to them, `reload` changes them while they run;
//! - `pooler` is a PgBouncer before a server, with other clients;
//! - `faults` lets things happen to them, to their `processes`, too; `tls` makes certificates.
//!
//! `cargo run -p cluster` is a primary and a standby to play with.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod builder;
mod config;
mod faults;
mod keeper;
mod language;
mod place;
mod pooler;
mod processes;
mod programs;
mod reload;
mod server;
mod sql;
mod standby;
mod tls;
mod wait;

pub use builder::Builder;
pub use pooler::{Pooler, Pooling, Traffic};
pub use server::Server;
pub use sql::psql;
pub use tls::{Certificate, Fault};
pub use wait::PATIENCE;
