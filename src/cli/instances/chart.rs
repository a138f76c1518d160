//! Bars of a timeline: where they begin and end on a line of a given width. Pure.

use crate::management::Timestamp;

/// A stretch of time on so many characters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    from: Timestamp,
    to: Timestamp,
    width: usize,
}

impl Scale {
    pub(super) fn new(from: Timestamp, to: Timestamp, width: usize) -> Self {
        Self { from, to: to.max(from), width: width.max(1) }
    }

    /// A bar, never empty: what was short has happened, too. A moment is a dot.
    pub(super) fn bar(&self, start: Timestamp, end: Option<Timestamp>, open: bool) -> String {
        let from = self.position(start);
        let to = self.position(end.unwrap_or(start)).max(from);
        let mark = match (end, open) {
            (None, _) => '•',
            (Some(_), true) => '░',
            (Some(_), false) => '█',
        };
        let at = |column: usize| if (from..=to).contains(&column) { mark } else { ' ' };
        (0..self.width).map(at).collect()
    }

    /// The column of a moment, the last at most.
    fn position(&self, moment: Timestamp) -> usize {
        let whole = self.to.since(self.from).as_millis();
        let part = moment.min(self.to).since(self.from).as_millis();
        let last = self.width - 1;
        let column = part.saturating_mul(self.width as u128).checked_div(whole).unwrap_or(0);
        usize::try_from(column).map_or(last, |column| column.min(last))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_millis(ms)
    }

    #[test]
    fn bars() {
        let scale = Scale::new(at(1000), at(2000), 10);
        for (start, end, open, expected) in [
            (1000, Some(2000), false, "██████████"),
            (1000, Some(1499), false, "█████     "),
            (1500, Some(1500), false, "     █    "),
            (1900, Some(5000), true, "         ░"),
            (1500, None, false, "     •    "),
            (0, Some(1000), false, "█         "),
            (9000, Some(9500), false, "         █"),
        ] {
            assert_eq!(scale.bar(at(start), end.map(at), open), expected, "{start} {end:?}");
        }
        assert_eq!(Scale::new(at(5), at(5), 3).bar(at(5), Some(at(5)), false), "█  ");
    }

    proptest! {
        #[test]
        fn a_bar_is_as_wide_as_the_chart_and_never_empty(from: i64, to: i64, start: i64, end: Option<i64>, width in 0_usize..200) {
            let bar = Scale::new(at(from), at(to), width).bar(at(start), end.map(at), false);
            prop_assert_eq!(bar.chars().count(), width.max(1));
            prop_assert!(!bar.trim().is_empty());
        }
    }
}
