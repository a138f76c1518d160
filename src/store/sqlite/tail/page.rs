//! Rows of `history` by their numbers: many joined to one, for a row by itself costs several times as much.

use futures_util::TryStreamExt;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::super::sql;
use crate::history::Row;
use crate::source::{Chunk, Columns, ExecutionKey, SEPARATOR, Take, pieces};
use crate::store::database::failure::StoreError;
use crate::store::database::group::unsigned;
use crate::store::database::pieces::Pieces;

/// Rows that one statement brings.
const ROWS: i64 = 2_000;

/// Longer events are read by themselves.
const LONG: i64 = 4 << 10;

/// Events above this are counted, but not looked at.
pub(super) const TOO_LONG: i64 = 16 << 20;

/// Some rows behind another.
pub(super) struct Page {
    pub(super) rows: u64,
    /// Of them, those above the number from which one without a row counts.
    pub(super) rows_above: u64,
    pub(super) last: i64,
    pub(super) bytes: usize,
}

/// Reads a page of rows behind one, or less if they are as large as this together.
pub(super) async fn page(
    connection: &mut SqliteConnection,
    after: i64,
    unread_from: i64,
    most_bytes: usize,
    chunks: &mut Vec<Chunk>,
) -> Result<Page, StoreError> {
    // Values of one column at a time: to join the columns of a row first costs more.
    let joined = |column: &str| format!("CAST(group_concat({column}, char({})) AS TEXT)", SEPARATOR as u32);
    let sql = format!(
        "SELECT COUNT(*), SUM(rowid > ?2), MAX(rowid), {}, {}, {}, {}, {} \
         FROM (SELECT rowid, instance_id, execution_id, event_id, event_type, \
                      CASE WHEN octet_length(event_data) <= {LONG} THEN event_data END AS text \
               FROM history WHERE rowid > ?1 ORDER BY rowid LIMIT {ROWS})",
        joined("instance_id"),
        joined("execution_id"),
        joined("event_id"),
        joined("event_type"),
        joined("text"),
    );
    let row: SqliteRow = sqlx::query(&sql).bind(after).bind(unread_from).fetch_one(&mut *connection).await?;
    let rows = unsigned(row.try_get(0)?);
    let last = row.try_get::<Option<i64>, _>(2)?.unwrap_or(after);
    // A value that is missing, or that holds a separator, makes a column too short or too long.
    let column = |index| -> Result<Option<String>, sqlx::Error> {
        let joined = row.try_get::<Option<Vec<u8>>, _>(index)?;
        let joined = joined.and_then(|joined| String::from_utf8(joined).ok());
        Ok(joined.filter(|joined| pieces(joined) as u64 == rows))
    };
    if let (Some(instances), Some(executions), Some(events), Some(types), Some(texts)) =
        (column(3)?, column(4)?, column(5)?, column(6)?, column(7)?)
    {
        let (rows_above, bytes) = (unsigned(row.try_get(1)?), texts.len());
        chunks.push(Chunk::Joined(Columns { instances, executions, events, types, texts }));
        return Ok(Page { rows, rows_above, last, bytes });
    }
    one_by_one(connection, after, last, unread_from, most_bytes, chunks).await
}

/// Rows up to one, each by itself where it has to be, until they are large enough.
async fn one_by_one(
    connection: &mut SqliteConnection,
    after: i64,
    last: i64,
    unread_from: i64,
    most_bytes: usize,
    chunks: &mut Vec<Chunk>,
) -> Result<Page, StoreError> {
    let sql =
        format!("SELECT {}, rowid FROM history WHERE rowid > ?1 AND rowid <= ?2 ORDER BY rowid", columns());
    let mut collect = |chunk: &Chunk| chunks.push(chunk.clone());
    let mut pieces = Pieces::new(&mut collect);
    let mut rows = sqlx::query(&sql).bind(after).bind(last).fetch(connection);
    let mut page = Page { rows: 0, rows_above: 0, last: after, bytes: 0 };
    while let Some(row) = rows.try_next().await? {
        page.last = row.try_get(5)?;
        page.rows += 1;
        page.rows_above += u64::from(page.last > unread_from);
        push(&row, &mut pieces)?;
        page.bytes = pieces.bytes;
        if page.bytes >= most_bytes {
            break;
        }
    }
    pieces.finish();
    Ok(page)
}

/// Hands over the events of executions up to a row.
pub(super) async fn of_executions(
    connection: &mut SqliteConnection,
    executions: &[ExecutionKey],
    until: i64,
    take: &mut Take<'_>,
) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT {} FROM history WHERE instance_id = ?1 AND execution_id = ?2 AND rowid <= ?3 ORDER BY event_id",
        columns()
    );
    for ExecutionKey { instance_id, execution_id } in executions {
        let mut pieces = Pieces::new(&mut *take);
        let mut rows = sqlx::query(&sql)
            .bind(&**instance_id)
            .bind(i64::try_from(*execution_id).unwrap_or(i64::MAX))
            .bind(until)
            .fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            push(&row, &mut pieces)?;
        }
        pieces.finish();
    }
    Ok(())
}

/// What [`push`] reads.
fn columns() -> String {
    format!(
        "CAST(instance_id AS TEXT), CAST(execution_id AS INTEGER), CAST(event_id AS INTEGER), CAST(event_type AS TEXT), \
         CASE WHEN octet_length(event_data) <= {TOO_LONG} THEN CAST(event_data AS TEXT) END"
    )
}

fn push(row: &SqliteRow, pieces: &mut Pieces<'_, '_>) -> Result<(), StoreError> {
    pieces.push(Row {
        instance_id: &sql::text(row, 0)?.unwrap_or_default(),
        execution_id: sql::count(row, 1)?,
        event_id: sql::count(row, 2)?,
        event_type: &sql::text(row, 3)?.unwrap_or_default(),
        text: sql::bytes(row, 4)?.and_then(|text| std::str::from_utf8(text).ok()),
    });
    Ok(())
}
