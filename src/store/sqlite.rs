//! A duroxide SQLite store, read-only.
//!
//! Never through the framework's provider, which would migrate the file. Nothing is written, and nothing is
//! created beside the file: a `-shm` made by another user than the runtime's would lock the runtime out.
//! The file is only ever opened by SQLite itself: closing a descriptor of our own would drop the locks that an
//! embedding application's runtime holds in the same process.
//!
//! Rooms: `files` decides how the file can be opened, `open` opens it, `schema` probes the columns, `queues`,
//! `undecodable` and `instances` count, `text` brings names out of SQL, `clock` finds the moment a copy is from, `error`
//! says what went wrong.

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
    known: Known,
    /// A connection to a file at rest or to a private copy, which nobody else uses. One that shares the store with
    /// a runtime is closed after each poll: even idle it would hold a lock on the file, which keeps a runtime that
    /// ends from folding its `-wal` in.
    open: Option<Opened>,
    /// A look at the disk that has not come back yet.
    looking: Option<JoinHandle<Result<Files, Failure>>>,
}

/// What is remembered from poll to poll. All of it is forgotten when another file takes the place of the store.
#[derive(Default)]
struct Known {
    /// The files as they were last found.
    files: Option<Files>,
    /// A runtime was seen at work on this very file: it is no copy, even when that runtime has ended cleanly and
    /// left the file alone. Its backlog goes on growing old.
    live: bool,
    schema: Option<Schema>,
    undecodable: Undecodable,
    /// The last instance census and the files it was taken from: it holds for as long as they do not change.
    instances: Option<(Files, InstanceCensus)>,
}

impl SqliteSource {
    pub(crate) fn new(path: PathBuf, replica: Option<bool>, neighbour: Neighbour) -> Self {
        Self { path, replica, neighbour, known: Known::default(), open: None, looking: None }
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

    /// The files, once a change of them would show.
    async fn settled(&mut self) -> Result<Files, Failure> {
        let files = self.look().await?;
        // SQLite's locks see to a shared store; it may change at any time.
        if files.access() == Access::Shared || files.would_show_a_change() {
            return Ok(files);
        }
        tokio::time::sleep(files::TICK).await;
        let files = self.look().await?;
        if files.access() != Access::Shared && !files.would_show_a_change() {
            return Err(Failure::new(FailureReason::Replaced, "the file is being written"));
        }
        Ok(files)
    }

    /// Forgets what was known of another file.
    fn recognise(&mut self, files: &Files) -> Result<(), Failure> {
        if let Some(known) = &self.known.files {
            if files.has_a_wal_of(known) {
                return Err(Failure::new(
                    FailureReason::Replaced,
                    "the file was replaced, but beside it lies the -wal of the one before: remove the old -wal and \
                     -shm before a file is put in their place",
                ));
            }
            if !files.same_store(known) {
                let live = self.known.live && files.same_file(known);
                self.known = Known { live, ..Known::default() };
            }
        }
        self.known.live |= files.access() == Access::Shared;
        self.known.files = Some(files.clone());
        Ok(())
    }

    async fn connection(&mut self, files: &Files) -> Result<Opened, Failure> {
        match self.open.take() {
            Some(opened) if opened.still_fits(files) => return Ok(opened),
            Some(outdated) => outdated.close().await,
            None => {}
        }
        Opened::open(&self.path, files.clone(), self.neighbour).await
    }

    async fn read(&mut self, limit: Duration) -> Result<Census, Failure> {
        let files = self.settled().await?;
        self.recognise(&files)?;
        let read = match self.connection(&files).await {
            Ok(mut opened) => {
                opened.limit(Instant::now() + limit);
                let replica = self.replica.unwrap_or(!self.known.live);
                let read = self.known.read(&mut opened, replica, &files).await;
                match (&read, files.access()) {
                    (Ok(_), Access::AtRest | Access::PrivateCopy) => self.open = Some(opened),
                    (Ok(_), Access::Shared) | (Err(_), _) => opened.close().await,
                }
                read
            }
            Err(failure) => Err(failure),
        };
        // A copy is read without locks: what was read while somebody wrote it means nothing, nor does an error.
        if !files.still_fit(&self.look().await?) {
            self.known = Known { files: self.known.files.take(), live: self.known.live, ..Known::default() };
            return Err(Failure::new(
                FailureReason::Replaced,
                "the file was replaced or changed while it was being read",
            ));
        }
        read
    }
}

impl Known {
    /// One read transaction: the schema, the clock, the queues, the instances.
    async fn read(&mut self, opened: &mut Opened, replica: bool, files: &Files) -> Result<Census, Failure> {
        let connection = opened.connection();
        sqlx::query("BEGIN").execute(&mut *connection).await?;
        let read = self.read_transaction(connection, replica, files).await;
        // Ends the snapshot even after a failure, so that the runtime's checkpoints are not held back.
        let ended = sqlx::query("COMMIT").execute(&mut *connection).await;
        let census = read?;
        ended?;
        Ok(census)
    }

    async fn read_transaction(
        &mut self,
        connection: &mut SqliteConnection,
        replica: bool,
        files: &Files,
    ) -> Result<Census, Failure> {
        // The first read takes the snapshot; "now" comes after it, so that nothing in the snapshot is from the
        // future.
        let schema = Schema::probe(connection, &mut self.schema).await?;
        let wall = clock::wall_ms();
        let newest = if replica {
            clock::newest_change(connection, schema).await?.or(files.modified_ms())
        } else {
            None
        };
        let now_ms = newest.map_or(wall, |newest| newest.min(wall));
        let queues = queues::census(connection, schema, &mut self.undecodable, now_ms).await?;
        let instances = match &self.instances {
            Some((unchanged, counts)) if unchanged == files => counts.clone(),
            _ => {
                let counts = instances::census(connection).await?;
                // Only if a write after the look at the files would have shown.
                self.instances = files.would_show_a_change().then(|| (files.clone(), counts.clone()));
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
            instances: Some(instances),
        })
    }
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
