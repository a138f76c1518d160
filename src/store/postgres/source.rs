//! A Postgres store as a [`Source`]: one census a poll.

use std::time::Duration;

use super::items::QueueItems;
use super::queues::Sequences;
use super::reader::{Reader, Snapshot};
use super::tail::Look;
use super::{instances, notes, queues, tail};
use crate::labels::Clock;
use crate::source::{
    Census, ExecutionKey, Mode, Position, Reading, Request, Source, SourceError, StoreFacts, Take,
};
use crate::store::database::failure::Failure;
use crate::store::database::reading::read;
use crate::store::url::PostgresUrl;

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
    /// The greatest totals that were told, for as long as the sequences go on: what an enqueueing transaction that takes
    /// longer than from poll to poll is about to add was taken for gone, and is not taken back.
    dequeued: [Option<u64>; 3],
}

impl PostgresSource {
    pub(super) fn new(url: PostgresUrl) -> Self {
        Self { place: url.to_string(), reader: Reader::new(url), known: Known::default() }
    }
}

impl Known {
    async fn read(&mut self, snapshot: &mut Snapshot, request: Request<'_>) -> Result<Reading, Failure> {
        let (history, look) = match request.history {
            Some(start) => {
                let (batch, look) = tail::step(snapshot, start).await?;
                (Some(batch), Some(look))
            }
            None => (None, None),
        };
        let census = match (request.census, look) {
            (false, _) => None,
            (true, Some(look)) => Some(self.census(snapshot, request.recount, look).await?),
            (true, None) => {
                let look = tail::look(snapshot, None).await?;
                Some(self.census(snapshot, request.recount, look).await?)
            }
        };
        Ok(Reading { census, history })
    }

    async fn census(
        &mut self,
        snapshot: &mut Snapshot,
        recount: bool,
        look: Look,
    ) -> Result<Census, Failure> {
        self.items.settle(&snapshot.schema, snapshot.fresh);
        let mut counted = queues::census(snapshot, &mut self.items, &self.sequences).await?;
        let instances = if recount { Some(instances::census(snapshot).await?) } else { None };
        let newest = look.newest_ms.max(queues::newest_lease(snapshot).await?);
        let schema = snapshot.schema.clone();
        let sizes = queues::sizes(snapshot, &schema).await?;
        self.sequences = counted.sequences;
        if let Some(detail) = &mut counted.census.detail {
            for (told, dequeued) in self.dequeued.iter_mut().zip(&mut detail.dequeued) {
                *told = dequeued.and_then(|dequeued| (*told).max(Some(dequeued)));
                *dequeued = *told;
            }
        }

        let moment = &snapshot.moment;
        let ahead_ms = newest.map_or(0, |newest| (newest - moment.clock_ms).max(0));
        Ok(Census {
            now_ms: moment.now_ms,
            store: StoreFacts {
                backend: "postgres",
                schema: schema.version(),
                mode: if moment.replication.is_some() { Mode::Replica } else { Mode::Live },
                last_replay_age_ms: moment.last_replay_age_ms,
                replication: moment.replication.clone(),
                clock_skew_ms: vec![(Clock::Exporter, snapshot.skew_ms), (Clock::Worker, ahead_ms)],
                sizes,
                notes: notes::of(&schema, moment, ahead_ms),
            },
            identity: schema.identity,
            queues: Some(counted.census),
            waiting: Some(counted.waiting),
            total_instances: Some(look.total),
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
