//! The history as it grows, by rowid.
//!
//! `history` has no number of its own that only grows. Its rowid is the greatest there is plus one at the moment of an
//! insert, and there is one writer: so rows are in the order of their commits, and none is inserted behind one that was
//! read, as long as that one is there. When the newest rows are deleted, their numbers are given out again. Therefore a
//! position remembers what the last rows were, and reading goes on behind the greatest that is still the same. If none of
//! them is, it goes on by time. What is gone is remembered, too, as far as that: a backup that is put in the store's place
//! may bring it back.

use std::collections::HashSet;

use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::sql;
use crate::labels::FailureReason;
use crate::source::{Batch, Chunk, ExecutionKey, Position, SEPARATOR, Start, Take, pieces};
use crate::store::database::failure::Failure;
use crate::store::database::fingerprint::{self, fingerprint};
use crate::store::database::group::unsigned;
use crate::store::database::pieces::Pieces;

/// So many of the last rows are remembered. Whoever deletes more than these at once, all newer than the rest, makes
/// reading go on by time.
const REMEMBERED: usize = 512;

/// Rows that one statement brings, joined to one text: a row by itself costs several times as much.
const ROWS: i64 = 2_000;

/// A step ends after so many rows, or bytes.
const STEP_ROWS: u64 = 20_000;
const STEP_BYTES: usize = 8 << 20;

/// Longer events are read by themselves.
const LONG: i64 = 4 << 10;

/// Events above this are counted, but not looked at.
const TOO_LONG: i64 = 16 << 20;

/// How far was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    /// Everything up to here was read.
    rowid: i64,
    /// What the last rows up to there were, oldest first.
    last: Vec<(i64, u64)>,
    /// What rows were that were read and are gone: a backup may bring them back.
    #[serde(default)]
    gone: Vec<u64>,
    /// When the last of them was written, as the store has it.
    written_at: String,
    /// Above this a number without a row is one of a row that was deleted unread.
    unread_from: i64,
}

impl Cursor {
    fn of(position: &Position) -> Result<Self, Failure> {
        let cursor = serde_json::from_value(position.0.clone());
        cursor.map_err(|_| {
            Failure::new(FailureReason::Other, "the position in its history is not one of a SQLite store")
        })
    }

    fn position(&self) -> Position {
        // It holds numbers and a text: there is always JSON for it.
        Position(serde_json::to_value(self).unwrap_or_default())
    }

    fn forget_older(&mut self) {
        let surplus = self.last.len().saturating_sub(REMEMBERED);
        self.last.drain(..surplus);
        let surplus = self.gone.len().saturating_sub(REMEMBERED);
        self.gone.drain(..surplus);
    }
}

/// The row up to which was read.
pub(super) fn rowid(position: &Position) -> Option<i64> {
    position.0.get("rowid")?.as_i64()
}

/// One step along the history.
pub(super) async fn step(connection: &mut SqliteConnection, start: &Start) -> Result<Batch, Failure> {
    let newest = newest(connection).await?;
    let Resumed { mut cursor, rewound, lost } = match start {
        Start::Now => return now(connection, newest).await,
        // What is missing now has been deleted before anybody wanted to read it.
        Start::Beginning => Resumed::at(Cursor { unread_from: newest, ..Cursor::default() }),
        Start::After(position) => resume(connection, Cursor::of(position)?, newest).await?,
    };
    let began = cursor.position();
    let (mut chunks, mut rows, mut bytes, mut missed) = (Vec::new(), 0, 0, 0);
    while cursor.rowid < newest && rows < STEP_ROWS && bytes < STEP_BYTES {
        let mut page = page(connection, cursor.rowid, cursor.unread_from).await?;
        match page.joined.take() {
            Some(joined) => {
                bytes += joined.len();
                chunks.push(Chunk::Joined(joined));
            }
            None => {
                bytes +=
                    one_by_one(connection, cursor.rowid, cursor.unread_from, &mut page, &mut chunks).await?
            }
        }
        if page.rows == 0 {
            break;
        }
        let numbers = unsigned(page.last - cursor.rowid.max(cursor.unread_from));
        missed += numbers.saturating_sub(page.rows_above);
        rows += page.rows;
        cursor.rowid = page.last;
    }
    if rows > 0 {
        remember(connection, &mut cursor).await?;
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
) -> Result<(), Failure> {
    let until = Cursor::of(position)?.rowid;
    let sql = format!(
        "SELECT CASE WHEN octet_length(event_data) <= {TOO_LONG} THEN CAST(event_data AS TEXT) END \
         FROM history WHERE instance_id = ?1 AND execution_id = ?2 AND rowid <= ?3 ORDER BY event_id"
    );
    for ExecutionKey { instance_id, execution_id } in executions {
        let mut pieces = Pieces::new(&mut *take);
        let mut rows = sqlx::query(&sql)
            .bind(&**instance_id)
            .bind(i64::try_from(*execution_id).unwrap_or(i64::MAX))
            .bind(until)
            .fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            pieces.push(row.try_get(0)?);
        }
        pieces.finish();
    }
    Ok(())
}

