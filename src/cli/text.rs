//! How results look to people: columns, ages, sizes. Names from a store are untrusted and are made harmless here.

use std::ffi::OsString;

use serde::Serialize;

use super::Error;

/// Whether a writer shows bold text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    bold: bool,
}

impl Style {
    /// Bold only where a person looks and has not asked for plain text (<https://no-color.org>).
    pub(super) fn new(terminal: bool, environment: &[(OsString, OsString)]) -> Self {
        let plain = environment.iter().any(|(name, value)| {
            (name == "NO_COLOR" && !value.is_empty()) || (name == "TERM" && value == "dumb")
        });
        Self { bold: terminal && !plain }
    }

    pub(super) fn is_bold(self) -> bool {
        self.bold
    }

    pub(super) fn heading(self, text: &str) -> String {
        let text = printable(text);
        if self.bold { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text }
    }

    pub(super) fn clap(self, error: &clap::Error) -> String {
        let text = error.render();
        if self.bold { text.ansi().to_string() } else { text.to_string() }
    }
}

/// A column with its cells.
struct Column {
    cells: Vec<String>,
    right: bool,
}

/// Columns side by side.
pub(super) struct Table {
    columns: Vec<Column>,
    indent: usize,
}

impl Table {
    /// Columns of numbers are aligned right.
    pub(super) fn new<'a>(
        indent: usize,
        text: &[&'a str],
        numbers: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let column = |right| move |title: &str| Column { cells: vec![title.to_owned()], right };
        let columns =
            text.iter().copied().map(column(false)).chain(numbers.into_iter().map(column(true))).collect();
        Self { columns, indent }
    }

    /// Adds a row; cells that are left out stay empty.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut cells = cells.into_iter();
        for column in &mut self.columns {
            column.cells.push(printable(&cells.next().unwrap_or_default()));
        }
    }

    pub(super) fn render(&self) -> String {
        let rows = self.columns.first().map_or(0, |column| column.cells.len());
        let mut text = String::new();
        for row in 0..rows {
            let mut line = " ".repeat(self.indent);
            for (position, column) in self.columns.iter().enumerate() {
                let width = column.cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
                let cell = column.cells.get(row).map_or("", String::as_str);
                let gap = if position == 0 { "" } else { "  " };
                let cell = if column.right {
                    format!("{gap}{cell:>width$}")
                } else {
                    format!("{gap}{cell:<width$}")
                };
                line.push_str(&cell);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Longest cell; a name may be as long as its author liked.
const MAX_CELL: usize = 100;

/// Without control characters, which could rewrite what a terminal shows.
pub(super) fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || is_direction(c) { '\u{fffd}' } else { c }).collect()
}

/// Harmless and not endless.
pub(super) fn printable(text: &str) -> String {
    let mut short: String = harmless(text).chars().take(MAX_CELL).collect();
    if text.chars().nth(MAX_CELL).is_some() {
        short.push('…');
    }
    short
}

/// Characters that reverse the order in which a line is shown.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// An age in milliseconds, in its two greatest units.
pub(super) fn age(ms: i64) -> String {
    let ms = ms.max(0);
    let (s, m, h, d) = (ms / 1000, ms / 60_000, ms / 3_600_000, ms / 86_400_000);
    match () {
        () if d > 0 => format!("{d}d{}h", h % 24),
        () if h > 0 => format!("{h}h{}m", m % 60),
        () if m > 0 => format!("{m}m{}s", s % 60),
        () if s > 9 => format!("{s}s"),
        () => format!("{s}.{}s", ms % 1000 / 100),
    }
}

/// Milliseconds as seconds, for JSON. Never negative: a clock that stepped back is not a negative age.
#[expect(clippy::cast_precision_loss, reason = "ages are far below 2^53 milliseconds")]
pub(super) fn seconds(ms: i64) -> f64 {
    ms.max(0) as f64 / 1000.0
}

/// An age as JSON has it.
#[expect(clippy::cast_possible_truncation, reason = "saturates, and ages are far from the bounds")]
pub(super) fn age_of_seconds(seconds: f64) -> String {
    age((seconds * 1000.0).round() as i64)
}

/// JSON as people read it and programs too.
pub(super) fn json(report: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string_pretty(report).map(|text| text + "\n").map_err(|error| Error::Output(error.into()))
}

/// A size, in its unit.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let (mut tenths, mut unit) = (u128::from(bytes) * 10, "B");
    for next in UNITS {
        if tenths < 10_240 {
            break;
        }
        (tenths, unit) = (tenths / 1024, next);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{}.{} {unit}", tenths / 10, tenths % 10) }
}

/// `1 timer`, `2 timers`.
pub(super) fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        for (ms, expected) in [
            (-5, "0.0s"),
            (450, "0.4s"),
            (9_999, "9.9s"),
            (12_300, "12s"),
            (252_000, "4m12s"),
            (3_600_000, "1h0m"),
            (100_000_000, "1d3h"),
        ] {
            assert_eq!(age(ms), expected, "{ms}");
        }
    }

    #[test]
    fn sizes() {
        for (size, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (12_943_360, "12.3 MiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(bytes(size), expected, "{size}");
        }
    }

    #[test]
    fn names_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\u{202e}c\n"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}");
        assert_eq!(printable(&"x".repeat(500)).chars().count(), MAX_CELL + 1);
    }

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(2, &["NAME"], ["N"]);
        table.row(["a".to_owned(), "100".to_owned()]);
        table.row(["long".to_owned()]);
        assert_eq!(table.render(), "  NAME    N\n  a     100\n  long\n");
    }
}
