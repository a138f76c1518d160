//! A duroxide-pg or duroxide-pg-opt store, on a primary or on a hot standby, read-only.
//!
//! Never through the framework's provider, which would migrate the schema. Everything is read in read-only transactions
//! of bounded time: nothing is written, created or locked (but by `purge`). No JSON is cast in SQL: a legal `\u0000` in one row would fail
//! the whole statement.
//!
//! Rooms: `open` makes a connection, `connection` lets it be queried in transactions only, `reader` is one read of the store; `session` says which server that was, `schema` probes what is there and what we may read of it, `rights`
//! says which are missing, `standby` finds out how current a standby is and what time it is there, `error` says what went
//! wrong, `sql` has the pieces that statements share. `source` takes the census with `queues`, `items`, `instances` and
//! `notes`; `management` answers management calls, and `purge` deletes what has ended, where that is asked for.

mod connection;
mod error;
mod instances;
mod items;
mod management;
mod notes;
mod open;
mod purge;
mod queues;
mod reader;
mod rights;
mod schema;
mod session;
mod source;
mod sql;
mod standby;
mod tail;

use std::time::Duration;

use super::url::PostgresUrl;
use crate::management::ManagementAPI;
use crate::source::Source;
pub(super) use error::{classify, of_the_connection};

/// The store as the poller reads it.
pub(super) fn source(url: PostgresUrl) -> impl Source {
    source::PostgresSource::new(url)
}

/// The `ManagementAPI` of a store; each call ends within `limit`.
pub(super) fn management(url: PostgresUrl, limit: Duration) -> impl ManagementAPI {
    management::PostgresManagement::new(url, limit)
}

/// The same on a primary, with a role that may delete.
pub(super) fn admin(url: PostgresUrl, limit: Duration) -> impl ManagementAPI {
    management::PostgresManagement::new(url, limit).purging()
}