async fn newest(connection: &mut SqliteConnection) -> Result<i64, Failure> {
    Ok(sqlx::query_scalar("SELECT COALESCE(MAX(rowid), 0) FROM history").fetch_one(connection).await?)
}

/// Behind everything.
async fn now(connection: &mut SqliteConnection, newest: i64) -> Result<Batch, Failure> {
    let mut cursor = Cursor { rowid: newest, unread_from: newest, ..Cursor::default() };
    remember(connection, &mut cursor).await?;
    let position = cursor.position();
    Ok(Batch {
        chunks: Vec::new(),
        began: position.clone(),
        position,
        backlog: 0,
        missed: 0,
        rewritten: 0,
        rewound: false,
        lost: None,
    })
}

/// Learns what the last rows up to the cursor are.
async fn remember(connection: &mut SqliteConnection, cursor: &mut Cursor) -> Result<(), Failure> {
    let from = cursor.last.last().map_or(i64::MIN, |(rowid, _)| *rowid);
    let sql = format!(
        "SELECT rowid, {}, CAST(created_at AS TEXT) FROM history WHERE rowid <= ?1 AND rowid > ?2 ORDER BY rowid DESC LIMIT {REMEMBERED}",
        beginning()
    );
    let mut new = Vec::new();
    let mut rows = sqlx::query(&sql).bind(cursor.rowid).bind(from).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        if new.is_empty() {
            cursor.written_at = sql::text(&row, 2)?.unwrap_or_default();
        }
        new.push((row.try_get(0)?, fingerprint(row.try_get::<Option<&[u8]>, _>(1)?.unwrap_or_default())));
    }
    cursor.last.extend(new.into_iter().rev());
    cursor.forget_older();
    Ok(())
}

/// What the fingerprint of a row is made of: whose it is, and the beginning of its text.
fn beginning() -> String {
    format!(
        "CAST(instance_id || ' ' || execution_id || ' ' || event_id || ' ' || octet_length(event_data) || \
         CASE WHEN octet_length(event_data) <= {TOO_LONG} THEN substr(event_data, 1, {}) ELSE '' END AS TEXT)",
        fingerprint::LENGTH
    )
}

/// A cursor that is known to be right in this store.
struct Resumed {
    cursor: Cursor,
    rewound: bool,
    lost: Option<String>,
}

impl Resumed {
    fn at(cursor: Cursor) -> Self {
        Self { cursor, rewound: false, lost: None }
    }
}

/// Goes on behind the greatest row that is still the same.
async fn resume(
    connection: &mut SqliteConnection,
    mut cursor: Cursor,
    newest: i64,
) -> Result<Resumed, Failure> {
    if cursor.last.is_empty() {
        // Nothing was ever there to be read.
        return Ok(Resumed::at(cursor));
    }
    let marks: HashSet<u64> =
        cursor.last.iter().map(|(_, mark)| *mark).chain(cursor.gone.iter().copied()).collect();
    // Rows of the same second as the last, before all that is remembered, were read as well.
    let first = cursor.last.first().map_or(0, |(rowid, _)| *rowid);
    let sql = format!("SELECT {} FROM history WHERE rowid = ?", beginning());
    while let Some((rowid, mark)) = cursor.last.last().copied() {
        let text: Option<Option<Vec<u8>>> =
            sqlx::query_scalar(&sql).bind(rowid).fetch_optional(&mut *connection).await?;
        if text.is_some_and(|text| fingerprint(&text.unwrap_or_default()) == mark) {
            let rewound = rowid != cursor.rowid;
            if rewound {
                cursor.unread_from = cursor.unread_from.max(cursor.rowid);
                cursor.rowid = read_before(connection, rowid, &marks).await?;
                remember(connection, &mut cursor).await?;
            }
            return Ok(Resumed { cursor, rewound, lost: None });
        }
        cursor.gone.push(mark);
        cursor.last.pop();
    }
    let rowid = last_read(connection, &cursor.written_at, first, &marks).await?;
    let mut found = Cursor { rowid, unread_from: newest, gone: cursor.gone, ..Cursor::default() };
    remember(connection, &mut found).await?;
    let why = format!(
        "the events that were counted last are not in the store any more (deleted, or another store has taken its place); \
         counting goes on with those written since {}",
        cursor.written_at
    );
    Ok(Resumed { cursor: found, rewound: true, lost: Some(why) })
}

