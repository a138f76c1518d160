//! The work items of a SQLite store's queues.

use sqlx::sqlite::SqliteConnection;

use super::large::LargeRows;
use super::{sql, text};
use crate::store::database::failure::StoreError;
use crate::store::database::items::{BEGINNING, Item, Items, LARGEST};

/// SQLite reads all of a text to give its beginning. This is the most that is read for that, once for each row.
const TOO_LARGE: i64 = 16 << 20;

/// Rows in one statement, or bytes: what it brings is in memory at once.
const BATCH_ROWS: usize = 2_000;
const BATCH_BYTES: i64 = LARGEST;

/// What is known of the rows of one table.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) items: Items,
    pub(super) large: LargeRows,
}

/// Both tables.
#[derive(Debug, Default)]
pub(super) struct QueueItems {
    pub(super) orchestrator: Known,
    pub(super) worker: Known,
}

impl QueueItems {
    /// To be called before a recount: it is to find what is changed by hand.
    pub(super) fn forget_columns(&mut self) {
        self.orchestrator.large = LargeRows::default();
        self.worker.large = LargeRows::default();
    }
}

/// Learns about the rows of `table` that are there now, and forgets the others.
pub(super) async fn update(
    items: &mut Items,
    connection: &mut SqliteConnection,
    table: &'static str,
) -> Result<(), StoreError> {
    let ids = format!("SELECT json_group_array(id) FROM {table}");
    let row = sqlx::query(&ids).fetch_one(&mut *connection).await?;
    let unread = items.unread(&text::numbers(sql::bytes(&row, 0)?));
    if unread.is_empty() {
        return Ok(());
    }
    let of = "id IN (SELECT value FROM json_each(?))";
    // Of a row that is not looked into, SQLite reads the head alone.
    let sizes = format!(
        "SELECT json_group_array(id), json_group_array(octet_length(work_item)) FROM {table} WHERE {of}"
    );
    let row = sqlx::query(&sizes).bind(json(&unread)).fetch_one(&mut *connection).await?;
    let (ids, sizes) = (text::numbers(sql::bytes(&row, 0)?), text::numbers(sql::bytes(&row, 1)?));
    let read = format!(
        "SELECT id, octet_length(work_item), typeof(work_item) = 'text', \
           CASE WHEN octet_length(work_item) <= {LARGEST} THEN work_item \
                WHEN octet_length(work_item) <= {TOO_LARGE} THEN {} END \
         FROM {table} WHERE {of}",
        text::sql_beginning("work_item", BEGINNING)
    );
    let mut batch = Vec::new();
    let mut bytes = 0;
    let mut rows = ids.into_iter().zip(sizes).peekable();
    while let Some((id, size)) = rows.next() {
        batch.push(id);
        bytes += size.min(LARGEST);
        let is_full = |next: i64| batch.len() == BATCH_ROWS || bytes + next.min(LARGEST) > BATCH_BYTES;
        if rows.peek().is_some_and(|(_, next)| !is_full(*next)) {
            continue;
        }
        for row in sqlx::query(&read).bind(json(&batch)).fetch_all(&mut *connection).await? {
            let size = sql::number(&row, 1)?.unwrap_or(0);
            let text = sql::bytes(&row, 3)?.unwrap_or_default();
            let item = match sql::flag(&row, 2)? {
                false => Item::Bad(None),
                // It may start an instance: nothing that depends on that is claimed.
                true if size > TOO_LARGE => Item::Start,
                true if size > LARGEST => items.ends(text),
                true => items.whole(text),
            };
            items.learn(sql::number(&row, 0)?.unwrap_or(0), size, item);
        }
        batch.clear();
        bytes = 0;
    }
    Ok(())
}

/// Ids as a JSON array, for a statement.
pub(super) fn json(ids: &[i64]) -> String {
    // Numbers alone: there is always JSON for them.
    serde_json::to_string(ids).unwrap_or_default()
}
