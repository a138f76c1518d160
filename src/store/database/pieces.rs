//! Rows of a history on their way to whoever takes them: joined, and handed over in pieces.

use crate::history::Row;
use crate::source::{Chunk, Columns, Take};

/// Rows handed over together have texts of this size, unless one of them is larger.
const PIECE: usize = 1 << 20;

/// Joins rows.
pub(in crate::store) struct Pieces<'a, 'b> {
    take: &'a mut Take<'b>,
    joined: Columns,
    pub(in crate::store) events: u64,
    pub(in crate::store) bytes: usize,
}

impl<'a, 'b> Pieces<'a, 'b> {
    pub(in crate::store) fn new(take: &'a mut Take<'b>) -> Self {
        Self { take, joined: Columns::default(), events: 0, bytes: 0 }
    }

    /// Takes the next row.
    pub(in crate::store) fn push(&mut self, row: Row<'_>) {
        self.events += 1;
        let size = row.text.map_or(0, str::len);
        self.bytes += size;
        if self.joined.texts.len() + size > PIECE {
            self.flush();
        }
        if !self.joined.push(row) {
            self.flush();
            (self.take)(&row.into());
        }
    }

    fn flush(&mut self) {
        let joined = std::mem::take(&mut self.joined);
        if !joined.executions.is_empty() {
            (self.take)(&Chunk::Joined(joined));
        }
    }

    /// Hands over the rest.
    pub(in crate::store) fn finish(mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_row_arrives(
            rows in prop::collection::vec(
                ("[a\\x1e]{0,2}", any::<u64>(), any::<u64>(), "[T\\x1e]{0,1}", prop::option::of("[a\\x1e]{0,3}")),
                0..8,
            ),
        ) {
            let rows: Vec<Row<'_>> = rows
                .iter()
                .map(|(instance_id, execution_id, event_id, event_type, text)| Row {
                    instance_id, execution_id: *execution_id, event_id: *event_id, event_type, text: text.as_deref(),
                })
                .collect();
            let mut chunks = Vec::new();
            let mut take = |chunk: &Chunk| chunks.push(chunk.clone());
            let mut pieces = Pieces::new(&mut take);
            rows.iter().for_each(|row| pieces.push(*row));
            pieces.finish();
            let mut arrived = Vec::new();
            chunks.iter().for_each(|chunk| chunk.each(|row| arrived.push(row)));
            prop_assert_eq!(arrived, rows);
        }
    }
}
