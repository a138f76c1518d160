//! The poller of one store: reads, folds, swaps the snapshot in; keeps the last good one when a read fails.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::Instrument as _;

use super::cap::{Dropped, LabelCapper};
use super::history::{CounterState, Follower, HistoryView};
use super::pace::{Ended, Pace};
use super::view::{Snapshot, Stamp, StoreWriter};
use crate::catalogue;
use crate::labels::FailureReason;
use crate::source::{self, Census, Mode, Request, Source, SourceError, StoreFacts};
use crate::state::StateFile;
use crate::telemetry::{LogThrottle, Telemetry};

/// A step along a history that failed is taken again so much later, or after the time it took.
const RETRY: Duration = Duration::from_secs(1);

/// Progress along a history is worth a line in the log when there are more events than this to be read.
const TOLD: u64 = 100_000;

/// How a poller works.
#[derive(Debug, Clone)]
pub(crate) struct PollerSettings {
    /// From the beginning of one poll to the beginning of the next.
    pub(crate) interval: Duration,
    /// A poll that takes longer is interrupted and failed.
    pub(crate) timeout: Duration,
    /// Whether counters begin with the oldest event of a history.
    pub(crate) backfill: bool,
    /// Cap on label combinations.
    pub(crate) max_label_values: usize,
}

/// Poll durations: from an idle SQLite store (below 1 ms) to the default time limit (30 s) and beyond.
const POLL_BUCKETS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Polls one store until it is dropped.
pub(crate) struct Poller {
    name: Arc<str>,
    source: Box<dyn Source>,
    writer: StoreWriter,
    settings: PollerSettings,
    telemetry: Arc<Telemetry>,
    capper: LabelCapper,
    history: Follower,
    pace: Pace,
    /// How the last poll ended.
    ended: Ended,
    logged: LogThrottle<Logged>,
}

/// How a poll ended, as the log tells it.
#[derive(Debug, PartialEq, Eq)]
enum Logged {
    Read(Mode, Vec<String>),
    Failed(String),
}

impl Poller {
    pub(crate) fn new(
        name: Arc<str>,
        source: Box<dyn Source>,
        writer: StoreWriter,
        settings: PollerSettings,
        telemetry: Arc<Telemetry>,
        state: Option<StateFile<CounterState>>,
    ) -> Self {
        let capper = LabelCapper::new(settings.max_label_values);
        let history = Follower::new(&name, settings.max_label_values, settings.backfill, state);
        let pace = Pace::new(settings.interval, settings.timeout);
        let (ended, logged) = (Ended::Well, LogThrottle::on_change());
        let mut poller =
            Self { name, source, writer, settings, telemetry, capper, history, pace, ended, logged };
        poller.announce();
        poller
    }

    /// Makes the series of its self-counters exist.
    fn announce(&mut self) {
        let (telemetry, store) = (&self.telemetry, &*self.name);
        telemetry.add(&catalogue::POLLS, [store], 0);
        telemetry.observe(&catalogue::POLL_DURATION, POLL_BUCKETS, [store], None);
        for reason in FailureReason::ALL {
            telemetry.add(&catalogue::POLL_FAILURES, [store, reason.as_str()], 0);
        }
        self.count_dropped(Dropped::default());
    }

    /// Polls for ever.
    pub(crate) async fn run(mut self) {
        loop {
            let began = Instant::now();
            let span = tracing::debug_span!("poll", store = %self.name);
            let well = self.poll().instrument(span).await;
            let next = Instant::now() + self.pace.pause(began.elapsed(), self.ended);
            if well && self.is_behind() {
                let span = tracing::debug_span!("follow_history", store = %self.name);
                self.catch_up(next).instrument(span).await;
                if !self.is_behind() {
                    // What could not be told before is told at once.
                    continue;
                }
            }
            tokio::time::sleep_until(next.into()).await;
        }
    }

    /// One poll; answers whether it succeeded.
    pub(crate) async fn poll(&mut self) -> bool {
        let began = Stamp::now();
        let read = self.read().await;
        let took = began.steady.elapsed();
        let failure = read.as_ref().err().map(|error| error.reason);
        match read {
            Ok((census, history)) => {
                let (snapshot, dropped) = self.capper.cap(census, history, began.steady, Instant::now());
                self.count_dropped(dropped);
                self.log_success(&snapshot, took);
                self.history.save(&self.name, &self.telemetry).await;
                self.writer.good(snapshot);
            }
            Err(error) => {
                self.log_failure(&error);
                self.writer.failed(began, error.reason, &format!("{}. {}", error.message, error.advice()));
            }
        }
        // Last: whoever sees the poll counted can see its values, too.
        let (telemetry, store) = (&self.telemetry, &*self.name);
        telemetry.add(&catalogue::POLLS, [store], 1);
        telemetry.observe(&catalogue::POLL_DURATION, POLL_BUCKETS, [store], Some(took.as_secs_f64()));
        if let Some(reason) = failure {
            telemetry.add(&catalogue::POLL_FAILURES, [store, reason.as_str()], 1);
        }
        failure.is_none()
    }

    /// Reads what a poll reads. After a failure it first asks for nothing, so that a store that hangs is told from one that
    /// is slow.
    async fn read(&mut self) -> Result<(Census, Option<HistoryView>), SourceError> {
        let limit = self.settings.timeout;
        if self.ended != Ended::Well {
            self.ended = Ended::Unanswered;
            source::within(limit, self.source.read(Request::NOTHING, limit)).await?;
        }
        let read = self.history.observe(&self.name, &mut *self.source, limit).await;
        self.ended = if read.is_ok() { Ended::Well } else { Ended::Failed };
        read
    }

