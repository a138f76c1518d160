//! Names out of a store are untrusted: any length, any bytes. They leave SQL as bytes and become short text here.

use std::sync::Arc;

use crate::labels::name::{MAX_NAME_CHARS, shorten};

/// SQL for a text column, long enough for [`name`] and no longer, with embedded NULs intact. Yields text or bytes:
/// to be cast to BLOB when it is read, after grouping, because casting every row costs more than grouping it.
pub(super) fn sql_prefix(column: &str) -> String {
    let length = (MAX_NAME_CHARS + 1) * 4;
    format!(
        "CASE WHEN octet_length({column}) > {length} THEN substr(CAST({column} AS BLOB), 1, {length}) ELSE {column} END"
    )
}

/// SQL for the JSON text of a string inside a JSON column (quotes and escapes included), cut like [`sql_prefix`].
/// NULL where the column is no valid JSON or has no such member.
///
/// The JSON text rather than its value: SQLite ends a value at an escaped NUL.
pub(super) fn sql_json_prefix(column: &str, path: &str) -> String {
    // The longest escape of one character is a surrogate pair, 12 bytes.
    let length = (MAX_NAME_CHARS + 1) * 12 + 2;
    format!(
        "CASE WHEN typeof({column}) = 'text' AND json_valid({column}) \
         THEN substr(CAST({column} -> '{path}' AS BLOB), 1, {length}) END"
    )
}

/// Text of [`sql_prefix`], cast to BLOB.
pub(super) fn name(bytes: &[u8]) -> Arc<str> {
    shorten(&String::from_utf8_lossy(bytes))
}

/// Text of [`sql_json_prefix`].
pub(super) fn json_name(bytes: &[u8]) -> Arc<str> {
    // The database does not check that a text is UTF-8.
    let lossy = String::from_utf8_lossy(bytes);
    if let Ok(text) = serde_json::from_str::<String>(&lossy) {
        return shorten(&text);
    }
    // Cut in the middle: drop bytes from the end, an escape or a character at most, until it closes.
    for dropped in 0..bytes.len().min(12) {
        let cut = bytes.get(..bytes.len() - dropped).unwrap_or_default();
        let closed = format!("{}\"", String::from_utf8_lossy(cut));
        if let Ok(text) = serde_json::from_str::<String>(&closed) {
            return shorten(&text);
        }
    }
    // Not a string at all, for example a number.
    shorten(&lossy)
}

/// A JSON array of texts, cast to BLOB. What is no text is left out.
pub(super) fn ids(json: Option<Vec<u8>>) -> Vec<Box<str>> {
    let Some(json) = json else { return Vec::new() };
    serde_json::from_slice(&json).unwrap_or_else(|_| {
        // The database does not check that a text is UTF-8, nor that an id is a text.
        let values = serde_json::from_str::<Vec<serde_json::Value>>(&String::from_utf8_lossy(&json));
        values.unwrap_or_default().iter().filter_map(|value| Some(value.as_str()?.into())).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cut_json_name_gives_the_same_text_as_a_cut_name(text in "(\\PC|[\\x00-\\x1f\"\\\\🦀é]){0,400}") {
            let mut json = serde_json::to_vec(&text).unwrap();
            json.truncate((MAX_NAME_CHARS + 1) * 12 + 2);
            let mut plain = text.clone().into_bytes();
            plain.truncate((MAX_NAME_CHARS + 1) * 4);
            prop_assert_eq!(json_name(&json), shorten(&text));
            prop_assert_eq!(name(&plain), shorten(&text));
        }
    }
}
