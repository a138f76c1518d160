//! How far a history has been read.

use serde::{Deserialize, Serialize};

use super::horizon::{Horizon, Origin};
use super::marks::Marks;
use crate::labels::FailureReason;
use crate::source::Position;
use crate::store::database::failure::StoreError;

/// Further back than this, the number of a transaction cannot be told from one to come.
const HALF: u64 = 1 << 31;

/// A place in the order of transactions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// All that transactions below wrote was counted; `None` when nothing was.
    pub(super) from: Option<u64>,
    /// What transactions at or above it wrote and was counted nevertheless.
    pub(super) marks: Marks,
    /// After a position was lost: what is by time.
    pub(super) resumed: Option<Resumed>,
    /// A range that is being read in steps.
    pub(super) sweep: Option<Sweep>,
    /// When [`Self::from`] was the horizon, by the database's clock.
    pub(super) read_ms: i64,
    /// When all that was to be seen had been counted, by the database's clock.
    pub(super) complete_ms: Option<i64>,
    /// Of the store.
    pub(super) identity: Option<String>,
    pub(super) origin: Origin,
}

/// The range from [`Cursor::from`] to a later transaction, read instance by instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sweep {
    pub(super) to: u64,
    /// When that was the horizon.
    pub(super) began_ms: i64,
    /// What was read last; `None` before the first.
    pub(super) after: Option<SweepKey>,
    /// Few of the instances are in the range.
    pub(super) sparse: bool,
    /// How many there are to read, about, and how much was read so far.
    pub(super) total: u64,
    pub(super) instances: u64,
    pub(super) events: u64,
}

/// What transactions before `until` wrote counts by time: all up to this moment was counted, by another position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Resumed {
    pub(super) since_ms: i64,
    pub(super) until: u64,
}

/// An instance that was read, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SweepKey {
    pub(super) instance: String,
    /// Execution and event up to which it was read; `None`: all of it.
    pub(super) event: Option<(i64, i64)>,
}

impl Cursor {
    pub(super) fn of(position: &Position) -> Result<Self, StoreError> {
        serde_json::from_value(position.0.clone()).map_err(|_| {
            StoreError::new(
                FailureReason::Other,
                "the position in its history is not one of a Postgres store",
            )
        })
    }

    pub(super) fn position(&self) -> Position {
        // It holds numbers and texts: there is always JSON for it.
        Position(serde_json::to_value(self).unwrap_or_default())
    }

    /// Why it means nothing here. A standby may be behind the server that was read before.
    pub(super) fn trouble(
        &self,
        horizon: &Horizon,
        identity: Option<&str>,
        origin: &Origin,
        standby: bool,
    ) -> Option<String> {
        let sweep = self.sweep.as_ref().map(|sweep| sweep.to);
        let mut places = self.from.into_iter().chain(sweep).chain(self.marks.last());
        let in_reach = places.all(|at| (standby || at <= horizon.next) && horizon.next.abs_diff(at) < HALF);
        let why = if self.identity.is_some() && identity.is_some() && self.identity.as_deref() != identity {
            "another store has taken its place"
        } else if !self.origin.is(origin) {
            "its tables were made anew, as when a dump is restored"
        } else if !in_reach {
            "the server was set back to an earlier moment, or counting stood still for too long"
        } else {
            return None;
        };
        Some(format!(
            "what was counted last cannot be found again: {why}; counting goes on with what was written since"
        ))
    }

    /// What it counted was written by transactions below.
    pub(super) fn until(&self) -> u64 {
        let marked = self.marks.last().map(|last| last + 1);
        let resumed = self.resumed.map(|resumed| resumed.until);
        self.from.into_iter().chain(marked).chain(resumed).max().unwrap_or(0)
    }

    /// Everything below `to`, the horizon of that moment, has been read.
    pub(super) fn settle(&mut self, to: u64, ms: i64) {
        self.from = Some(to);
        self.read_ms = ms;
        self.sweep = None;
        self.resumed = self.resumed.filter(|resumed| to < resumed.until);
        self.marks.settle(to);
    }
}

impl Sweep {
    pub(super) fn to(to: u64, began_ms: i64, total: u64) -> Self {
        Self { to, began_ms, after: None, sparse: false, total, instances: 0, events: 0 }
    }

    /// How many events are left, if instances have about as many each.
    pub(super) fn backlog(&self) -> u64 {
        let unread = self.total.saturating_sub(self.instances).max(1);
        unread.saturating_mul(self.events / self.instances.max(1)).max(unread)
    }
}
