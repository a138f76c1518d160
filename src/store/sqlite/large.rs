//! Rows of the queues with a large work item, as they were last read.
//!
//! Most columns lie behind the work item: for one of them SQLite walks over all pages of the item. So they are kept, and
//! read again when the framework may have changed them, which is told by what costs no walk: the framework's indexes, the
//! head of the row (sizes, types, and the numbers 0 and 1), and other tables. What somebody changes by hand is seen when
//! the instances are recounted.

use std::collections::HashMap;

use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnection;

use super::schema::Schema;
use super::{clock, sql, text};
use crate::store::database::failure::StoreError;
use crate::store::database::items::LARGE;

/// The columns of a row of this size are kept. To walk over fewer pages costs no more than to keep them.
pub(super) const LARGE_ROW: i64 = 64 << 10;

/// A lease that ended so long ago is not renewed any more. (A renewal reads the clock, waits for a connection and for
/// the database, a minute each at most, and extends what had not ended by that clock.)
const RENEWED_WITHIN_MS: i64 = 2 * 60_000;

/// The columns that are kept of a row, in a JSON array, and behind them when they were read. A row that was not read yet
/// has its id alone.
const KEPT: [&str; 8] = [
    "id",
    "created_at",
    "visible_at",
    "attempt_count",
    "lock_token",
    // The orchestrator's rows have none: of them, whether the instance is locked by the row's own token.
    "locked_until",
    "instance_id",
    "tag",
];
const READ_AT: &str = "r.value ->> 8";

/// SQL for a column of a row `r` that is kept.
fn kept(column: &str) -> String {
    let place = KEPT.iter().position(|kept| *kept == column);
    place.map_or_else(|| "NULL".to_owned(), |place| format!("r.value ->> {place}"))
}

/// Those of one table.
#[derive(Debug, Default)]
pub(super) struct LargeRows(HashMap<i64, Value>);

impl LargeRows {
    /// Reads those of the worker's rows that are new or may have changed, and forgets all but these.
    pub(super) async fn update_worker(
        &mut self,
        connection: &mut SqliteConnection,
        schema: &Schema,
        ids: impl Iterator<Item = i64>,
    ) -> Result<(), StoreError> {
        if !schema.worker_tells {
            return Ok(());
        }
        // A token is never used again, and while a row has it only the end of its lease changes, for a later one. A row
        // without one may have been taken and handed back meanwhile. That counts as an attempt, except in races for a
        // session.
        let unchanged = format!(
            "EXISTS (SELECT 1 FROM worker_queue q INDEXED BY idx_worker_available \
                     WHERE q.lock_token IS ({token}) AND q.id = ({id})) \
             AND CASE WHEN {token} IS NOT NULL \
                 THEN COALESCE({lease_end} > ?2 OR {lease_end} + {RENEWED_WITHIN_MS} <= {READ_AT}, 1) \
                 ELSE {attempts} <= 1 AND (SELECT q.attempt_count IS ({attempts}) AND {session} = 'null' \
                                           FROM worker_queue q WHERE q.id = ({id})) END",
            id = kept("id"),
            token = kept("lock_token"),
            lease_end = kept("locked_until"),
            attempts = kept("attempt_count"),
            session = if schema.worker_session { "typeof(q.session_id)" } else { "'null'" },
        );
        let columns = Columns {
            table: "worker_queue",
            locked: "q.locked_until",
            instance: if schema.worker_identity { "q.instance_id" } else { "NULL" },
            tag: &if schema.worker_tag { text::sql_prefix("q.tag") } else { "NULL".to_owned() },
        };
        self.update(connection, &columns, &unchanged, ids).await
    }