/// The last of the rows behind one that were read before, too: they had been deleted, and a backup has brought them back.
async fn read_before(
    connection: &mut SqliteConnection,
    rowid: i64,
    marks: &HashSet<u64>,
) -> Result<i64, Failure> {
    let sql = format!("SELECT rowid, {} FROM history WHERE rowid > ? ORDER BY rowid", beginning());
    let mut last = rowid;
    let mut rows = sqlx::query(&sql).bind(rowid).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        if !marks.contains(&fingerprint(row.try_get::<Option<&[u8]>, _>(1)?.unwrap_or_default())) {
            break;
        }
        last = row.try_get(0)?;
    }
    Ok(last)
}

/// The last row that was read, by the time of those that were, and by their marks: rows of that very second may have been
/// read or not, and rows may have other numbers than before, as after a VACUUM.
async fn last_read(
    connection: &mut SqliteConnection,
    written_at: &str,
    first: i64,
    marks: &HashSet<u64>,
) -> Result<i64, Failure> {
    let older: i64 = sqlx::query_scalar(
        "SELECT COALESCE((SELECT rowid FROM history WHERE CAST(created_at AS TEXT) < ?1 \
           OR (CAST(created_at AS TEXT) = ?1 AND rowid < ?2) ORDER BY rowid DESC LIMIT 1), 0)",
    )
    .bind(written_at)
    .bind(first)
    .fetch_one(&mut *connection)
    .await?;
    let sql = format!(
        "SELECT rowid, {} FROM history WHERE rowid > ?1 AND CAST(created_at AS TEXT) = ?2 ORDER BY rowid DESC",
        beginning()
    );
    let mut rows = sqlx::query(&sql).bind(older).bind(written_at).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        if marks.contains(&fingerprint(row.try_get::<Option<&[u8]>, _>(1)?.unwrap_or_default())) {
            return Ok(row.try_get(0)?);
        }
    }
    Ok(older)
}

/// Some rows behind another.
struct Page {
    rows: u64,
    /// Of them, those above the number from which one without a row counts.
    rows_above: u64,
    last: i64,
    /// Their texts, unless one of them has to be read by itself.
    joined: Option<Vec<u8>>,
}

async fn page(connection: &mut SqliteConnection, after: i64, unread_from: i64) -> Result<Page, Failure> {
    let sql = format!(
        "SELECT COUNT(*), SUM(rowid > ?2), MAX(rowid), COUNT(text), CAST(group_concat(text, char({SEPARATOR})) AS TEXT) \
         FROM (SELECT rowid, CASE WHEN octet_length(event_data) <= {LONG} THEN event_data END AS text \
               FROM history WHERE rowid > ?1 ORDER BY rowid LIMIT {ROWS})"
    );
    let row: SqliteRow = sqlx::query(&sql).bind(after).bind(unread_from).fetch_one(&mut *connection).await?;
    let rows = unsigned(row.try_get(0)?);
    let texts = unsigned(row.try_get(3)?);
    let joined = row.try_get::<Option<Vec<u8>>, _>(4)?;
    Ok(Page {
        rows,
        rows_above: unsigned(row.try_get::<Option<i64>, _>(1)?.unwrap_or(0)),
        last: row.try_get::<Option<i64>, _>(2)?.unwrap_or(after),
        joined: joined.filter(|joined| texts == rows && pieces(joined) as u64 == rows),
    })
}

/// The rows of a page, each by itself where it has to be, until they are large enough for a step: then the page is cut.
/// Answers their size.
async fn one_by_one(
    connection: &mut SqliteConnection,
    after: i64,
    unread_from: i64,
    page: &mut Page,
    chunks: &mut Vec<Chunk>,
) -> Result<usize, Failure> {
    let sql = format!(
        "SELECT rowid, CASE WHEN octet_length(event_data) <= {TOO_LONG} THEN CAST(event_data AS TEXT) END \
         FROM history WHERE rowid > ?1 AND rowid <= ?2 ORDER BY rowid"
    );
    let mut collect = |chunk: &Chunk| chunks.push(chunk.clone());
    let mut pieces = Pieces::new(&mut collect);
    let mut rows = sqlx::query(&sql).bind(after).bind(page.last).fetch(connection);
    *page = Page { rows: 0, rows_above: 0, last: after, joined: None };
    while let Some(row) = rows.try_next().await? {
        page.last = row.try_get(0)?;
        page.rows += 1;
        page.rows_above += u64::from(page.last > unread_from);
        pieces.push(row.try_get(1)?);
        if pieces.bytes >= STEP_BYTES {
            break;
        }
    }
    let bytes = pieces.bytes;
    pieces.finish();
    Ok(bytes)
}
