//! Follows the history of one store: asks the source, lets the tracker count, keeps the state file.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::totals::Totals;
use super::tracker::{Decoded, HistoryView, RECALL, Tracker};
use crate::catalogue;
use crate::labels::{EventType, FailureReason};
use crate::source::{Batch, Census, Position, Reading, Request, Source, SourceError, Start, within};
use crate::state::{Persisted, StateFile, Unusable};
use crate::telemetry::{LogThrottle, Telemetry};

/// A position that moved without an event is not worth a write to the disk more often than this.
const SAVE_IDLE: Duration = Duration::from_secs(60);

/// What is kept over a restart.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CounterState {
    /// Of the store; see [`Census::identity`].
    identity: Option<String>,
    position: Position,
    totals: Totals,
}

impl Persisted for CounterState {
    fn fits(&self) -> bool {
        self.totals.fits()
    }
}

/// Follows the history of one store.
pub(crate) struct Follower {
    tracker: Tracker,
    /// What the tracker begins with when it has to begin anew.
    max_names: usize,
    backfill: bool,
    file: Option<Arc<StateFile<CounterState>>>,
    /// What the state file said of its store, until the store was seen to be that one.
    claimed: Option<Option<String>>,
    identity: Option<String>,
    /// Something was counted since the last save.
    unsaved: bool,
    saved_at: Option<Instant>,
    /// Failures to write the state file.
    unwritten: LogThrottle<()>,
}

impl Follower {
    pub(crate) fn new(
        store: &str,
        max_names: usize,
        backfill: bool,
        file: Option<StateFile<CounterState>>,
    ) -> Self {
        let mut follower = Self {
            tracker: Tracker::new(now_ms(), Start::first(backfill), max_names),
            max_names,
            backfill,
            file: file.map(Arc::new),
            claimed: None,
            identity: None,
            unsaved: false,
            saved_at: None,
            unwritten: LogThrottle::on_change(),
        };
        follower.load(store);
        follower
    }

    fn load(&mut self, store: &str) {
        let Some(file) = &self.file else { return };
        match file.load() {
            Ok(None) => {}
            Ok(Some(Ok(CounterState { identity, position, totals }))) => {
                self.tracker = Tracker::resume(position, totals, self.max_names);
                self.claimed = Some(identity);
            }
            Ok(Some(Err(why))) => self.begin_anew(store, why),
            Err(error) => {
                tracing::error!(store, file = %file.path().display(), "the state file cannot be read: {error}. Counters begin anew and are not kept");
                self.file = None;
            }
        }
    }

    /// Sets the file aside.
    fn begin_anew(&mut self, store: &str, why: Unusable) {
        self.tracker = Tracker::new(now_ms(), Start::first(self.backfill), self.max_names);
        let Some(file) = &self.file else { return };
        let path = file.path().display();
        match file.set_aside(why) {
            Ok(aside) => tracing::warn!(
                store, file = %path,
                "the state file {}; it was renamed to {}, and counters begin anew", why.words(), aside.display()
            ),
            Err(error) => {
                tracing::error!(
                    store, file = %path,
                    "the state file {} and cannot be renamed: {error}. Counters begin anew and are not kept", why.words()
                );
                self.file = None;
            }
        }
    }

    /// One poll: a census, and the history up to it as far as one step goes.
    pub(crate) async fn observe(
        &mut self,
        store: &str,
        source: &mut dyn Source,
        limit: Duration,
    ) -> Result<(Census, Option<HistoryView>), SourceError> {
        if let Some(claimed) = &self.claimed {
            let request = Request { census: true, recount: false, history: None };
            let identity = read(source, request, limit).await?.census.and_then(|census| census.identity);
            let another = claimed.is_some() && identity.is_some() && *claimed != identity;
            self.claimed = None;
            if another {
                self.begin_anew(store, Unusable::Foreign);
            } else {
                tracing::info!(store, "counters go on where they ended");
            }
        }
        // Again with a recount where the reckoning turns out to be void.
        for _ in 0..2 {
            let began = Instant::now();
            let ask = self.tracker.ask(began);
            let request = Request { census: true, recount: ask.recount, history: ask.history.as_ref() };
            let Reading { census, history } = read(source, request, limit).await?;
            let took = began.elapsed();
            let Some(mut census) = census else { break };
            self.identity.clone_from(&census.identity);
            match history {
                Some(batch) => self.take(store, source, &batch, limit).await?,
                // A source without a history.
                None if ask.history.is_some() => return Ok((census, None)),
                None => {}
            }
            if let Some(view) = self.tracker.settle(&mut census, began, took) {
                return Ok((census, Some(view)));
            }
        }
        Err(SourceError::new(
            FailureReason::Other,
            "the store did not count its instances when it was asked to",
        ))
    }

