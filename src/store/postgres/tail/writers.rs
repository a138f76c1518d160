//! Transactions that wrote more than a turn.
//!
//! The framework writes the events of one turn of one instance in a transaction, all with one time. A transaction that
//! wrote those of several instances, or with several times, is somebody else's: a table was rewritten or updated, or a
//! dump was loaded. By its number all its rows are new, and most may have been there before. So of these the time decides:
//! those from before the last read were counted then.

use std::collections::HashMap;

/// What was seen of the transactions that wrote some rows.
#[derive(Debug, Default)]
pub(super) struct Writers(HashMap<u64, Writer>);

#[derive(Debug)]
struct Writer {
    instance: usize,
    time: u64,
    several: bool,
}

impl Writers {
    /// A transaction wrote an event of this instance, with this time.
    pub(super) fn add(&mut self, transaction: u64, instance: usize, time: f64) {
        let time = time.to_bits();
        let writer = self.0.entry(transaction).or_insert(Writer { instance, time, several: false });
        writer.several |= (writer.instance, writer.time) != (instance, time);
    }

    /// Whether it wrote more than a turn.
    pub(super) fn wrote_several(&self, transaction: u64) -> bool {
        self.0.get(&transaction).is_some_and(|writer| writer.several)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_of_one_instance_and_one_time() {
        let mut writers = Writers::default();
        for (transaction, instance, time) in
            [(1, 0, 5.5), (1, 0, 5.5), (2, 0, 5.5), (2, 1, 5.5), (3, 2, 5.5), (3, 2, 5.501)]
        {
            writers.add(transaction, instance, time);
        }
        assert_eq!(
            [1, 2, 3, 4].map(|transaction| writers.wrote_several(transaction)),
            [false, true, true, false]
        );
    }
}
