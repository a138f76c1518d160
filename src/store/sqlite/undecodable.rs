//! Queue rows that are no work item of the framework.
//!
//! The framework never changes a row's content nor uses an id again, so each row is decoded once, when it is first
//! seen, by the framework's own type: the cost is that of what was enqueued, not of what waits. Only those found
//! bad are looked at again, for an operator may delete or mend them.

use std::collections::BTreeMap;

use duroxide::providers::WorkItem;
use futures_util::TryStreamExt;
use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use crate::store::database::failure::Failure;

/// What is remembered between polls.
#[derive(Debug, Default)]
pub(super) struct Undecodable {
    orchestrator: Seen,
    worker: Seen,
}

/// One table: everything up to `last_id` was looked at; `bad` are those that failed, by id, with whether they
/// stand in the timer queue.
#[derive(Debug, Default)]
struct Seen {
    last_id: i64,
    bad: BTreeMap<i64, bool>,
}

/// Undecodable rows by queue.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) orchestrator: u64,
    pub(super) worker: u64,
    pub(super) timer: u64,
}

impl Undecodable {
    pub(super) async fn count(&mut self, connection: &mut SqliteConnection) -> Result<Counts, Failure> {
        self.orchestrator.update(connection, "orchestrator_queue").await?;
        self.worker.update(connection, "worker_queue").await?;
        let timers = self.orchestrator.bad.values().filter(|timer| **timer).count();
        let others = self.orchestrator.bad.len() - timers;
        Ok(Counts { orchestrator: others as u64, worker: self.worker.bad.len() as u64, timer: timers as u64 })
    }
}

impl Seen {
    async fn update(
        &mut self,
        connection: &mut SqliteConnection,
        table: &'static str,
    ) -> Result<(), Failure> {
        let newest: i64 = sqlx::query_scalar(&format!(
            "SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = '{table}'"
        ))
        .fetch_one(&mut *connection)
        .await?;
        if newest < self.last_id {
            // An older state was restored into the same file.
            *self = Self::default();
        }
        if !self.bad.is_empty() {
            let ids = serde_json::to_string(&self.bad.keys().collect::<Vec<_>>()).unwrap_or_default();
            let mut still_bad = BTreeMap::new();
            let condition = "id IN (SELECT value FROM json_each(?))";
            decode(connection, table, condition, ids, |id, bad| {
                still_bad.extend(bad.map(|timer| (id, timer)))
            })
            .await?;
            self.bad = still_bad;
        }
        if newest > self.last_id {
            let after = self.last_id.to_string();
            // Row by row: what was decoded before a failure need not be decoded again.
            decode(connection, table, "id > CAST(? AS INTEGER)", after, |id, bad| {
                self.bad.extend(bad.map(|timer| (id, timer)));
                self.last_id = id;
            })
            .await?;
            self.last_id = newest;
        }
        Ok(())
    }
}

/// Decodes the rows that fulfil `condition`, which has one parameter, in the order of their ids. `each` is told the
/// id and, of an undecodable row, whether it is in the timer queue.
async fn decode(
    connection: &mut SqliteConnection,
    table: &'static str,
    condition: &'static str,
    parameter: String,
    mut each: impl FnMut(i64, Option<bool>) + Send,
) -> Result<(), Failure> {
    let sql = format!(
        "SELECT id, CAST(work_item AS BLOB), typeof(work_item) = 'text' FROM {table} WHERE {condition} ORDER BY id"
    );
    let mut rows = sqlx::query(&sql).bind(parameter).fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        let item: Option<Vec<u8>> = row.try_get(1)?;
        let item = item.unwrap_or_default();
        let good = row.try_get::<bool, _>(2)? && serde_json::from_slice::<WorkItem>(&item).is_ok();
        each(row.try_get(0)?, (!good).then(|| item.starts_with(super::queues::TIMER_PREFIX.as_bytes())));
    }
    Ok(())
}
