//! The seam between a store and the poller: [`Source`] reads, [`Census`] is what was read.
//!
//! Implemented once for each backend and once for any [`ManagementAPI`](crate::ManagementAPI), in `store`.
//! A census is plain data of one moment: no metric names, no caps, no I/O. Its numbers are those of the store,
//! untouched; folding names under a cap is the observer's work.

mod census;
mod tail;

#[cfg(any(feature = "exporter", feature = "postgres"))]
pub(crate) use census::Replication;
pub(crate) use census::{
    ActivityBacklog, Census, InstanceCensus, InstanceCount, Leases, Mode, QueueCensus, QueueDetail,
    QueueStats, RunningInstance, StoreFacts, StoreKind, Waiting,
};
#[cfg(test)]
pub(crate) use tail::Alone;
#[cfg(any(test, feature = "postgres", feature = "sqlite"))]
pub(crate) use tail::Columns;
#[cfg(feature = "sqlite")]
pub(crate) use tail::SEPARATOR;
#[cfg(feature = "sqlite")]
pub(crate) use tail::pieces;
pub(crate) use tail::{Batch, Chunk, ExecutionKey, Position, Start, Take};

use std::borrow::Cow;
use std::time::Duration;

use crate::labels::FailureReason;

/// Reads one store. Owned by one poller, so that a store has at most one read of ours at a time.
#[async_trait::async_trait]
pub(crate) trait Source: Send {
    /// Reads the requested parts in one short read transaction: one consistent view.
    ///
    /// `limit` bounds the read; an implementation interrupts what it started when the time is over, so that an
    /// abandoned read does not go on holding a transaction open. The poller drops the future somewhat later.
    async fn read(&mut self, request: Request<'_>, limit: Duration) -> Result<Reading, SourceError>;

    /// Hands over the events of these executions up to a position, in order: what they did before reading began there.
    /// An execution that is gone has none. After a failure it may be called again from the start.
    async fn recall(
        &mut self,
        executions: &[ExecutionKey],
        position: &Position,
        limit: Duration,
        take: &mut Take<'_>,
    ) -> Result<(), SourceError>;
}

/// When a read that is to end at its limit by itself is abandoned: two seconds later, or, under a shorter limit, when that
/// has passed once more.
#[cfg(feature = "exporter")]
pub(crate) fn with_grace(limit: Duration) -> Duration {
    limit.saturating_add(limit.min(Duration::from_secs(2)))
}

/// The answer of a source, or that it hangs.
#[cfg(feature = "exporter")]
pub(crate) async fn within<T>(
    limit: Duration,
    read: impl Future<Output = Result<T, SourceError>>,
) -> Result<T, SourceError> {
    tokio::time::timeout(with_grace(limit), read).await.unwrap_or_else(|_elapsed| {
        Err(SourceError::new(
            FailureReason::Timeout,
            format!("no answer within {limit:?}: the store or its file system hangs"),
        ))
    })
}

/// What a read is to bring.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    /// The census: what waits costs what waits. Without it a read is a step along the history alone.
    pub(crate) census: bool,
    /// That the instances are counted anew, which costs what there is.
    pub(crate) recount: bool,
    /// Where the history is read from; `None` leaves it.
    pub(crate) history: Option<&'a Start>,
}

impl Request<'static> {
    /// Everything, at one moment.
    pub(crate) const MOMENT: Self = Self { census: true, recount: true, history: None };

    /// Whether the store answers. What has changed in it is for the next read to notice.
    pub(crate) const NOTHING: Self = Self { census: false, recount: false, history: None };
}

/// What a read brought.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    /// As asked for.
    pub(crate) census: Option<Census>,
    /// As asked for; `None` also from a source without a history.
    pub(crate) history: Option<Batch>,
}

/// Why a read failed: a reason for the label, a sentence for a person. Never holds a password or a payload.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(crate) struct SourceError {
    pub(crate) reason: FailureReason,
    pub(crate) message: String,
    /// What to do about it, where that is more than the reason tells.
    pub(crate) advice: Option<Cow<'static, str>>,
}

impl SourceError {
    pub(crate) fn new(reason: FailureReason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), advice: None }
    }

    /// What a person can do about it.
    pub(crate) fn advice(&self) -> &str {
        if let Some(advice) = &self.advice {
            return advice;
        }
        match self.reason {
            FailureReason::Unavailable => {
                "Check the path or address. The application creates the store when it first starts; the exporter never does."
            }
            FailureReason::Permission => {
                "Let the exporter's user read the store. For a SQLite file that includes the -wal and -shm files beside it \
                 and every directory above."
            }
            FailureReason::Schema => {
                "Point the URL at the database that duroxide uses; start the application once so that it creates or migrates \
                 its tables."
            }
            FailureReason::Corrupt => {
                "Check that the path is that of the store. If it is a copy, make it again with SQLite's .backup or VACUUM INTO: copying the files of a live store \
                 tears them. Otherwise run PRAGMA integrity_check."
            }
            FailureReason::Locked => {
                "Somebody keeps readers out, perhaps a VACUUM or a backup; try again when it has ended."
            }
            FailureReason::Timeout => {
                "Give it more time with --poll-timeout, or look at what keeps the store busy."
            }
            FailureReason::Replaced => "The store was replaced during the read; try again.",
            FailureReason::Conflict => {
                "The standby needed what the read held on to. If it happens often, raise \
                 max_standby_streaming_delay or set hot_standby_feedback on the standby."
            }
            FailureReason::Tls => {
                "Look at sslmode, sslrootcert, sslcert and sslkey in the URL, and at the name in the server's certificate."
            }
            FailureReason::Unsupported => "This backend does not offer what is needed here.",
            FailureReason::Other => {
                "If it stays so, look into the logs of the database and of the application."
            }
        }
    }
}
