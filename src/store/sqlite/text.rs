//! Names and ids out of a store are untrusted: any length, any bytes. They leave SQL as bytes and become text here.

use std::sync::Arc;

use crate::labels::name::{MAX_NAME_CHARS, shorten};

/// SQL for the first bytes of a text column, with embedded NULs intact.
pub(super) fn sql_beginning(column: &str, length: i64) -> String {
    format!("CAST(substr(CAST({column} AS BLOB), 1, {length}) AS TEXT)")
}

/// SQL for a text column, long enough for [`name`] and no longer.
pub(super) fn sql_prefix(column: &str) -> String {
    // Of an even length, as characters of UTF-16 have.
    let length = (MAX_NAME_CHARS as i64 + 1) * 4;
    let beginning = sql_beginning(column, length);
    format!("CASE WHEN octet_length({column}) > {length} THEN {beginning} ELSE {column} END")
}

/// Text of [`sql_prefix`].
pub(super) fn name(bytes: &[u8]) -> Arc<str> {
    shorten(&String::from_utf8_lossy(bytes))
}

/// A JSON array of texts; those that are none are `None`.
pub(super) fn ids(json: Option<&[u8]>) -> Vec<Option<Box<str>>> {
    let Some(json) = json else { return Vec::new() };
    // Nothing checks that a text is UTF-8.
    serde_json::from_slice(json)
        .or_else(|_| serde_json::from_str(&String::from_utf8_lossy(json)))
        .unwrap_or_default()
}

/// A JSON array of whole numbers.
pub(super) fn numbers(json: Option<&[u8]>) -> Vec<i64> {
    json.and_then(|json| serde_json::from_slice(json).ok()).unwrap_or_default()
}