    /// The same of the orchestrator's rows.
    pub(super) async fn update_orchestrator(
        &mut self,
        connection: &mut SqliteConnection,
        schema: &Schema,
        ids: impl Iterator<Item = i64>,
    ) -> Result<(), StoreError> {
        if !schema.orchestrator_tells {
            return Ok(());
        }
        // Rows that are taken get a new token and keep it. While it locks the instance they may be handed back, which
        // ends the lock.
        let locked = "EXISTS (SELECT 1 FROM instance_locks il \
                              WHERE il.instance_id = q.instance_id AND il.lock_token = q.lock_token)";
        let unchanged = format!(
            "EXISTS (SELECT 1 FROM orchestrator_queue q INDEXED BY idx_orch_visible \
                     WHERE q.visible_at IS ({visible}) AND q.lock_token IS ({token}) AND q.id = ({id}) \
                       AND {locked} = ({was_locked}))",
            id = kept("id"),
            visible = kept("visible_at"),
            token = kept("lock_token"),
            was_locked = kept("locked_until"),
        );
        let columns = Columns { table: "orchestrator_queue", locked, instance: "q.instance_id", tag: "NULL" };
        self.update(connection, &columns, &unchanged, ids).await
    }

    async fn update(
        &mut self,
        connection: &mut SqliteConnection,
        columns: &Columns<'_>,
        unchanged: &str,
        ids: impl Iterator<Item = i64>,
    ) -> Result<(), StoreError> {
        let mut known = std::mem::take(&mut self.0);
        let rows: Vec<Value> = ids.map(|id| known.remove(&id).unwrap_or_else(|| json!([id]))).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "SELECT CASE WHEN {READ_AT} IS NOT NULL AND {unchanged} THEN r.value ELSE ({read}) END FROM json_each(?1) r",
            read = columns.read()
        );
        let rows = serde_json::to_string(&rows).unwrap_or_default();
        let now = clock::wall_ms();
        for row in sqlx::query(&sql).bind(rows).bind(now).fetch_all(connection).await? {
            // What is no JSON because a text is not UTF-8 is not kept.
            let row = sql::bytes(&row, 0)?.and_then(|json| serde_json::from_slice::<Value>(json).ok());
            let id = row.as_ref().and_then(|row| row.get(0)?.as_i64());
            self.0.extend(id.zip(row));
        }
        Ok(())
    }

    /// SQL for these columns of the rows of a table; of the work items, those that are small. The table is not asked for
    /// what is kept, which is bound as `parameter`.
    pub(super) fn source(&self, table: &str, columns: &[&str], parameter: &str) -> String {
        if self.0.is_empty() {
            return table.to_owned();
        }
        let of_table = columns.iter().map(|column| match *column {
            "work_item" => {
                format!("CASE WHEN octet_length(work_item) <= {LARGE} THEN work_item END AS work_item")
            }
            column => column.to_owned(),
        });
        let of_kept = columns.iter().map(|column| kept(column));
        format!(
            "(SELECT {} FROM {table} WHERE id NOT IN (SELECT {} FROM json_each({parameter}) r) \
              UNION ALL SELECT {} FROM json_each({parameter}) r)",
            of_table.collect::<Vec<_>>().join(", "),
            kept("id"),
            of_kept.collect::<Vec<_>>().join(", "),
        )
    }

    /// What is bound for that, a JSON array.
    pub(super) fn json(&self) -> String {
        // Made of JSON: there is always JSON for it.
        serde_json::to_string(&self.0.values().collect::<Vec<_>>()).unwrap_or_default()
    }
}

/// What differs between the tables.
struct Columns<'a> {
    table: &'static str,
    locked: &'a str,
    instance: &'a str,
    tag: &'a str,
}

impl Columns<'_> {
    /// The statement that reads a row. One with a value that JSON cannot hold exactly is not kept: the framework writes none.
    fn read(&self) -> String {
        let Self { table, locked, instance, tag } = self;
        let columns =
            ["q.created_at", "q.visible_at", "q.attempt_count", "q.lock_token", locked, instance, tag];
        let fits = columns.map(|column| format!("typeof({column}) NOT IN ('blob', 'real')"));
        format!(
            "SELECT json_array(q.id, {}, ?2) FROM {table} q WHERE q.id = ({}) AND {}",
            columns.join(", "),
            kept("id"),
            fits.join(" AND ")
        )
    }
}
