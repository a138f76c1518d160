//! Values of a row, and the SQL that gives them.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::management::Timestamp;
use crate::store::database::group::unsigned;

/// A time column in milliseconds: the framework stores integers, or text of whole seconds where a default or an
/// old version wrote it. A repair by hand may leave a fraction, which the framework compares as well.
pub(super) fn millis(column: &str) -> String {
    format!(
        "CASE typeof({column}) WHEN 'text' THEN strftime('%s', {column}) * 1000 ELSE CAST({column} AS INTEGER) END"
    )
}

/// A number. A column of SQLite may hold a value of any type: one that is no number is read as SQLite itself casts it.
pub(super) fn number(row: &SqliteRow, column: usize) -> Result<Option<i64>, sqlx::Error> {
    row.try_get_unchecked(column)
}

/// How many; 0 for what is no number.
pub(super) fn count(row: &SqliteRow, column: usize) -> Result<u64, sqlx::Error> {
    Ok(unsigned(number(row, column)?.unwrap_or(0)))
}

/// A truth value; false for what is none.
pub(super) fn flag(row: &SqliteRow, column: usize) -> Result<bool, sqlx::Error> {
    Ok(number(row, column)?.is_some_and(|number| number != 0))
}

/// The bytes of a text, or of what a value of any other type looks like as one. In UTF-8, whatever the encoding of the
/// database; but nothing checks that they are.
pub(super) fn bytes(row: &SqliteRow, column: usize) -> Result<Option<&[u8]>, sqlx::Error> {
    row.try_get_unchecked(column)
}

/// A text.
pub(super) fn text(row: &SqliteRow, column: usize) -> Result<Option<String>, sqlx::Error> {
    Ok(bytes(row, column)?.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
}

/// A column of milliseconds, such as [`millis`] gives.
pub(super) fn time(row: &SqliteRow, column: usize) -> Result<Option<Timestamp>, sqlx::Error> {
    Ok(number(row, column)?.map(Timestamp::from_unix_millis))
}
