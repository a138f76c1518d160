//! Up to when a standby shows its primary's changes.

use std::collections::VecDeque;

use super::recovery::{Receiver, Standby};

/// More moments than these are thinned out: replay is then behind by hundreds of polls.
const MOMENTS: usize = 512;

/// What is remembered of a standby from read to read: where its primary's log ended at some moments, as far as it knew.
/// What it has replayed since tells which of them it has caught up with. While changes flow it is never level at the
/// moment it is asked, and a long transaction leaves no time of a commit to tell.
#[derive(Debug, Default)]
pub(in crate::store::postgres) struct Memory {
    /// Which server, by when it was started: behind one address there may be several.
    server: i64,
    /// In order; of those that were caught up with only the last.
    ends: VecDeque<End>,
    /// When it last heard from a primary that owes it an answer.
    heard_ms: Option<i64>,
}

/// An end of the primary's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct End {
    at_ms: i64,
    lsn: i64,
}

impl Memory {
    /// Nothing is known of this server yet.
    pub(super) fn is_of_another(&self, standby: &Standby) -> bool {
        self.server != standby.server
    }

    /// What the standby says when its clock says `clock_ms`.
    pub(super) fn learn(&mut self, standby: &Standby, clock_ms: i64) {
        if self.is_of_another(standby) {
            *self = Self { server: standby.server, ..Self::default() };
        }
        let heard_ms = self.heard_ms.take();
        let at_ms = match standby.receiver {
            // What it knows is no measure of what it shows.
            _ if standby.paused => return,
            Receiver::Up | Receiver::Hidden => clock_ms,
            Receiver::Overdue(ms) => {
                self.heard_ms = Some(clock_ms - ms);
                clock_ms
            }
            Receiver::Silent(ms) => clock_ms - ms,
            Receiver::Gone => match heard_ms {
                Some(heard_ms) => heard_ms,
                None => return,
            },
        };
        // A silence is taken for idleness until it turns out to be none.
        self.ends.retain(|end| end.at_ms < at_ms);
        let replayed = self.ends.partition_point(|end| Some(end.lsn) <= standby.replayed);
        self.ends.drain(..replayed.saturating_sub(1));
        let Some(lsn) = standby.end() else { return };
        if standby.has_replayed_all() {
            self.ends.clear();
        } else if self.ends.len() > 1 && self.ends.iter().rev().take(2).all(|end| end.lsn == lsn) {
            // Of a log that does not grow, the first moment and the last are enough.
            self.ends.pop_back();
        } else if self.ends.len() >= MOMENTS {
            let mut keep = false;
            self.ends.retain(|_| {
                keep = !keep;
                keep
            });
        }
        let lsn = if standby.has_replayed_all() { standby.replayed.unwrap_or(lsn) } else { lsn };
        self.ends.push_back(End { at_ms, lsn });
    }

    /// When the primary's log ended where the standby has replayed it to: between two moments it is taken to have grown
    /// evenly.
    pub(super) fn level_ms(&self, standby: &Standby) -> Option<i64> {
        let replayed = standby.replayed?;
        let later = self.ends.partition_point(|end| end.lsn <= replayed);
        let (before, after) = (self.ends.get(later.checked_sub(1)?)?, self.ends.get(later));
        let part = after.map_or(0, |after| {
            let time = i128::from(after.at_ms - before.at_ms);
            time * i128::from(replayed - before.lsn) / i128::from((after.lsn - before.lsn).max(1))
        });
        Some(before.at_ms.saturating_add(i64::try_from(part).unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::standby;
    use super::*;

    /// What is known after some looks: clock, end of the log, replayed.
    fn level(looks: &[(i64, i64, i64)]) -> Option<i64> {
        let mut memory = Memory::default();
        let mut level = None;
        for (clock, end, replayed) in looks {
            let standby = Standby { received: Some(*end), replayed: Some(*replayed), ..standby() };
            memory.learn(&standby, *clock);
            level = memory.level_ms(&standby);
        }
        level
    }

    #[test]
    fn what_was_replayed_tells_how_current_it_is() {
        assert_eq!(level(&[(10, 100, 90)]), None);
        assert_eq!(level(&[(10, 100, 100)]), Some(10));
        // The moment before, if nothing came since; otherwise a part of the time since.
        assert_eq!(level(&[(10, 100, 90), (20, 200, 100)]), Some(10));
        assert_eq!(level(&[(10, 100, 90), (20, 200, 190)]), Some(19));
        assert_eq!(level(&[(10, 100, 90), (20, 200, 90), (30, 300, 210)]), Some(21));
        // It hangs at the last record.
        assert_eq!(
            level(&[(10, 100, 100), (20, 200, 150), (30, 200, 150), (40, 200, 150), (50, 200, 150)]),
            Some(15)
        );
        assert_eq!(
            level(&[(10, 100, 100), (20, 200, 150), (30, 200, 150), (40, 200, 150), (50, 300, 200)]),
            Some(40)
        );
    }

    #[test]
    fn another_server_is_another_story() {
        let mut memory = Memory::default();
        memory.learn(&standby(), 10);
        assert_eq!(memory.level_ms(&standby()), Some(10));
        let other = Standby { server: 2, received: Some(900), replayed: Some(500), ..standby() };
        memory.learn(&other, 20);
        assert_eq!(memory.level_ms(&other), None);
    }

    #[test]
    fn it_has_an_end() {
        let mut memory = Memory::default();
        for n in 0..5_000 {
            memory.learn(&Standby { received: Some(n + 1), replayed: Some(0), ..standby() }, n);
            assert!(memory.ends.len() <= MOMENTS);
        }
        let caught_up = Standby { received: Some(5_000), replayed: Some(2_500), ..standby() };
        let level = memory.level_ms(&caught_up).unwrap();
        assert!((2_400..2_600).contains(&level), "{level}");
    }
}
