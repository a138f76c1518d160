//! How current a server's data is, and what time it is in them.
//!
//! On a primary it is now. A standby that streams and has replayed everything is as current as its primary, also when
//! that has been idle for hours. One that is paused, behind or cut off stands still while the clock goes on: by the
//! clock its leases would all be expired and its timers late, so its "now" stands still with it, at the last moment of
//! which we know that it was level, or from which it has replayed a change. `memory` knows the former.

mod memory;
mod recovery;

use std::time::{SystemTime, UNIX_EPOCH};

use sqlx::Row;

use super::connection::Transaction;
use super::session::Session;
use crate::source::Replication;
use crate::store::database::failure::StoreError;
pub(super) use memory::Memory;
use recovery::{Receiver, Standby};

/// What a server says about itself.
#[derive(Debug, Clone)]
pub(super) struct Server {
    /// The server's clock when it was asked.
    clock_ms: i64,
    /// Its clock less ours.
    pub(super) skew_ms: i64,
    pub(super) session: Session,
    standby: Option<Standby>,
}

/// What time it is in a snapshot.
#[derive(Debug, Clone)]
pub(super) struct ReplicaTime {
    /// The store's "now".
    pub(super) now_ms: i64,
    /// The server's clock.
    pub(super) clock_ms: i64,
    /// Standbys only.
    pub(super) replication: Option<Replication>,
    /// Standbys only: age of the last replayed transaction, or of the newest change.
    pub(super) last_replay_age_ms: Option<i64>,
}

impl Server {
    /// Asks in a transaction before that of the snapshot: what is said of the replay then holds for the snapshot, too. In
    /// the same one it would not, for whatever is asked takes the snapshot first: what is replayed between the two would be
    /// missing in it.
    pub(super) async fn ask(transaction: &mut Transaction) -> Result<Self, StoreError> {
        let sql = format!(
            "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::int8, pg_is_in_recovery(), {}",
            Session::COLUMNS
        );
        let asked = wall_ms();
        let row = sqlx::query(&sql).fetch_one(&mut *transaction).await?;
        let answered = wall_ms();
        let clock_ms: i64 = row.try_get(0)?;
        let session = Session::read(&row, 2)?;
        let standby = if row.try_get(1)? { Standby::ask(transaction).await? } else { None };
        Ok(Self { clock_ms, skew_ms: clock_ms - asked.midpoint(answered), session, standby })
    }

    /// The moment of a snapshot that was taken when the server's clock said `clock_ms`. `newest_ms`: the newest change
    /// in it, for a standby that tells of none.
    pub(super) fn moment(&self, memory: &mut Memory, clock_ms: i64, newest_ms: Option<i64>) -> ReplicaTime {
        let Some(standby) = &self.standby else {
            *memory = Memory::default();
            return ReplicaTime { now_ms: clock_ms, clock_ms, replication: None, last_replay_age_ms: None };
        };
        memory.learn(standby, self.clock_ms);
        let known_ms = standby.last_replay_ms.or(newest_ms).max(memory.level_ms(standby));
        let now_ms = if standby.is_level() {
            clock_ms
        } else {
            known_ms.map_or(clock_ms, |known| known.min(clock_ms))
        };
        let receiver_up = standby.receiver.is_up();
        ReplicaTime {
            now_ms,
            clock_ms,
            replication: Some(Replication {
                // Without the right to look at the receiver nobody knows whether silence is idleness.
                lag_ms: receiver_up.map(|_| clock_ms - now_ms),
                behind_ms: clock_ms - now_ms,
                paused: standby.paused,
                receiver_up,
                conflicts: standby.conflicts,
            }),
            last_replay_age_ms: standby.last_replay_ms.or(newest_ms).map(|at| (clock_ms - at).max(0)),
        }
    }

    /// Whether the moment cannot be told without looking for the newest change.
    pub(super) fn tells_no_time(&self, memory: &Memory) -> bool {
        self.standby.as_ref().is_some_and(|standby| {
            !standby.is_level() && standby.last_replay_ms.is_none() && memory.level_ms(standby).is_none()
        })
    }

    /// Whether a standby about which nothing is known yet is not level right now. Another look, a moment later, tells
    /// whether it is behind or busy.
    pub(super) fn deserves_another_look(&self, memory: &mut Memory) -> bool {
        let Some(standby) = self.standby.as_ref().filter(|standby| memory.is_of_another(standby)) else {
            return false;
        };
        memory.learn(standby, self.clock_ms);
        !standby.is_level() && standby.receiver != Receiver::Gone
    }
}

