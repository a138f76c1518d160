//! The history as it grows, by rowid.
//!
//! `history` has no number of its own that only grows. Its rowid is the greatest there is plus one at the moment of an
//! insert, and there is one writer: so rows are in the order of their commits, and none is inserted behind one that was
//! read, as long as that one is there. `cursor` finds the place where reading goes on when it is not, `page` reads.

mod cursor;
mod page;

use sqlx::sqlite::SqliteConnection;

use crate::source::{Batch, ExecutionKey, Position, Start, Take};
use crate::store::database::failure::StoreError;
use crate::store::database::group::unsigned;
use cursor::{Cursor, Resumed};
use page::page;

/// A step ends after so many rows, or bytes.
const STEP_ROWS: u64 = 20_000;
const STEP_BYTES: usize = 8 << 20;

/// The row up to which was read.
pub(super) fn rowid(position: &Position) -> Option<i64> {
    position.0.get("rowid")?.as_i64()
}

/// One step along the history of a store that has this identity and was made at this moment.
pub(super) async fn step(
    connection: &mut SqliteConnection,
    identity: Option<&str>,
    made_ms: Option<i64>,
    start: &Start,
) -> Result<Batch, StoreError> {
    let newest = newest(connection).await?;
    let Resumed { mut cursor, rewound, lost } = match start {
        // Nothing of it can have been there before anybody wanted to read it.
        Start::Now { since_ms } if made_ms > Some(*since_ms) => Resumed::at(Cursor::beginning(0)),
        Start::Now { .. } => Resumed::at(Cursor::behind(connection, newest).await?),
        Start::Beginning => Resumed::at(Cursor::beginning(newest)),
        Start::After(position) => Cursor::of(position)?.resume(connection, identity, newest).await?,
    };
    cursor.identity = identity.map(str::to_owned);
    let (began, from) = (cursor.position(), cursor.rowid);
    let (mut chunks, mut rows, mut bytes, mut missed) = (Vec::new(), 0, 0, 0);
    while cursor.rowid < newest && rows < STEP_ROWS && bytes < STEP_BYTES {
        let page = page(connection, cursor.rowid, cursor.unread_from, STEP_BYTES, &mut chunks).await?;
        if page.rows == 0 {
            break;
        }
        let numbers = unsigned(page.last - cursor.rowid.max(cursor.unread_from));
        missed += numbers.saturating_sub(page.rows_above);
        rows += page.rows;
        bytes += page.bytes;
        cursor.rowid = page.last;
    }
    if rows > 0 {
        cursor.remember(connection, from).await?;
    }
    let backlog = unsigned(newest - cursor.rowid);
    if backlog == 0 {
        cursor.unread_from = cursor.rowid;
    }
    Ok(Batch { chunks, began, position: cursor.position(), backlog, missed, rewritten: 0, rewound, lost })
}

/// Hands over the events of executions up to a position.
pub(super) async fn recall(
    connection: &mut SqliteConnection,
    executions: &[ExecutionKey],
    position: &Position,
    take: &mut Take<'_>,
) -> Result<(), StoreError> {
    page::of_executions(connection, executions, Cursor::of(position)?.rowid, take).await
}

async fn newest(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT COALESCE(MAX(rowid), 0) FROM history").fetch_one(connection).await?)
}

#[cfg(test)]
mod tests;
