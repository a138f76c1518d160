//! Rows of a queue table that are in one state, each with its id.

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::super::sql::{count, millis};
use crate::labels::MessageState;
use crate::store::database::group::{self, Group};

/// Some rows of one state.
pub(super) struct Rows {
    pub(super) group: Group,
    pub(super) ids: Vec<i64>,
    /// Since when each of them is visible, in the order of [`Self::ids`].
    pub(super) since_ms: Vec<i64>,
}

impl Rows {
    /// How many columns [`Self::columns`] are.
    pub(super) const COLUMNS: usize = 6;

    /// What [`Self::read`] reads, out of `id`, `state`, `since`, `lease_end` and `attempts`. Both lists are made in one
    /// pass over the rows, hence in the same order.
    pub(super) fn columns() -> String {
        format!(
            "state::int8, array_agg(id), array_agg({since}), MIN(lease_end), \
             COUNT(*) FILTER (WHERE attempts > (state = {in_flight})::int), MAX(attempts)::int8",
            since = millis("since"),
            in_flight = MessageState::InFlight.index(),
        )
    }

    pub(super) fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        let ids: Vec<i64> = row.try_get(1)?;
        let since_ms: Vec<i64> = row.try_get(2)?;
        let group = Group {
            state: group::state_at(row.try_get(0)?),
            count: ids.len() as u64,
            since_ms: since_ms.iter().min().copied(),
            lease_end_ms: row.try_get(3)?,
            retrying: count(row, 4)?,
            max_attempts: count(row, 5)?,
        };
        Ok(Self { group, ids, since_ms })
    }
}
