//! Names out of a store are untrusted: any length, any characters. Here they become short texts, the same wherever they
//! were met.

use std::sync::Arc;

/// Longer names are cut. Nobody reads more, and a label's length is paid for in every scrape.
pub(crate) const MAX_NAME_CHARS: usize = 200;

/// A name as a label has it.
pub(crate) fn shorten(text: &str) -> Arc<str> {
    match text.char_indices().nth(MAX_NAME_CHARS) {
        None => text.into(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()).into(),
    }
}
