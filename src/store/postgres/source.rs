//! A Postgres store as a [`Source`]: one census a poll.

use std::time::{Duration, Instant};

use super::items::QueueItems;
use super::queues::Sequences;
use super::reader::{Reader, Snapshot};
use super::{instances, notes, queues, tail};
use crate::labels::Clock;
use crate::source::{
    Census, ExecutionKey, Mode, Position, Reading, Request, Source, SourceError, StoreFacts, StoreKind, Take,
};
use crate::store::database::failure::StoreError;
use crate::store::database::high_water::Counters;
use crate::store::database::reading::read;
use crate::store::url::PostgresUrl;

/// The backend, as metrics and messages show it.
const KIND: StoreKind = StoreKind {
    name: "postgres",
    orphans: "The framework drops such a message when it comes upon it, and leaves an execution without an instance.",
    undecodable_activities: "Whoever takes it fails, again each time its lease ends; mend or delete the row.",
    undecodable_messages: "Its instance makes no progress while it is there; one that is no JSON, or holds an escaped NUL, holds \
                           up all orchestrations. Mend or delete the row.",
};

/// Takes the census of one Postgres store.
pub(super) struct PostgresSource {
    place: String,
    reader: Reader,
    known: Known,
}

/// What is remembered from poll to poll.
#[derive(Default)]
struct Known {
    items: QueueItems,
    sequences: Sequences,
    counters: Counters,
    /// When the newest instance was written, as far as was seen.
    newest_ms: Option<i64>,
    /// When the instances may be counted next.
    total_at: Option<Instant>,
}

/// Counting all instances is part of every poll as long as they are no more than these.
const QUICKLY_COUNTED: u64 = 100_000;

/// Otherwise it is followed by a pause this many times as long, a minute at most: that some were deleted may be noticed so
/// much later.
const TOTAL_PAUSE: u32 = 300;
const LONGEST_TOTAL_PAUSE: Duration = Duration::from_secs(60);

impl PostgresSource {
    pub(super) fn new(url: PostgresUrl) -> Self {
        Self { place: url.to_string(), reader: Reader::new(url), known: Known::default() }
    }
}

impl Known {
    async fn read(&mut self, snapshot: &mut Snapshot, request: Request<'_>) -> Result<Reading, StoreError> {
        if snapshot.fresh {
            // Perhaps another store.
            (self.newest_ms, self.total_at) = (None, None);
        }
        self.items.settle(&snapshot.schema, snapshot.fresh);
        let history = match request.history {
            Some(start) => {
                let (batch, newest_ms) = tail::step(snapshot, start).await?;
                // What the step saw of the instances.
                self.newest_ms = self.newest_ms.max(newest_ms);
                Some(batch)
            }
            None => None,
        };
        let census = if request.census { Some(self.census(snapshot, request).await?) } else { None };
        Ok(Reading { census, history })
    }

    /// How many instances there are, when that was not found out just before.
    async fn total(
        &mut self,
        snapshot: &mut Snapshot,
        request: Request<'_>,
    ) -> Result<Option<u64>, StoreError> {
        let began = Instant::now();
        if !request.recount && request.history.is_some() && self.total_at.is_some_and(|at| began < at) {
            return Ok(None);
        }
        let total = instances::total(snapshot).await?;
        let pause = if total > QUICKLY_COUNTED { began.elapsed() * TOTAL_PAUSE } else { Duration::ZERO };
        self.total_at = Some(Instant::now() + pause.min(LONGEST_TOTAL_PAUSE));
        Ok(Some(total))
    }

    async fn census(&mut self, snapshot: &mut Snapshot, request: Request<'_>) -> Result<Census, StoreError> {
        let mut counted = queues::census(snapshot, &mut self.items, &self.sequences).await?;
        let instances = if request.recount { Some(instances::census(snapshot).await?) } else { None };
        let total_instances = self.total(snapshot, request).await?;
        if request.recount || request.history.is_none() || self.newest_ms.is_none() {
            // In between, the steps of the history tell.
            self.newest_ms = instances::newest(snapshot).await?;
        }
        let newest = self.newest_ms.max(queues::newest_lease(snapshot).await?);
        let schema = snapshot.schema.clone();
        let sizes = queues::sizes(snapshot, &schema).await?;
        self.sequences = counted.sequences;
        if let Some(detail) = &mut counted.census.detail {
            // What an enqueueing transaction that takes longer than from poll to poll is about to add was taken for gone.
            self.counters.keep(schema.identity.as_deref(), detail, Instant::now());
        }

        let moment = &snapshot.moment;
        let ahead_ms = newest.map_or(0, |newest| (newest - moment.clock_ms).max(0));
        Ok(Census {
            now_ms: moment.now_ms,
            store: StoreFacts {
                kind: &KIND,
                schema: schema.version(),
                mode: if moment.replication.is_some() { Mode::Replica } else { Mode::Live },
                last_replay_age_ms: moment.last_replay_age_ms,
                replication: moment.replication.clone(),
                clock_skew_ms: vec![(Clock::Exporter, snapshot.skew_ms), (Clock::Worker, ahead_ms)],
                sizes,
                notes: notes::of(&schema, moment, ahead_ms, snapshot.pooled),
            },
            identity: schema.identity,
            queues: Some(counted.census),
            waiting: Some(counted.waiting),
            total_instances,
            instances,
        })
    }
}

#[async_trait::async_trait]
impl Source for PostgresSource {
    async fn read(&mut self, request: Request<'_>, limit: Duration) -> Result<Reading, SourceError> {
        let Self { place, reader, known } = self;
        read!(reader, limit, snapshot => known.read(snapshot, request).await)
            .map_err(|failure| failure.explain(place))
    }

    async fn recall(
        &mut self,
        executions: &[ExecutionKey],
        position: &Position,
        limit: Duration,
        take: &mut Take<'_>,
    ) -> Result<(), SourceError> {
        let Self { place, reader, .. } = self;
        read!(reader, limit, snapshot => tail::recall(snapshot, executions, position, &mut *take).await)
            .map_err(|failure| failure.explain(place))
    }
}
