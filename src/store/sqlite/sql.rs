//! Pieces of SQL that several statements share, and the values they give.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::management::Timestamp;

/// A time column in milliseconds: the framework stores integers, or text of whole seconds where a default or an
/// old version wrote it. A repair by hand may leave a fraction, which the framework compares as well.
pub(super) fn millis(column: &str) -> String {
    format!(
        "CASE typeof({column}) WHEN 'text' THEN strftime('%s', {column}) * 1000 ELSE CAST({column} AS INTEGER) END"
    )
}

/// A text column that was cast to BLOB. The database does not check that a text is UTF-8.
pub(super) fn text(row: &SqliteRow, column: usize) -> Result<Option<String>, sqlx::Error> {
    let bytes: Option<Vec<u8>> = row.try_get(column)?;
    Ok(bytes.map(|bytes| match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }))
}

/// A column of milliseconds, such as [`millis`] gives.
pub(super) fn time(row: &SqliteRow, column: usize) -> Result<Option<Timestamp>, sqlx::Error> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(Timestamp::from_unix_millis))
}
