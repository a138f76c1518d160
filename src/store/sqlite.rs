//! A duroxide SQLite store, read-only.
//!
//! Never through the framework's provider, which would migrate the file. Nothing is written, and nothing is
//! created beside the file: a `-shm` made by another user than the runtime's would lock the runtime out.
//! The file is only ever opened by SQLite itself: closing a descriptor of our own would drop the locks that an
//! embedding application's runtime holds in the same process.
//!
//! Rooms: `files` decides how the file can be opened, `open` opens it, `schema` probes the columns, `queues`
//! and `instances` count, `clock` finds the moment a copy is from, `error` says what went wrong.

mod clock;
mod error;
mod files;
mod instances;
mod open;
mod queues;
mod schema;
mod text;
mod undecodable;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use sqlx::sqlite::SqliteConnection;
use tokio::task::JoinHandle;

use super::connect::Neighbour;
use crate::labels::FailureReason;
use crate::source::{Census, InstanceCensus, Mode, Source, SourceError, StoreFacts};
use error::Failure;
use files::{Access, Files};
use open::Opened;
use schema::Schema;
use undecodable::Undecodable;

/// Reads one SQLite store.
pub(crate) struct SqliteSource {
    path: PathBuf,
    /// From the URL: whether the file is a copy.
    replica: Option<bool>,
    neighbour: Neighbour,
    /// Taken out while a poll runs: a poll that is dropped half-way leaves nothing behind.
    open: Option<OpenStore>,
    /// A look at the disk that has not come back yet.
    looking: Option<JoinHandle<Result<Files, Failure>>>,
}

/// An open connection and what is remembered with it. All of it is forgotten when the file changes identity.
struct OpenStore {
    opened: Opened,
    schema: Option<Schema>,
    undecodable: Undecodable,
    /// The last instance census and the `data_version` it was taken at.
    instances: Option<(i64, InstanceCensus)>,
}

impl SqliteSource {
    pub(crate) fn new(path: PathBuf, replica: Option<bool>, neighbour: Neighbour) -> Self {
        Self { path, replica, neighbour, open: None, looking: None }
    }

    /// Looks at the files, off the threads that serve scrapes. In a file system that hangs a look never comes back:
    /// the next poll waits for the same one instead of leaving one more thread behind.
    async fn look(&mut self) -> Result<Files, Failure> {
        if let Some(pending) = &mut self.looking {
            let _ = pending.await;
        }
        let path = self.path.clone();
        let look = self.looking.insert(tokio::task::spawn_blocking(move || Files::inspect(&path)));
        let files = look.await;
        self.looking = None;
        files.map_err(|error| Failure::new(FailureReason::Other, error.to_string()))?
    }

    async fn read(&mut self, limit: Duration) -> Result<Census, Failure> {
        let mut files = self.look().await?;
        if files.may_change_unseen() {
            tokio::time::sleep(files::TICK).await;
            files = self.look().await?;
            if files.may_change_unseen() {
                return Err(Failure::new(FailureReason::Replaced, "the file is being written"));
            }
        }
        let mut store = match self.open.take() {
            Some(store) if store.opened.still_fits(&files) => store,
            outdated => {
                if let Some(outdated) = outdated {
                    outdated.opened.close().await;
                }
                OpenStore {
                    opened: Opened::open(&self.path, files.clone(), self.neighbour).await?,
                    schema: None,
                    undecodable: Undecodable::default(),
                    instances: None,
                }
            }
        };
        let replica = self.replica.unwrap_or_else(|| files.access() != Access::Shared);
        store.opened.limit(Instant::now() + limit);
        let census = store.read(replica, &files).await;
        // A copy is read without locks: what was read while somebody wrote it means nothing.
        let after = self.look().await?;
        if !store.opened.still_fits(&after) {
            return Err(Failure::new(
                FailureReason::Replaced,
                "the file was replaced or changed while it was being read",
            ));
        }
        let census = census?;
        self.open = Some(store);
        Ok(census)
    }
}

impl OpenStore {
    /// One read transaction: the schema, the clock, the queues, the instances.
    async fn read(&mut self, replica: bool, files: &Files) -> Result<Census, Failure> {
        let Self { opened, schema, undecodable, instances } = self;
        let connection = opened.connection();
        sqlx::query("BEGIN").execute(&mut *connection).await?;
        let read = read_transaction(connection, schema, undecodable, instances, replica, files).await;
        // Ends the snapshot even after a failure, so that the runtime's checkpoints are not held back.
        let ended = sqlx::query("COMMIT").execute(&mut *connection).await;
        let census = read?;
        ended?;
        Ok(census)
    }
}

async fn read_transaction(
    connection: &mut SqliteConnection,
    schema: &mut Option<Schema>,
    undecodable: &mut Undecodable,
    instances: &mut Option<(i64, InstanceCensus)>,
    replica: bool,
    files: &Files,
) -> Result<Census, Failure> {
    // The first read takes the snapshot; "now" comes after it, so that nothing in the snapshot is from the future.
    let schema = Schema::probe(connection, schema).await?;
    let wall = clock::wall_ms();
    let newest =
        if replica { clock::newest_change(connection, schema).await?.or(files.modified_ms()) } else { None };
    let now_ms = newest.unwrap_or(wall);
    let queues = queues::census(connection, schema, undecodable, now_ms).await?;
    let data_version: i64 = sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut *connection).await?;
    let counts = match instances {
        Some((version, counts)) if *version == data_version => counts.clone(),
        _ => {
            let counts = instances::census(connection).await?;
            *instances = Some((data_version, counts.clone()));
            counts
        }
    };
    Ok(Census {
        now_ms,
        store: StoreFacts {
            backend: "sqlite",
            schema: schema.migration.clone(),
            mode: if replica { Mode::Replica } else { Mode::Live },
            last_replay_age_ms: newest.map(|newest| wall.saturating_sub(newest)),
            sizes: files.sizes(),
        },
        queues: Some(queues),
        instances: Some(counts),
    })
}

#[async_trait::async_trait]
impl Source for SqliteSource {
    async fn census(&mut self, limit: Duration) -> Result<Census, SourceError> {
        let mut outcome = self.read(limit).await;
        // A copy that is being replaced is usually whole a moment later.
        if matches!(&outcome, Err(failure) if failure.reason == FailureReason::Replaced) {
            outcome = self.read(limit).await;
        }
        outcome.map_err(|failure| failure.explain(&self.path))
    }
}
