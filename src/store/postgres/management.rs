//! A Postgres store as a [`ManagementAPI`](crate::management::ManagementAPI): all that can be read of it.
//!
//! Each call is one read transaction of bounded time. No index leads to the newest instances, to names or to statuses: a
//! first page costs one look at every row of `instances`; lists by status, which is in another table, look at the newest
//! so-and-so many first and stop after a while, saying where to go on. One file a subject; SQL stays in them.

mod executions;
mod history;
mod instances;
mod looking;
mod search;
mod totals;
mod waits;

use std::time::Duration;

use super::purge::purge_completed;
use super::reader::Reader;
use crate::management::{Capabilities, Capability, ManagementError};
use crate::store::database::answers::{READS, answers};
use crate::store::database::look::Look;
use crate::store::database::reading::{Readers, ask};
use crate::store::url::PostgresUrl;

/// Answers management calls about one Postgres store, over one connection: the poller has the other.
pub(super) struct PostgresManagement {
    place: PostgresUrl,
    readers: Readers<Reader>,
    /// Whether it may delete.
    purges: bool,
}

impl PostgresManagement {
    pub(super) fn new(url: PostgresUrl, limit: Duration) -> Self {
        let readers = Readers::new(limit, vec![Reader::new(url.clone())]);
        Self { place: url, readers, purges: false }
    }

    /// The same, and it purges.
    pub(super) fn purging(self) -> Self {
        Self { purges: true, ..self }
    }
}

answers!(PostgresManagement, this => {
    capabilities: Capabilities::new(READS.into_iter().chain(this.purges.then_some(Capability::Purge))),
    purge: request => match this.purges {
        true => purge_completed(&this.place, this.readers.limit(), &request).await,
        false => Err(ManagementError::ReadOnly { method: "purge_completed" }),
    },
});
