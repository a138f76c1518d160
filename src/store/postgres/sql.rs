//! Pieces of SQL that several statements share, and the values they give.

use sqlx::error::BoxDynError;
use sqlx::postgres::{PgHasArrayType, PgRow, PgTypeInfo, PgValueRef};
use sqlx::{Decode, Postgres, Row, Type};

use crate::labels::MessageState;
use crate::labels::name::MAX_NAME_CHARS;
use crate::management::Timestamp;
use crate::store::database::group::unsigned;

/// A `timestamptz` in milliseconds since the Unix epoch; NULL for infinity.
pub(super) fn millis(column: &str) -> String {
    format!("CASE WHEN isfinite({column}) THEN floor(extract(epoch FROM {column}) * 1000)::int8 END")
}

/// The moment of the parameter with this number, in milliseconds, as the framework's own statements compute it.
pub(super) fn moment(parameter: u8) -> String {
    format!("to_timestamp(${parameter}::int8 / 1000.0)")
}

/// A time as a parameter, in milliseconds: one that Postgres cannot have is before or after all it has.
pub(super) fn within_reach(time: Timestamp) -> i64 {
    time.unix_millis().clamp(-200_000_000_000_000, 9_000_000_000_000_000)
}

/// A text column, long enough to be cut as a label is.
pub(super) fn name_prefix(column: &str) -> String {
    format!("left({column}, {})", MAX_NAME_CHARS + 1)
}

/// A text column, or NULL in rows before which, in this order, the same column has so many bytes already: a server sends
/// all that a statement finds, wanted or not. Sizes are in the heads of the rows: what is not sent is not read.
pub(super) fn while_there_is_room(column: &str, order: &str, bytes: &str) -> String {
    let size = format!("COALESCE(octet_length({column}), 0)");
    format!(
        "CASE WHEN SUM({size}) OVER (ORDER BY {order} ROWS UNBOUNDED PRECEDING) - {size} < {bytes} THEN {column} END"
    )
}

/// A text. In a database without an encoding (SQL_ASCII) it may be any bytes: what is no UTF-8 becomes U+FFFD, so that one
/// row does not keep all others from being read.
pub(super) struct Text(pub(super) String);

impl Type<Postgres> for Text {
    fn type_info() -> PgTypeInfo {
        <str as Type<Postgres>>::type_info()
    }

    fn compatible(other: &PgTypeInfo) -> bool {
        <str as Type<Postgres>>::compatible(other)
    }
}

impl PgHasArrayType for Text {
    fn array_type_info() -> PgTypeInfo {
        <String as PgHasArrayType>::array_type_info()
    }

    fn array_compatible(other: &PgTypeInfo) -> bool {
        <String as PgHasArrayType>::array_compatible(other)
    }
}

impl Decode<'_, Postgres> for Text {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Ok(Self(String::from_utf8_lossy(value.as_bytes()?).into_owned()))
    }
}

/// A text column.
pub(super) fn text(row: &PgRow, column: usize) -> Result<Option<String>, sqlx::Error> {
    Ok(row.try_get::<Option<Text>, _>(column)?.map(|Text(text)| text))
}

/// The same; `None` also for what is no UTF-8.
pub(super) fn utf8(row: &PgRow, column: usize) -> Result<Option<&str>, sqlx::Error> {
    Ok(raw(row, column)?.and_then(|text| std::str::from_utf8(text).ok()))
}

/// The same, as it is stored.
pub(super) fn raw(row: &PgRow, column: usize) -> Result<Option<&[u8]>, sqlx::Error> {
    row.try_get_unchecked(column)
}

/// A column of milliseconds, such as [`millis`] gives.
pub(super) fn time(row: &PgRow, column: usize) -> Result<Option<Timestamp>, sqlx::Error> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(Timestamp::from_unix_millis))
}

/// A count.
pub(super) fn count(row: &PgRow, column: usize) -> Result<u64, sqlx::Error> {
    Ok(unsigned(row.try_get::<Option<i64>, _>(column)?.unwrap_or(0)))
}

/// The number of the state of a row `q` of the orchestrator table at the moment `$1`, with the lock `il` of its instance.
pub(super) fn orchestrator_state() -> String {
    format!(
        "CASE WHEN q.lock_token IS NOT NULL AND (COALESCE(q.locked_until > $1, true) \
                   OR (q.lock_token = il.lock_token AND il.locked_until > $1)) THEN {in_flight} \
              WHEN q.visible_at > {now} THEN {delayed} \
              WHEN il.locked_until > $1 THEN {blocked} \
              WHEN q.lock_token IS NOT NULL THEN {lease_expired} \
              ELSE {ready} END",
        now = moment(1),
        in_flight = MessageState::InFlight.index(),
        delayed = MessageState::Delayed.index(),
        blocked = MessageState::Blocked.index(),
        lease_expired = MessageState::LeaseExpired.index(),
        ready = MessageState::Ready.index(),
    )
}

/// The same of a row `q` of the worker table.
pub(super) fn worker_state() -> String {
    format!(
        "CASE WHEN q.lock_token IS NOT NULL AND COALESCE(q.locked_until > $1, true) THEN {in_flight} \
              WHEN q.visible_at > {now} THEN {delayed} \
              WHEN q.lock_token IS NOT NULL THEN {lease_expired} \
              ELSE {ready} END",
        now = moment(1),
        in_flight = MessageState::InFlight.index(),
        delayed = MessageState::Delayed.index(),
        lease_expired = MessageState::LeaseExpired.index(),
        ready = MessageState::Ready.index(),
    )
}
