//! A SQLite store as a [`ManagementAPI`](crate::management::ManagementAPI): all that can be read of it, and
//! nothing that writes.
//!
//! Each call is one read transaction of bounded time, so that a runtime's `-wal` does not grow behind it; lists that
//! have to look at every instance stop after a while and say where to go on. One file a subject; SQL stays in them.

mod executions;
mod history;
mod instances;
mod looking;
mod search;
mod totals;
mod waits;

use std::sync::Arc;
use std::time::Duration;

use super::reader::{Reader, StoreLocation};
use crate::management::{Capabilities, ManagementError};
use crate::store::database::answers::{READS, answers};
use crate::store::database::look::Look;
use crate::store::database::reading::{Readers, ask};

/// Calls that read at the same time; further ones wait. People are few, and each read is a scan at worst.
const READERS: usize = 2;

/// Answers management calls about one SQLite store.
pub(super) struct SqliteManagement {
    /// The path, to be shown.
    place: String,
    readers: Readers<Reader>,
}

impl SqliteManagement {
    pub(super) fn new(place: StoreLocation, limit: Duration) -> Self {
        let recognised = Arc::default();
        let shown = place.path.display().to_string();
        let readers = std::iter::repeat_n(place, READERS);
        let readers = readers.map(|place| Reader::new(place, Arc::clone(&recognised))).collect();
        Self { place: shown, readers: Readers::new(limit, readers) }
    }
}

answers!(SqliteManagement, _this => {
    capabilities: Capabilities::new(READS),
    purge: _request => Err(ManagementError::ReadOnly { method: "purge_completed" }),
});
