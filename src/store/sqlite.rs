//! A duroxide SQLite store, read-only.
//!
//! Never through the framework's provider, which would migrate the file. Nothing is written, and nothing is
//! created beside the file: a `-shm` made by another user than the runtime's would lock the runtime out.
//! The file is only ever opened by SQLite itself: closing a descriptor of our own would drop the locks that an
//! embedding application's runtime holds in the same process.
//!
//! Rooms: `reader` is one read of the store; `files` decides how the file can be opened, `open` opens it,
//! `schema` probes the columns, `clock` finds the moment a copy is from, `text` and `sql` bring values out of SQL, `error`
//! says what went wrong. `source` takes the census with `queues`, `items`, `large` and `instances`, and follows the history with
//! `tail`; `management` answers management calls.

mod clock;
mod error;
mod files;
mod instances;
mod items;
mod large;
mod management;
mod open;
mod queues;
mod reader;
mod running;
mod schema;
mod source;
mod sql;
mod states;
mod tail;
mod text;

use std::path::PathBuf;
use std::time::Duration;

use super::connect::Deployment;
use crate::management::ManagementAPI;
use crate::source::Source;
pub(super) use error::classify;
use reader::StoreLocation;

/// The store as the poller reads it.
pub(super) fn source(path: PathBuf, replica: Option<bool>, deployment: Deployment) -> impl Source {
    source::SqliteSource::new(StoreLocation { path, replica, deployment })
}

/// The `ManagementAPI` of a store; each call ends within `limit`.
pub(super) fn management(
    path: PathBuf,
    replica: Option<bool>,
    deployment: Deployment,
    limit: Duration,
) -> impl ManagementAPI {
    management::SqliteManagement::new(StoreLocation { path, replica, deployment }, limit)
}