fn wall_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1000;

    pub(super) fn standby() -> Standby {
        Standby {
            server: 1,
            paused: false,
            replayed: Some(70),
            received: Some(70),
            announced: Some(70),
            waits: false,
            last_replay_ms: Some(100 * SECOND),
            receiver: Receiver::Up,
            conflicts: 0,
        }
    }

    fn server(clock_ms: i64, standby: Standby) -> Server {
        Server { clock_ms, skew_ms: 0, session: Session::default(), standby: Some(standby) }
    }

    #[test]
    fn an_idle_primary_is_no_lag() {
        let moment = server(900 * SECOND, standby()).moment(&mut Memory::default(), 900 * SECOND, None);
        let replication = moment.replication.unwrap();
        assert_eq!((moment.now_ms, replication.lag_ms), (900 * SECOND, Some(0)));
        assert_eq!(moment.last_replay_age_ms, Some(800 * SECOND));
    }

    #[test]
    fn time_stands_still_in_a_standby_that_does() {
        let halted = [
            Standby { paused: true, ..standby() },
            Standby { received: Some(71), ..standby() },
            // What is on its way.
            Standby { announced: Some(71), waits: true, ..standby() },
            Standby { receiver: Receiver::Gone, ..standby() },
        ];
        for halted in halted {
            // Seen level at 500 s, it does not fall back to its last change.
            let mut memory = Memory::default();
            server(500 * SECOND, standby()).moment(&mut memory, 500 * SECOND, None);
            for clock in [600 * SECOND, 700 * SECOND] {
                let moment = server(clock, halted.clone()).moment(&mut memory, clock, None);
                let lag = moment.replication.unwrap().lag_ms;
                assert_eq!((moment.now_ms, lag), (500 * SECOND, Some(clock - 500 * SECOND)), "{halted:?}");
            }
            // Never seen level.
            let moment =
                server(600 * SECOND, halted.clone()).moment(&mut Memory::default(), 600 * SECOND, None);
            assert_eq!(moment.now_ms, 100 * SECOND, "{halted:?}");
        }
    }

    #[test]
    fn what_it_replays_moves_its_time_on() {
        let mut memory = Memory::default();
        server(500 * SECOND, standby()).moment(&mut memory, 500 * SECOND, None);
        let behind = Standby { received: Some(71), last_replay_ms: Some(550 * SECOND), ..standby() };
        assert_eq!(server(600 * SECOND, behind).moment(&mut memory, 600 * SECOND, None).now_ms, 550 * SECOND);
    }

    #[test]
    fn the_part_of_a_record_that_has_come_is_no_lag() {
        let partly = Standby { received: Some(71), announced: Some(71), waits: true, ..standby() };
        let moment = server(900 * SECOND, partly).moment(&mut Memory::default(), 900 * SECOND, None);
        assert_eq!(moment.replication.unwrap().lag_ms, Some(0));
    }

    #[test]
    fn a_silence_that_is_too_long_was_none_of_idleness() {
        let mut memory = Memory::default();
        for clock in [500, 520, 530] {
            let moment = server(clock * SECOND, standby()).moment(&mut memory, clock * SECOND, None);
            assert_eq!(moment.replication.unwrap().lag_ms, Some(0));
        }
        let silent = Standby { receiver: Receiver::Silent(36 * SECOND), ..standby() };
        let gone = Standby { receiver: Receiver::Gone, ..standby() };
        for (clock, standby, lag) in [(540, silent, 36), (560, gone.clone(), 56)] {
            let moment = server(clock * SECOND, standby).moment(&mut memory, clock * SECOND, None);
            let replication = moment.replication.unwrap();
            assert_eq!((replication.lag_ms, replication.receiver_up), (Some(lag * SECOND), Some(false)));
        }
        // A receiver that has given up by the next poll.
        for (clock, receiver, lag) in [
            (600, Receiver::Up, 0),
            (632, Receiver::Overdue(31 * SECOND), 0),
            (662, Receiver::Gone, 61),
            (670, Receiver::Gone, 69),
            (671, Receiver::Up, 0),
            (672, Receiver::Gone, 1),
        ] {
            let standby = Standby { receiver, ..standby() };
            let moment = server(clock * SECOND, standby).moment(&mut memory, clock * SECOND, None);
            assert_eq!(moment.replication.unwrap().lag_ms, Some(lag * SECOND), "{clock}");
        }
    }

    #[test]
    fn without_the_right_to_know_lag_is_absent() {
        let hidden = Standby { receiver: Receiver::Hidden, ..standby() };
        let moment = server(900 * SECOND, hidden).moment(&mut Memory::default(), 900 * SECOND, None);
        let replication = moment.replication.unwrap();
        assert_eq!((moment.now_ms, replication.lag_ms, replication.receiver_up), (900 * SECOND, None, None));
    }

    #[test]
    fn a_standby_that_tells_no_time_is_as_old_as_its_newest_change() {
        let mute = server(900 * SECOND, Standby { paused: true, last_replay_ms: None, ..standby() });
        assert!(mute.tells_no_time(&Memory::default()));
        assert_eq!(mute.moment(&mut Memory::default(), 900 * SECOND, Some(7 * SECOND)).now_ms, 7 * SECOND);
    }

    #[test]
    fn a_promoted_standby_is_a_primary() {
        let mut memory = Memory::default();
        server(5, standby()).moment(&mut memory, 5, None);
        let promoted = Server { clock_ms: 10, skew_ms: 0, session: Session::default(), standby: None };
        let moment = promoted.moment(&mut memory, 10, None);
        assert!(moment.replication.is_none() && moment.now_ms == 10 && memory.level_ms(&standby()).is_none());
    }
}
