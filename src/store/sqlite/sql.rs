//! Pieces of SQL that several statements share, and the values they give.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::schema::Schema;
use crate::labels::MessageState;
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

/// The number of the state of a row `q` of the orchestrator table at the moment `?1`, with the lock `il` of its instance.
pub(super) fn orchestrator_state() -> String {
    format!(
        "CASE WHEN il.locked_until > ?1 AND q.lock_token = il.lock_token THEN {in_flight} \
              WHEN q.visible_at <= ?1 THEN CASE \
                WHEN il.locked_until > ?1 THEN {blocked} \
                WHEN q.lock_token = il.lock_token THEN {lease_expired} \
                ELSE {ready} END \
              ELSE {delayed} END",
        in_flight = MessageState::InFlight.index(),
        blocked = MessageState::Blocked.index(),
        lease_expired = MessageState::LeaseExpired.index(),
        ready = MessageState::Ready.index(),
        delayed = MessageState::Delayed.index(),
    )
}

/// When a row `q` of the worker table becomes visible. Before 0.1.5 it was visible from its creation on.
pub(super) fn visible_at(schema: &Schema) -> &'static str {
    if schema.worker_visible_at { "q.visible_at" } else { "0" }
}

/// The number of the state of a row `q` of the worker table at the moment `?1`.
pub(super) fn worker_state(schema: &Schema) -> String {
    format!(
        "CASE WHEN q.lock_token IS NOT NULL AND (q.locked_until > ?1 OR q.locked_until IS NULL) THEN {in_flight} \
              WHEN {visible} <= ?1 THEN CASE WHEN q.lock_token IS NOT NULL THEN {lease_expired} ELSE {ready} END \
              ELSE {delayed} END",
        visible = visible_at(schema),
        in_flight = MessageState::InFlight.index(),
        lease_expired = MessageState::LeaseExpired.index(),
        ready = MessageState::Ready.index(),
        delayed = MessageState::Delayed.index(),
    )
}
