//! What was counted above the horizon.

use std::collections::BTreeSet;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// So much is remembered at most: what is beyond waits until the horizon has passed it. A transaction that runs for hours
/// holds the horizon back.
const TRANSACTIONS: usize = 500_000;
const ROWS: usize = 100_000;

/// Transactions whose rows were all counted, and single rows of others. Who sees one row of a transaction sees them all:
/// after a read that went to its end there are only whole ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marks {
    #[serde(serialize_with = "write", deserialize_with = "read")]
    whole: BTreeSet<u64>,
    /// Transaction, and what tells the row from others.
    rows: BTreeSet<(u64, u64)>,
}

impl Marks {
    /// Everything of this transaction was counted.
    pub(super) fn is_whole(&self, transaction: u64) -> bool {
        self.whole.contains(&transaction)
    }

    pub(super) fn is_counted(&self, transaction: u64, row: u64) -> bool {
        self.is_whole(transaction) || self.rows.contains(&(transaction, row))
    }

    /// The row is being counted; `false` when there is no room to remember it.
    pub(super) fn add(&mut self, transaction: u64, row: u64) -> bool {
        let room = self.rows.len() < ROWS && self.whole.len() < TRANSACTIONS;
        if room {
            self.rows.insert((transaction, row));
        }
        room
    }

    /// All rows that are to be seen were counted.
    pub(super) fn complete(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        self.whole.extend(rows.into_iter().map(|(transaction, _)| transaction));
    }

    /// Everything of these was counted, or is not to be.
    pub(super) fn add_whole(&mut self, transactions: impl Iterator<Item = u64>) {
        self.whole.extend(transactions);
    }

    /// Forgets what is below the horizon.
    pub(super) fn settle(&mut self, to: u64) {
        self.whole = self.whole.split_off(&to);
        self.rows = self.rows.split_off(&(to, 0));
    }

    pub(super) fn last(&self) -> Option<u64> {
        self.whole.last().copied().max(self.rows.last().map(|(transaction, _)| *transaction))
    }
}

/// As a text of differences: there may be many, and most follow each other closely.
fn write<S: Serializer>(transactions: &BTreeSet<u64>, to: S) -> Result<S::Ok, S::Error> {
    let mut before = 0;
    let differences = transactions.iter().map(|transaction| {
        let difference = transaction - before;
        before = *transaction;
        difference.to_string()
    });
    to.serialize_str(&differences.collect::<Vec<_>>().join(" "))
}

fn read<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeSet<u64>, D::Error> {
    let text = String::deserialize(from)?;
    let mut last = 0_u64;
    text.split_ascii_whitespace()
        .map(|difference| {
            let next = difference.parse().ok().and_then(|difference| last.checked_add(difference));
            last = next.ok_or_else(|| D::Error::custom("not a list of transactions"))?;
            Ok(last)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(
            whole in prop::collection::btree_set(prop_oneof![0_u64..50, Just(u64::MAX)], 0..9),
            rows in prop::collection::btree_set((0_u64..9, any::<u64>()), 0..3),
        ) {
            let marks = Marks { whole, rows };
            let json = serde_json::to_value(&marks).unwrap();
            prop_assert_eq!(serde_json::from_value::<Marks>(json).unwrap(), marks);
        }
    }

    #[test]
    fn a_row_is_marked_until_the_horizon_has_passed_it() {
        let mut marks = Marks::default();
        assert!(marks.add(7, 1));
        assert!(marks.is_counted(7, 1) && !marks.is_counted(7, 2));
        marks.complete();
        assert!(marks.is_counted(7, 2) && !marks.is_counted(8, 1));
        marks.settle(7);
        assert!(marks.is_whole(7));
        marks.settle(8);
        assert_eq!(marks, Marks::default());
    }

    #[test]
    fn there_is_room_for_so_much() {
        let mut marks = Marks::default();
        assert!((0..ROWS as u64).all(|row| marks.add(1, row)));
        assert!(!marks.add(2, 0));
        marks.complete();
        assert!(marks.add(2, 0));
    }
}