    /// Follows the history to its end, or until `deadline`: half of the time, so that a store is not kept busy by what can
    /// wait.
    pub(crate) async fn catch_up(&mut self, deadline: Instant) {
        let (backlog, from) = (self.history.backlog(), Instant::now());
        while self.history.is_behind() && Instant::now() < deadline {
            let began = Instant::now();
            if let Err(error) = self.history.step(&self.name, &mut *self.source, self.settings.timeout).await
            {
                // If it stays so the next poll meets the same, and tells it.
                tracing::debug!(store = %self.name, "following the history: {error}");
                tokio::time::sleep(began.elapsed().max(RETRY)).await;
                continue;
            }
            self.history.save(&self.name, &self.telemetry).await;
            tokio::time::sleep(began.elapsed()).await;
        }
        if backlog > TOLD {
            let left = self.history.backlog();
            tracing::info!(store = %self.name, events = backlog.saturating_sub(left), left, took = ?from.elapsed(), "followed the history");
        }
    }

    /// The next poll counts the instances anew.
    pub(crate) fn recount_now(&mut self) {
        self.history.recount_now();
    }

    /// Whether there is more to be read before everything can be told.
    pub(crate) fn is_behind(&self) -> bool {
        self.history.is_behind()
    }

    /// Counts names that found no place in a family at its cap.
    fn count_dropped(&mut self, dropped: Dropped) {
        let Dropped { activities, tags, orchestrations, running, runtime_versions } = dropped;
        let [executions, durations, scheduled, children] = self.history.take_dropped();
        for (metric, dropped) in [
            (&catalogue::ACTIVITY_QUEUE_MESSAGES, activities),
            (&catalogue::ACTIVITY_QUEUE_OLDEST_READY_AGE, tags),
            (&catalogue::INSTANCES, orchestrations),
            (&catalogue::INSTANCES_WAITING, running),
            (&catalogue::EXECUTIONS_RUNNING, runtime_versions),
            (&catalogue::EXECUTIONS_STARTED, executions),
            (&catalogue::EXECUTION_DURATION, durations),
            (&catalogue::ACTIVITIES_SCHEDULED, scheduled),
            (&catalogue::CHILDREN_SCHEDULED, children),
        ] {
            self.telemetry.add(&catalogue::SERIES_DROPPED, [&metric.prometheus_name()], dropped);
        }
    }

    fn log_failure(&mut self, error: &SourceError) {
        let SourceError { reason, message, advice: _ } = error;
        if self.logged.admit(Logged::Failed(message.clone()), Instant::now()).is_some() {
            tracing::warn!(store = %self.name, %reason, "poll failed: {message}. {}", error.advice());
        } else {
            tracing::debug!(store = %self.name, %reason, "poll failed again: {message}");
        }
    }

    fn log_success(&mut self, snapshot: &Snapshot, took: Duration) {
        let StoreFacts { kind, schema, mode, notes, .. } = &snapshot.census.store;
        tracing::debug!(store = %self.name, ?took, mode = mode.as_str(), "polled");
        if self.logged.admit(Logged::Read(*mode, notes.clone()), Instant::now()).is_none() {
            return;
        }
        tracing::info!(store = %self.name, backend = kind.name, schema, mode = mode.as_str(), "store is read");
        for note in notes {
            tracing::info!(store = %self.name, "{note}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::observe::DURATION_MS;
    use crate::observe::store_view;
    use crate::source::{ExecutionKey, Position, Reading, Take};

    /// Fails when it is asked for a census; answers otherwise, unless it hangs. Remembers whether a census was asked for.
    #[derive(Clone, Default)]
    struct Slow {
        hangs: Arc<Mutex<bool>>,
        asked: Arc<Mutex<Vec<bool>>>,
    }

    #[async_trait::async_trait]
    impl Source for Slow {
        async fn read(&mut self, request: Request<'_>, _limit: Duration) -> Result<Reading, SourceError> {
            self.asked.lock().unwrap().push(request.census);
            if request.census || *self.hangs.lock().unwrap() {
                return Err(SourceError::new(FailureReason::Timeout, "it takes too long"));
            }
            Ok(Reading { census: None, history: None })
        }

        async fn recall(
            &mut self,
            _executions: &[ExecutionKey],
            _position: &Position,
            _limit: Duration,
            _take: &mut Take<'_>,
        ) -> Result<(), SourceError> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn after_a_failure_a_store_is_asked_first_whether_it_answers() {
        let settings = PollerSettings {
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            backfill: false,
            max_label_values: 1,
        };
        let telemetry = Arc::new(Telemetry::new(DURATION_MS));
        let store = Slow::default();
        let (writer, _reader) = store_view("orders".into());
        let mut poller =
            Poller::new("orders".into(), Box::new(store.clone()), writer, settings, telemetry, None);
        for (hangs, asked, ended) in [
            (false, &[true][..], Ended::Failed),
            (false, &[false, true], Ended::Failed),
            (true, &[false], Ended::Unanswered),
            (true, &[false], Ended::Unanswered),
            (false, &[false, true], Ended::Failed),
        ] {
            *store.hangs.lock().unwrap() = hangs;
            assert!(!poller.poll().await);
            assert_eq!((&*std::mem::take(&mut *store.asked.lock().unwrap()), poller.ended), (asked, ended));
        }
    }
}
