//! The transactions of a snapshot, which rows are of which, and whose transactions these are.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use sqlx::Row;

use super::super::reader::Snapshot;
use crate::store::database::failure::StoreError;
use crate::store::database::group::unsigned;

/// So many transactions above the oldest that runs are nothing to ask about.
const USUAL: u64 = 1_000;

/// Rows hold the lower half of a number.
const ROUND: u64 = 1 << 32;

/// A row this much older than the last read was not written since: no server uses up all numbers in that time.
const LONG_AGO_MS: i64 = 86_400_000;

/// What transactions' numbers belong to. A standby and its primary have it in common; a restored dump has another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    /// Of the table.
    history: i64,
    /// Of the server, where one may ask.
    server: Option<i64>,
}

impl Origin {
    pub(super) async fn read(snapshot: &mut Snapshot) -> Result<Self, StoreError> {
        let may_ask = sqlx::query_scalar("SELECT has_function_privilege('pg_control_system()', 'EXECUTE')");
        let server = if may_ask.fetch_one(snapshot.transaction()).await? {
            let server = sqlx::query_scalar("SELECT system_identifier FROM pg_control_system()");
            Some(server.fetch_one(snapshot.transaction()).await?)
        } else {
            None
        };
        Ok(Self { history: snapshot.schema.tables.history, server })
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        let same_server = self.server.is_none() || other.server.is_none() || self.server == other.server;
        self.history == other.history && same_server
    }
}

/// What has been decided, and what has not begun.
#[derive(Debug, Clone, Copy)]
pub(super) struct Horizon {
    /// All below have ended, or run in another database.
    pub(super) oldest: u64,
    /// None at or above had begun.
    pub(super) next: u64,
    /// What the database's age() says of it.
    age_of_next: i64,
}

impl Horizon {
    pub(super) async fn read(snapshot: &mut Snapshot) -> Result<Self, StoreError> {
        let row = sqlx::query(
            "SELECT txid_snapshot_xmin(s), txid_snapshot_xmax(s), \
                    age((txid_snapshot_xmax(s) & 4294967295)::text::xid)::int8, array(SELECT txid_snapshot_xip(s)) \
             FROM txid_current_snapshot() AS s",
        )
        .fetch_one(snapshot.transaction())
        .await?;
        let running: Vec<i64> = row.try_get(3)?;
        let mut horizon = Self {
            oldest: unsigned(row.try_get(0)?),
            next: unsigned(row.try_get(1)?),
            age_of_next: row.try_get(2)?,
        };
        // On a standby the list is empty, whatever runs.
        if snapshot.moment.replication.is_none() && horizon.next - horizon.oldest > USUAL {
            let elsewhere = elsewhere(snapshot).await?;
            // By the lower half, for that is what the server shows. Those that run are less than half of all apart.
            let ours = running.into_iter().map(unsigned).filter(|id| !elsewhere.contains(&(id % ROUND)));
            horizon.oldest = ours.min().unwrap_or(horizon.next);
        }
        Ok(horizon)
    }

    /// What the database's age() says of a transaction in this snapshot.
    pub(super) fn age(&self, transaction: u64) -> i64 {
        let before_next = i64::try_from(i128::from(self.next) - i128::from(transaction)).unwrap_or(i64::MAX);
        self.age_of_next.saturating_add(before_next)
    }

    /// The transaction of that age, if it is one of the last.
    pub(super) fn transaction(&self, age: i64) -> u64 {
        self.next.saturating_add_signed(self.age_of_next.saturating_sub(age))
    }

    /// When a row must have been written to be new, where its transaction alone does not tell: the number may be that of
    /// one that was a whole round earlier. `read_ms`: of the last read.
    fn long_ago(&self, read_ms: i64) -> Option<i64> {
        (self.next > ROUND).then(|| read_ms.saturating_sub(LONG_AGO_MS))
    }

    /// SQL: that a row of the table `of` was written by this transaction or a later one.
    pub(super) fn since(&self, of: &str, time: &str, from: u64, read_ms: i64) -> String {
        // In this order: for most rows the first decides. Below 0 are those that seem to be of the future.
        let age = self.age(from);
        let mut since = format!("age({of}.xmin) <= {age} AND age({of}.xmin) >= 0");
        if let Some(long_ago) = self.long_ago(read_ms) {
            since += &format!(" AND {of}.{time} > {}", literal(long_ago));
        }
        since
    }

    /// SQL: that it was written by an earlier one.
    pub(super) fn before(&self, of: &str, time: &str, to: u64, read_ms: i64) -> String {
        format!("NOT ({})", self.since(of, time, to, read_ms))
    }
}

/// SQL for a moment.
pub(super) fn literal(ms: i64) -> String {
    format!("to_timestamp({ms}::int8 / 1000.0)")
}

/// Transactions, by the lower half of their numbers, that can have no part in this store, for they are of other databases.
/// One that ends meanwhile is not found: then it counts as ours.
async fn elsewhere(snapshot: &mut Snapshot) -> Result<HashSet<u64>, StoreError> {
    let ids: Vec<i64> = sqlx::query_scalar(
        "SELECT a.backend_xid::text::int8 FROM pg_stat_activity a, pg_database d \
         WHERE d.datname = current_database() AND a.datid <> d.oid AND a.backend_xid IS NOT NULL \
         UNION ALL \
         SELECT p.transaction::text::int8 FROM pg_prepared_xacts p WHERE p.database <> current_database()",
    )
    .fetch_all(snapshot.transaction())
    .await?;
    Ok(ids.into_iter().map(unsigned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_transactions_are_two_names_of_one_thing() {
        let horizon = Horizon { oldest: 90, next: 100, age_of_next: 3 };
        for transaction in [1, 90, 99, 100, 120] {
            assert_eq!(horizon.transaction(horizon.age(transaction)), transaction);
        }
        assert_eq!(horizon.age(90), 13);
    }

    #[test]
    fn times_are_looked_at_once_numbers_come_again() {
        let young = Horizon { oldest: 90, next: 100, age_of_next: 0 };
        assert_eq!(young.since("h", "created_at", 90, 5), "age(h.xmin) <= 10 AND age(h.xmin) >= 0");
        let old = Horizon { oldest: ROUND + 90, next: ROUND + 100, age_of_next: 0 };
        assert_eq!(
            old.since("h", "created_at", ROUND + 90, LONG_AGO_MS + 5),
            "age(h.xmin) <= 10 AND age(h.xmin) >= 0 AND h.created_at > to_timestamp(5::int8 / 1000.0)"
        );
    }
}
