//! A SQLite store as a [`Source`]: one census a poll.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::sqlite::SqliteConnection;

use super::items::QueueItems;
use super::reader::{Reader, Snapshot, StoreLocation};
use super::running::KnownRunning;
use super::{instances, queues, tail};
use crate::source::{
    Census, ExecutionKey, Mode, Position, Reading, Request, Source, SourceError, StoreFacts, StoreKind, Take,
};
use crate::store::database::failure::StoreError;
use crate::store::database::high_water::Counters;
use crate::store::database::reading::read;

/// The backend, as metrics and messages show it.
const KIND: StoreKind = StoreKind {
    name: "sqlite",
    orphans: "In a SQLite store such a message, once it is due, holds up all orchestrations (a queue event excepted); \
              start an instance of that id, or delete the row.",
    undecodable_activities: "It blocks all behind it; mend or delete the row.",
    undecodable_messages: "The framework drops such a message when it comes upon it.",
};

const A_COPY: &str = "read as a copy: states and ages are those of its newest change. If it is the live store of an \
     application that is stopped, add ?replica=false to its URL";

const AN_EARLIER_COPY: &str = "another file has taken the place of the store and lacks events that were counted, as an earlier \
     copy does; should they come back, they are not counted twice";

/// Takes the census of one SQLite store.
pub(crate) struct SqliteSource {
    place: StoreLocation,
    reader: Reader,
    known: Known,
}

/// What is remembered from poll to poll. It is forgotten when another file takes the place of the store.
#[derive(Default)]
struct Known {
    generation: u64,
    items: QueueItems,
    running: KnownRunning,
    /// When the instances may be counted next, which takes longer the more there are.
    total_at: Option<Instant>,
    /// Not forgotten: another file may be a copy.
    counters: Counters,
}

impl SqliteSource {
    pub(super) fn new(place: StoreLocation) -> Self {
        let reader = Reader::new(place.clone(), Arc::default());
        Self { place, reader, known: Known::default() }
    }
}

/// Counting all instances is part of every poll as long as they are no more than these: it takes half a millisecond.
const QUICKLY_COUNTED: u64 = 100_000;

/// Otherwise it is followed by a pause this many times as long, a minute at most: that some were deleted may be noticed so
/// much later.
const TOTAL_PAUSE: u32 = 5_000;
const LONGEST_TOTAL_PAUSE: Duration = Duration::from_secs(60);

impl Known {
    async fn read(&mut self, snapshot: &mut Snapshot, request: Request<'_>) -> Result<Reading, StoreError> {
        if !request.census && request.history.is_none() {
            // See `Request::NOTHING`.
            return Ok(Reading { census: None, history: None });
        }
        let replaced = self.generation != snapshot.generation;
        if replaced {
            let counters = std::mem::take(&mut self.counters);
            *self = Self { generation: snapshot.generation, counters, ..Self::default() };
        }
        let mut history = match request.history {
            Some(start) => {
                let (identity, made_ms) = (snapshot.schema.identity.clone(), snapshot.schema.made_ms);
                Some(tail::step(snapshot.connection(), identity.as_deref(), made_ms, start).await?)
            }
            None => None,
        };
        if let Some(batch) = history.as_mut().filter(|_| replaced) {
            if batch.rewound && batch.lost.is_none() {
                batch.lost = Some(AN_EARLIER_COPY.to_owned());
            }
            // The history may go on where it ended and the rest be another's all the same.
            batch.rewound = true;
        }
        // A recount is to find what reckoning cannot.
        let told = history.as_ref().filter(|_| request.census && !request.recount);
        self.running.follow(snapshot.connection(), told).await?;
        let census = if request.census { Some(self.census(snapshot, request.recount).await?) } else { None };
        Ok(Reading { census, history })
    }

    async fn census(&mut self, snapshot: &mut Snapshot, recount: bool) -> Result<Census, StoreError> {
        if recount {
            self.items.forget_columns();
        }
        let moment = snapshot.moment().await?;
        let (schema, files) = (snapshot.schema.clone(), snapshot.files.clone());
        let connection = snapshot.connection();
        let (mut queues, waiting) =
            queues::census(connection, &schema, &mut self.items, &mut self.running, moment.now_ms).await?;
        if let Some(detail) = &mut queues.detail {
            self.counters.keep(schema.identity.as_deref(), detail, Instant::now());
        }
        let instances = if recount { Some(instances::census(connection).await?) } else { None };
        let total_instances = if recount { None } else { self.total(connection).await? };
        Ok(Census {
            now_ms: moment.now_ms,
            store: StoreFacts {
                kind: &KIND,
                schema: schema.migration,
                mode: if snapshot.replica { Mode::Replica } else { Mode::Live },
                last_replay_age_ms: moment.last_replay_age_ms,
                replication: None,
                clock_skew_ms: Vec::new(),
                sizes: files.sizes(),
                notes: snapshot.replica.then(|| A_COPY.to_owned()).into_iter().collect(),
            },
            identity: schema.identity,
            queues: Some(queues),
            waiting: Some(waiting),
            instances,
            total_instances,
        })
    }

    /// The number of all instances, unless it was counted a short time ago.
    async fn total(&mut self, connection: &mut SqliteConnection) -> Result<Option<u64>, StoreError> {
        let began = Instant::now();
        if self.total_at.is_some_and(|at| began < at) {
            return Ok(None);
        }
        let total = instances::total(connection).await?;
        let took = began.elapsed();
        let pause = took.saturating_mul(TOTAL_PAUSE).min(LONGEST_TOTAL_PAUSE);
        self.total_at = (total > QUICKLY_COUNTED).then(|| began + pause);
        Ok(Some(total))
    }
}

#[async_trait::async_trait]
impl Source for SqliteSource {
    async fn read(&mut self, request: Request<'_>, limit: Duration) -> Result<Reading, SourceError> {
        let Self { place, reader, known } = self;
        read!(reader, limit, snapshot => known.read(snapshot, request).await)
            .map_err(|failure| failure.explain(&place.path.display()))
    }

    async fn recall(
        &mut self,
        executions: &[ExecutionKey],
        position: &Position,
        limit: Duration,
        take: &mut Take<'_>,
    ) -> Result<(), SourceError> {
        let Self { place, reader, .. } = self;
        read!(reader, limit, snapshot => tail::recall(snapshot.connection(), executions, position, &mut *take).await)
            .map_err(|failure| failure.explain(&place.path.display()))
    }
}
