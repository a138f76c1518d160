//! Names from a store, made harmless for a terminal.

use crate::text::breaks_line;

/// Longest cell; a name may be as long as its author liked.
const MAX_CELL: usize = 100;

/// Without control characters, which could rewrite what a terminal shows.
pub(in crate::cli) fn harmless(text: &str) -> String {
    text.chars().map(|c| if breaks_line(c) || is_direction(c) { '\u{fffd}' } else { c }).collect()
}

/// A name, which may be empty: then by its quotes.
pub(in crate::cli) fn named(name: &str) -> &str {
    if name.is_empty() { "\"\"" } else { name }
}

/// A name, harmless and not endless.
pub(in crate::cli) fn printable(name: &str) -> String {
    short(named(name))
}

/// Harmless and not endless.
pub(super) fn short(text: &str) -> String {
    let mut short: String = harmless(text).chars().take(MAX_CELL).collect();
    if text.chars().nth(MAX_CELL).is_some() {
        short.push('…');
    }
    short
}

/// Characters that reverse the order in which a line is shown.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\u{202e}c\n"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}");
        assert_eq!(printable(""), "\"\"");
        assert_eq!(printable(&"x".repeat(500)).chars().count(), MAX_CELL + 1);
    }
}
