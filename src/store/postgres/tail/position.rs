//! How far a history has been read.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Horizon;
use crate::labels::FailureReason;
use crate::source::Position;
use crate::store::database::failure::Failure;

/// Further back than this, the number of a transaction cannot be told from one to come.
const HALF: u64 = 1 << 31;

/// So many rows above the horizon are marked at most; what is beyond waits until the horizon has passed it. A transaction
/// that runs for hours holds the horizon back.
const MARKS: usize = 100_000;

/// A place in the order of transactions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// All that transactions below wrote was counted; `None` when nothing was.
    pub(super) from: Option<u64>,
    /// Rows of transactions at or above it that were counted nevertheless: the transaction, and what marks the row.
    pub(super) marks: BTreeSet<(u64, u64)>,
    /// A range that is being read in steps.
    pub(super) sweep: Option<Sweep>,
    /// When that was, by the database's clock.
    pub(super) read_ms: i64,
    /// Of the store.
    pub(super) identity: Option<String>,
}

/// The range from [`Cursor::from`] to a later transaction, read instance by instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sweep {
    pub(super) to: u64,
    /// The last instance that was read; `None` before the first.
    pub(super) after: Option<String>,
    /// Only what was written after this moment.
    pub(super) since_ms: Option<i64>,
    /// How much was read so far.
    pub(super) instances: u64,
    pub(super) events: u64,
}

impl Sweep {
    pub(super) fn to(to: u64) -> Self {
        Self { to, after: None, since_ms: None, instances: 0, events: 0 }
    }
}

impl Cursor {
    pub(super) fn of(position: &Position) -> Result<Self, Failure> {
        serde_json::from_value(position.0.clone()).map_err(|_| {
            Failure::new(FailureReason::Other, "the position in its history is not one of a Postgres store")
        })
    }

    pub(super) fn position(&self) -> Position {
        // It holds numbers and texts: there is always JSON for it.
        Position(serde_json::to_value(self).unwrap_or_default())
    }

    /// Why it means nothing here. A standby may be behind the server that was read before.
    pub(super) fn trouble(&self, horizon: &Horizon, identity: Option<&str>, standby: bool) -> Option<String> {
        let mut places = self.from.into_iter().chain(self.sweep.as_ref().map(|sweep| sweep.to));
        let in_reach = places.all(|at| (standby || at <= horizon.next) && horizon.next.abs_diff(at) < HALF);
        let other = self.identity.is_some() && identity.is_some() && self.identity.as_deref() != identity;
        let why = match (in_reach, other) {
            (true, false) => return None,
            (_, true) => "another store has taken its place",
            (false, false) => {
                "the server was set back to an earlier moment, or counting stood still for too long"
            }
        };
        Some(format!(
            "what was counted last cannot be found again: {why}; counting goes on with what was written since"
        ))
    }

    /// Marks a row that is counted although it is not below the horizon; `false` when there is no room.
    pub(super) fn mark(&mut self, transaction: u64, mark: u64) -> bool {
        let room = self.marks.len() < MARKS;
        if room {
            self.marks.insert((transaction, mark));
        }
        room
    }

    pub(super) fn is_marked(&self, transaction: u64, mark: u64) -> bool {
        self.marks.contains(&(transaction, mark))
    }

    /// Everything below `to` has been read.
    pub(super) fn settle(&mut self, to: u64) {
        self.from = Some(to);
        self.sweep = None;
        self.marks.retain(|(transaction, _)| *transaction >= to);
    }
}
