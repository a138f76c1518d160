//! What a server in recovery says of its replay.

use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::store::database::failure::StoreError;
use crate::store::postgres::connection::Transaction;

/// A receiver that hears nothing for half of its timeout asks its primary for an answer. When none has come this much
/// later, it hangs in the air, whatever it calls itself.
const SILENCE_MS: i64 = 5_000;

/// A server in recovery.
#[derive(Debug, Clone)]
pub(super) struct Standby {
    /// When it was started: no two servers have that in common.
    pub(super) server: i64,
    pub(super) paused: bool,
    /// Up to where in the log; `None` when there was none.
    pub(super) replayed: Option<i64>,
    pub(super) received: Option<i64>,
    /// Where the primary said that its log ends.
    pub(super) announced: Option<i64>,
    /// Whether replay waits for more than was received. The last record may have come in part only.
    pub(super) waits: bool,
    /// Commit time of the last replayed transaction.
    pub(super) last_replay_ms: Option<i64>,
    pub(super) receiver: Receiver,
    pub(super) conflicts: u64,
}

/// The process that streams changes from the primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Receiver {
    Up,
    /// It has heard nothing for so many milliseconds, and has asked for an answer.
    Overdue(i64),
    /// None came.
    Silent(i64),
    Gone,
    /// There is one; a role without `pg_monitor` is told no more.
    Hidden,
}

impl Receiver {
    pub(super) fn is_up(self) -> Option<bool> {
        match self {
            Self::Up | Self::Overdue(_) => Some(true),
            Self::Silent(_) | Self::Gone => Some(false),
            Self::Hidden => None,
        }
    }
}

impl Standby {
    /// `None` when it was promoted since.
    pub(super) async fn ask(transaction: &mut Transaction) -> Result<Option<Self>, StoreError> {
        let asked = sqlx::query(
            "SELECT pg_is_wal_replay_paused(), \
                    (pg_last_wal_replay_lsn() - '0/0')::int8, \
                    (pg_last_wal_receive_lsn() - '0/0')::int8, \
                    (r.latest_end_lsn - '0/0')::int8, \
                    COALESCE((SELECT wait_event IN ('RecoveryWalStream', 'RecoveryWalAll') \
                              FROM pg_stat_activity WHERE backend_type = 'startup'), false), \
                    floor(extract(epoch FROM pg_last_xact_replay_timestamp()) * 1000)::int8, \
                    r.pid IS NOT NULL, r.status, \
                    floor(extract(epoch FROM clock_timestamp() - r.last_msg_receipt_time) * 1000)::int8, \
                    floor(extract(epoch FROM current_setting('wal_receiver_timeout')::interval) * 1000)::int8, \
                    COALESCE((SELECT confl_tablespace + confl_lock + confl_snapshot + confl_bufferpin + confl_deadlock \
                              FROM pg_stat_database_conflicts WHERE datname = current_database()), 0), \
                    floor(extract(epoch FROM pg_postmaster_start_time()) * 1000000)::int8 \
             FROM (SELECT 1) AS one LEFT JOIN pg_stat_wal_receiver r ON true",
        )
        .fetch_one(transaction)
        .await;
        match asked {
            Ok(row) => Ok(Some(Self::read(&row)?)),
            // "recovery is not in progress"
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("55000") => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        let (exists, status): (bool, Option<String>) = (row.try_get(6)?, row.try_get(7)?);
        let (silent, timeout): (Option<i64>, i64) = (row.try_get(8)?, row.try_get(9)?);
        // A timeout of 0 is none: then the primary's own word has to do.
        let asks_after = if timeout > 0 { timeout / 2 } else { i64::MAX };
        let receiver = match (status.as_deref(), silent) {
            _ if !exists => Receiver::Gone,
            (None, _) => Receiver::Hidden,
            (Some("streaming"), Some(silent)) if silent > asks_after.saturating_add(SILENCE_MS) => {
                Receiver::Silent(silent)
            }
            (Some("streaming"), Some(silent)) if silent > asks_after => Receiver::Overdue(silent),
            (Some("streaming"), _) => Receiver::Up,
            (Some(_), _) => Receiver::Gone,
        };
        Ok(Self {
            server: row.try_get(11)?,
            paused: row.try_get(0)?,
            replayed: row.try_get(1)?,
            received: row.try_get(2)?,
            announced: row.try_get(3)?,
            waits: row.try_get(4)?,
            last_replay_ms: row.try_get(5)?,
            receiver,
            conflicts: u64::try_from(row.try_get::<i64, _>(10)?).unwrap_or(0),
        })
    }

    /// Where the primary's log ends, as far as it knows.
    pub(super) fn end(&self) -> Option<i64> {
        self.received.max(self.announced)
    }

    pub(super) fn has_replayed_all(&self) -> bool {
        let waits_for_more = self.waits && self.received >= self.announced;
        self.end().is_some() && (self.replayed >= self.end() || waits_for_more)
    }

    pub(super) fn is_level(&self) -> bool {
        let streams = matches!(self.receiver, Receiver::Up | Receiver::Overdue(_) | Receiver::Hidden);
        streams && !self.paused && self.has_replayed_all()
    }
}
