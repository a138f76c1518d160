//! Records that wait for the collector, so many and no more.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use tokio::sync::Notify;

/// So many wait. Whoever writes them keeps each below some kilobytes.
const ROOM: usize = 2_000;

/// The two ends of it: whoever has one may write and take.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queue(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    records: VecDeque<(&'static str, LogRecord)>,
    dropped: u64,
}

impl Queue {
    /// Takes a record by a writer, if there is room; never waits. When there is none, what is known already is worth more
    /// than the next of the same.
    pub(crate) fn push(&self, writer: &'static str, record: LogRecord) {
        let mut waiting = self.waiting();
        if waiting.records.len() < ROOM {
            waiting.records.push_back((writer, record));
        } else {
            waiting.dropped += 1;
        }
        drop(waiting);
        self.0.arrived.notify_one();
    }

    /// Returns when there is something to take.
    pub(crate) async fn arrival(&self) {
        while self.is_empty() {
            self.0.arrived.notified().await;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        let waiting = self.waiting();
        waiting.records.is_empty() && waiting.dropped == 0
    }

    /// Everything that waits, and how many found no room since the last call.
    pub(crate) fn take(&self) -> (Vec<(&'static str, LogRecord)>, u64) {
        let mut waiting = self.waiting();
        (waiting.records.drain(..).collect(), std::mem::take(&mut waiting.dropped))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_takes_no_more_than_it_has_room_for_and_counts_the_rest() {
        let queue = Queue::default();
        for n in 0..ROOM + 3 {
            let record = LogRecord { time_unix_nano: n as u64, ..LogRecord::default() };
            queue.push("w", record);
        }
        queue.arrival().await;
        let (records, dropped) = queue.take();
        assert_eq!((records.len(), dropped), (ROOM, 3));
        assert_eq!(records.first().unwrap().1.time_unix_nano, 0, "the first are kept");
        assert!(queue.is_empty());
        assert_eq!(queue.take(), (Vec::new(), 0));
    }

    #[tokio::test]
    async fn who_waits_is_told() {
        let queue = Queue::default();
        let writer = queue.clone();
        let waiting = tokio::spawn(async move { queue.arrival().await });
        tokio::task::yield_now().await;
        writer.push("w", LogRecord::default());
        waiting.await.unwrap();
    }
}
