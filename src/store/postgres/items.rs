//! The work items of a Postgres store's queues.

use futures_util::TryStreamExt;
use sqlx::Row;

use super::reader::Snapshot;
use super::schema::{Schema, Tables};
use super::sql::raw;
use crate::store::database::failure::StoreError;
use crate::store::database::items::{BEGINNING, Item, Items, LARGEST};

/// Ids in one statement.
const BATCH: usize = 2_000;

/// Both tables.
#[derive(Debug, Default)]
pub(super) struct QueueItems {
    tables: Tables,
    pub(super) orchestrator: Items,
    pub(super) worker: Items,
}

impl QueueItems {
    /// Forgets everything when the tables are others than before.
    pub(super) fn settle(&mut self, schema: &Schema, other_store: bool) {
        if other_store || self.tables != schema.tables {
            *self = Self { tables: schema.tables, ..Self::default() };
        }
    }
}

/// Learns about the rows of `table` that are there now, all of them `ids`, and forgets the others.
pub(super) async fn update(
    items: &mut Items,
    snapshot: &mut Snapshot,
    table: &'static str,
    ids: &[i64],
) -> Result<(), StoreError> {
    let schema = &snapshot.schema;
    let sql = format!(
        "SELECT id, octet_length(work_item)::int8, \
                CASE WHEN octet_length(work_item) > {LARGEST} THEN left(work_item, {BEGINNING}) || right(work_item, {BEGINNING}) \
                     ELSE work_item END \
         FROM {schema}.{table} WHERE id = ANY($1)"
    );
    for batch in items.unread(ids).chunks(BATCH) {
        let connection = snapshot.allow().await?;
        let mut rows = sqlx::query(&sql).bind(batch).fetch(connection);
        while let Some(row) = rows.try_next().await? {
            let (id, size): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            let text = raw(&row, 2)?.unwrap_or_default();
            let item = if size > LARGEST { items.ends(text) } else { whole(items, text) };
            items.learn(id, size, item);
        }
    }
    Ok(())
}

fn whole(items: &mut Items, text: &[u8]) -> Item {
    match items.whole(text) {
        // The provider lets the database decode what is for orchestrations, and the database holds no NUL: nothing is
        // handed out while such a row is the first.
        Item::Timer(_) | Item::Start | Item::Other if has_escaped_nul(&String::from_utf8_lossy(text)) => {
            Item::Bad(None)
        }
        item => item,
    }
}

/// Whether a string in this JSON holds a NUL.
fn has_escaped_nul(json: &str) -> bool {
    json.match_indices("\\u0000").any(|(at, _)| {
        // Behind an even number of backslashes this one begins an escape; otherwise it is itself escaped.
        let before = json.get(..at).unwrap_or_default();
        before.bytes().rev().take_while(|byte| *byte == b'\\').count().is_multiple_of(2)
    })
}

#[cfg(test)]
mod tests {
    use duroxide::providers::WorkItem;

    use super::*;

    #[test]
    fn what_the_database_cannot_decode_is_bad() {
        let mut items = Items::default();
        let raised = |data: &str| {
            let item = WorkItem::ExternalRaised { instance: "i".into(), name: "n".into(), data: data.into() };
            serde_json::to_string(&item).unwrap()
        };
        for (data, expected) in [
            ("a\0b", Item::Bad(None)),
            ("\\\0", Item::Bad(None)),
            ("a\\u0000b", Item::Other),
            ("\\\\u0000", Item::Other),
        ] {
            assert_eq!(whole(&mut items, raised(data).as_bytes()), expected, "{data:?}");
        }
    }
}