    /// One step of catching up.
    pub(crate) async fn step(
        &mut self,
        store: &str,
        source: &mut dyn Source,
        limit: Duration,
    ) -> Result<(), SourceError> {
        if let Some((executions, position)) = self.tracker.to_recall() {
            let tracker = &mut self.tracker;
            within(limit, source.recall(&executions, &position, limit, &mut |chunk| tracker.recall(chunk)))
                .await?;
            tracker.recalled(executions.len());
            return Ok(());
        }
        let Some(start) = self.tracker.ask(Instant::now()).history else { return Ok(()) };
        let request = Request { census: false, recount: false, history: Some(&start) };
        match read(source, request, limit).await?.history {
            Some(batch) => self.take(store, source, &batch, limit).await,
            None => Ok(()),
        }
    }

    /// Counts what was read, after what has to be known before it.
    async fn take(
        &mut self,
        store: &str,
        source: &mut dyn Source,
        batch: &Batch,
        limit: Duration,
    ) -> Result<(), SourceError> {
        if let Some(why) = &batch.lost {
            tracing::warn!(store, "{why}");
        }
        if batch.rewritten > 0 {
            tracing::warn!(
                store,
                rows = batch.rewritten,
                "rows of the history were written anew, as by a migration, an UPDATE or a dump that is loaded: those from before \
                 the last poll are not counted again"
            );
        }
        if batch.rewound || batch.lost.is_some() {
            self.tracker.lose();
        }
        let decoded = Decoded::new(&batch.chunks);
        if let Some(strays) = self.tracker.strays(&decoded) {
            for some in strays.chunks(RECALL) {
                let tracker = &mut self.tracker;
                within(limit, source.recall(some, &batch.began, limit, &mut |chunk| tracker.recall(chunk)))
                    .await?;
            }
        }
        self.unsaved |= self.tracker.advance(&decoded, batch);
        Ok(())
    }

    /// See [`Tracker::recount_now`].
    pub(crate) fn recount_now(&mut self) {
        self.tracker.recount_now();
    }

    pub(crate) fn is_behind(&self) -> bool {
        self.tracker.is_behind()
    }

    /// How many events were counted.
    pub(crate) fn events(&self) -> u64 {
        let totals = self.tracker.state().map(|(_, totals)| totals);
        totals.map_or(0, |totals| EventType::ALL.iter().map(|kind| totals.events.get(kind)).sum())
    }

    /// Events that are there and were not read yet.
    pub(crate) fn backlog(&self) -> u64 {
        self.tracker.backlog()
    }

    pub(crate) fn take_dropped(&mut self) -> [u64; 4] {
        self.tracker.take_dropped()
    }

    /// Keeps what was counted, before anybody is shown it: what a later poll can no longer see is not lost then.
    pub(crate) async fn save(&mut self, store: &str, telemetry: &Telemetry) {
        let Some(file) = &self.file else { return };
        let due = self.unsaved || self.saved_at.is_none_or(|at| at.elapsed() >= SAVE_IDLE);
        let Some((position, totals)) = self.tracker.state().filter(|_| due) else { return };
        let state = CounterState {
            identity: self.identity.clone(),
            position: position.clone(),
            totals: totals.clone(),
        };
        let file = Arc::clone(file);
        let path = file.path().display().to_string();
        let saved = tokio::task::spawn_blocking(move || file.save(&state))
            .await
            .unwrap_or_else(|error| Err(error.into()));
        match saved {
            Ok(()) => {
                self.unsaved = false;
                self.saved_at = Some(Instant::now());
                if self.unwritten.clear() {
                    tracing::info!(store, file = %path, "the state file is written again");
                }
            }
            Err(error) => {
                telemetry.add(&catalogue::STATE_WRITE_FAILURES, [store], 1);
                if self.unwritten.admit((), Instant::now()).is_some() {
                    tracing::error!(
                        store, file = %path,
                        "the state file cannot be written: {error}. Until it can, a restart counts again what came since the last write"
                    );
                }
            }
        }
    }
}

async fn read(
    source: &mut dyn Source,
    request: Request<'_>,
    limit: Duration,
) -> Result<Reading, SourceError> {
    within(limit, source.read(request, limit)).await
}

fn now_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}
