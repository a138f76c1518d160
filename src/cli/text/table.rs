//! Columns side by side, at once or a part at a time.

use super::sanitize::{harmless, named, printable, short};
use super::style::{Paint, Style};

/// Ids of children are made of those of their parents.
const MAX_ID: usize = 250;

/// One cell. Whatever it is made of, it is harmless.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    paint: Option<Paint>,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text: short(&text), paint: None }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self { text: short(text), paint: None }
    }
}

impl Cell {
    /// A name, which may be empty.
    pub(crate) fn name(name: &str) -> Self {
        Self { text: printable(name), paint: None }
    }

    pub(crate) fn painted(text: &str, paint: Option<Paint>) -> Self {
        Self { text: short(text), paint }
    }

    /// An id, which people copy: longer ones than other cells are shown whole.
    pub(crate) fn id(text: &str) -> Self {
        Self { text: cut(&harmless(named(text)), MAX_ID), paint: None }
    }

    /// A text of any length: for the last column, which the table cuts where the terminal ends.
    pub(crate) fn long(text: impl AsRef<str>) -> Self {
        Self { text: harmless(text.as_ref()), paint: None }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

/// A column: as wide as the widest of its cells so far.
struct Column {
    width: usize,
    right: bool,
}

/// Columns side by side. Rows are given out by [`render`](Self::render) and forgotten; those that come later keep
/// to the same columns.
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
    indent: usize,
    style: Style,
    /// Lines are not longer than this.
    width: Option<usize>,
}

impl Table {
    /// Columns of numbers are aligned right.
    pub(crate) fn new<'a>(
        indent: usize,
        text: &[&'a str],
        numbers: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let text = text.iter().map(|title| (*title, false));
        Self::mixed(indent, text.chain(numbers.into_iter().map(|title| (title, true))))
    }

    /// Columns by title, and whether they are aligned right.
    pub(crate) fn mixed<'a>(indent: usize, columns: impl IntoIterator<Item = (&'a str, bool)>) -> Self {
        let (titles, rights): (Vec<&str>, Vec<bool>) = columns.into_iter().unzip();
        let columns = rights.into_iter().map(|right| Column { width: 0, right }).collect();
        let mut table =
            Self { columns, rows: Vec::new(), indent, style: Style::new(false, &[]), width: None };
        table.row(titles);
        table
    }

    /// With colours, and with lines that end where the terminal does.
    pub(crate) fn on(mut self, style: Style, width: Option<usize>) -> Self {
        (self.style, self.width) = (style, width);
        self
    }

    /// Adds a row; cells that are left out stay empty.
    pub(crate) fn row<C: Into<Cell>>(&mut self, cells: impl IntoIterator<Item = C>) {
        let mut cells = cells.into_iter().map(Into::into);
        let row: Vec<Cell> =
            self.columns.iter().map(|_| cells.next().unwrap_or_else(|| Cell::from(""))).collect();
        for (column, cell) in self.columns.iter_mut().zip(&row) {
            column.width = column.width.max(cell.width());
        }
        self.rows.push(row);
    }

    /// The rows since the last time; the titles come with the first.
    pub(crate) fn render(&mut self) -> String {
        std::mem::take(&mut self.rows).iter().map(|row| self.line(row)).collect()
    }

    fn line(&self, row: &[Cell]) -> String {
        let mut line = " ".repeat(self.indent);
        let mut used = self.indent;
        let filled = row.iter().rposition(|cell| !cell.text.is_empty()).map_or(0, |last| last + 1);
        for (position, (column, cell)) in self.columns.iter().zip(row).take(filled).enumerate() {
            if position > 0 {
                line.push_str("  ");
                used += 2;
            }
            let last = position + 1 == filled;
            let text = match self.width {
                Some(width) if last => cut(&cell.text, width.saturating_sub(used).max(10)),
                _ => cell.text.clone(),
            };
            let gap = " ".repeat(column.width.saturating_sub(cell.width()));
            let painted = self.style.paint(&text, cell.paint);
            match (column.right, last) {
                (true, _) => line.extend([gap.as_str(), &painted]),
                (false, false) => line.extend([painted.as_str(), &gap]),
                (false, true) => line.push_str(&painted),
            }
            used += column.width;
        }
        line.push('\n');
        line
    }
}

/// A text of at most so many characters.
pub(crate) fn cut(text: &str, longest: usize) -> String {
    if text.chars().nth(longest).is_none() {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(longest.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(2, &["NAME"], ["N"]);
        table.row(["a", "100"]);
        table.row(["long"]);
        table.row(["größe", "1"]);
        table.row(["", "1"]);
        table.row([Cell::name(""), Cell::from("1")]);
        assert_eq!(
            table.render(),
            "  NAME     N\n  a      100\n  long\n  größe    1\n           1\n  \"\"       1\n"
        );
    }

    #[test]
    fn later_rows_keep_to_the_columns() {
        let mut table = Table::new(0, &["ID", "STATUS"], []);
        table.row(["order-42", "failed"]);
        assert_eq!(table.render(), "ID        STATUS\norder-42  failed\n");
        table.row(["a", "failed"]);
        assert_eq!(table.render(), "a         failed\n");
        assert_eq!(table.render(), "");
    }

    #[test]
    fn a_terminal_is_not_left() {
        let mut table = Table::new(0, &["ID", "TEXT"], []).on(Style::new(false, &[]), Some(16));
        table.row([Cell::from("a"), Cell::long("x".repeat(500))]);
        assert_eq!(table.render(), format!("ID  TEXT\na   {}…\n", "x".repeat(11)));
    }

    #[test]
    fn colour_takes_no_room() {
        let mut table = Table::new(0, &["S", "N"], []).on(Style::new(true, &[]), None);
        table.row([Cell::painted("failed", Some(Paint::Red)), Cell::from("1")]);
        assert_eq!(table.render(), "S       N\n\u{1b}[31mfailed\u{1b}[0m  1\n");
    }
}
