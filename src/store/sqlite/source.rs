//! A SQLite store as a [`Source`]: one census a poll.

use std::sync::Arc;
use std::time::Duration;

use super::files::Files;
use super::reader::{Place, Reader, Snapshot};
use super::undecodable::Undecodable;
use super::{instances, queues};
use crate::source::{Census, InstanceCensus, Mode, Source, SourceError, StoreFacts};
use crate::store::database::failure::Failure;
use crate::store::database::reading::read;

const A_COPY: &str = "read as a copy: states and ages are those of its newest change. If it is the live store of an \
     application that is stopped, add ?replica=false to its URL";

/// Takes the census of one SQLite store.
pub(crate) struct SqliteSource {
    place: Place,
    reader: Reader,
    known: Known,
}

/// What is remembered from poll to poll. All of it is forgotten when another file takes the place of the store.
#[derive(Default)]
struct Known {
    generation: u64,
    undecodable: Undecodable,
    /// The last instance census and the files it was taken from: it holds for as long as they do not change.
    instances: Option<(Files, InstanceCensus)>,
}

impl SqliteSource {
    pub(super) fn new(place: Place) -> Self {
        let reader = Reader::new(place.clone(), Arc::default());
        Self { place, reader, known: Known::default() }
    }
}

impl Known {
    async fn census(&mut self, snapshot: &mut Snapshot) -> Result<Census, Failure> {
        if self.generation != snapshot.generation {
            *self = Self { generation: snapshot.generation, ..Self::default() };
        }
        let moment = snapshot.moment().await?;
        let (schema, files) = (snapshot.schema.clone(), snapshot.files.clone());
        let connection = snapshot.connection();
        let queues = queues::census(connection, &schema, &mut self.undecodable, moment.now_ms).await?;
        let instances = match &self.instances {
            Some((unchanged, counts)) if *unchanged == files => counts.clone(),
            _ => {
                let counts = instances::census(connection).await?;
                // Only if a write after the look at the files would have shown.
                self.instances = files.would_show_a_change().then(|| (files.clone(), counts.clone()));
                counts
            }
        };
        Ok(Census {
            now_ms: moment.now_ms,
            store: StoreFacts {
                backend: "sqlite",
                schema: schema.migration,
                mode: if snapshot.replica { Mode::Replica } else { Mode::Live },
                last_replay_age_ms: moment.last_replay_age_ms,
                replication: None,
                clock_skew_ms: Vec::new(),
                sizes: files.sizes(),
                notes: snapshot.replica.then(|| A_COPY.to_owned()).into_iter().collect(),
            },
            queues: Some(queues),
            instances: Some(instances),
        })
    }
}

#[async_trait::async_trait]
impl Source for SqliteSource {
    async fn census(&mut self, limit: Duration) -> Result<Census, SourceError> {
        let Self { place, reader, known } = self;
        read!(reader, limit, snapshot => known.census(snapshot).await)
            .map_err(|failure| failure.explain(&place.path.display()))
    }
}
