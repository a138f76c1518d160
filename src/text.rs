//! Text from outside that is to stay on one line.

/// Whether a character ends a line for some programs, or does worse.
pub(crate) fn breaks_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Spaces in the place of what breaks a line.
pub(crate) fn one_line(text: &str) -> String {
    text.replace(breaks_line, " ")
}
