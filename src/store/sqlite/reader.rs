//! One read of a store: look at the files, open them, one read transaction, look again.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::sqlite::SqliteConnection;
use tokio::task::JoinHandle;

use super::super::connect::Deployment;
use super::clock;
use super::files::{self, Access, Files};
use super::open::Opened;
use super::schema::Schema;
use crate::labels::FailureReason;
use crate::store::database::failure::StoreError;

/// Which store: where it is, and how it may be opened.
#[derive(Debug, Clone)]
pub(super) struct StoreLocation {
    pub(super) path: PathBuf,
    /// From the URL: whether the file is a copy.
    pub(super) replica: Option<bool>,
    pub(super) deployment: Deployment,
}

/// What has been seen of a store's files, shared by all its readers.
#[derive(Debug, Default)]
pub(super) struct Recognised {
    /// The files as they were last found.
    files: Option<Files>,
    /// A runtime was seen at work on this very file: it is no copy, even when that runtime has ended cleanly and
    /// left the file alone. Its backlog goes on growing old.
    live: bool,
    /// Changes when another file has taken the store's place: what was remembered of the one before is void.
    generation: u64,
}

impl Recognised {
    /// Takes note of the files; whether the store is live, and its generation.
    fn note(&mut self, files: &Files) -> Result<(bool, u64), StoreError> {
        if let Some(known) = &self.files {
            if files.has_a_wal_of(known) {
                return Err(StoreError::new(
                    FailureReason::Replaced,
                    "the file was replaced, but beside it lies the -wal of the one before: remove the old -wal and \
                     -shm before a file is put in their place",
                ));
            }
            if !files.same_store(known) {
                self.live &= files.same_file(known);
                self.generation += 1;
            }
        }
        self.live |= files.access() == Access::Shared;
        self.files = Some(files.clone());
        Ok((self.live, self.generation))
    }
}

/// Reads one store, one read at a time.
pub(super) struct Reader {
    place: StoreLocation,
    recognised: Arc<Mutex<Recognised>>,
    schema: Option<(u64, Schema)>,
    /// A connection to a file at rest or to a private copy, which nobody else uses. One that shares the store with
    /// a runtime is closed after each read: even idle it would hold a lock on the file, which keeps a runtime that
    /// ends from folding its `-wal` in.
    open: Option<Opened>,
    /// A look at the disk that has not come back yet.
    looking: Option<JoinHandle<Result<Files, StoreError>>>,
}

/// The store at one moment: an open read transaction.
pub(super) struct Snapshot {
    opened: Opened,
    pub(super) files: Files,
    pub(super) schema: Schema,
    pub(super) replica: bool,
    /// Of [`Recognised`]: what was remembered under another number is void.
    pub(super) generation: u64,
}

/// What time it is in a snapshot.
#[derive(Debug, Clone, Copy)]
pub(super) struct StoreTime {
    /// The store's "now".
    pub(super) now_ms: i64,
    /// Replicas: age of the newest change.
    pub(super) last_replay_age_ms: Option<i64>,
}

impl Snapshot {
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        self.opened.connection()
    }

    /// Interrupts what runs from now on at `deadline`, instead of at the end of the whole read's time.
    pub(super) fn limit(&mut self, deadline: Instant) -> Option<Instant> {
        self.opened.limit(Some(deadline))
    }

    /// Puts back what [`Self::limit`] returned.
    pub(super) fn restore(&mut self, deadline: Option<Instant>) {
        self.opened.limit(deadline);
    }

    /// The moment: the machine's clock, or for a copy that of its newest change. The snapshot was taken before, so
    /// nothing in it is from the future.
    pub(super) async fn moment(&mut self) -> Result<StoreTime, StoreError> {
        let wall = clock::wall_ms();
        let newest = if self.replica {
            let newest = match self.opened.newest_change {
                Some(known) => known,
                None => clock::newest_change(self.opened.connection(), &self.schema).await?,
            };
            self.opened.newest_change = Some(newest);
            newest.or(self.files.modified_ms())
        } else {
            None
        };
        Ok(StoreTime {
            now_ms: newest.map_or(wall, |newest| newest.min(wall)),
            last_replay_age_ms: newest.map(|newest| wall.saturating_sub(newest)),
        })
    }
}

impl Reader {
    pub(super) fn new(place: StoreLocation, recognised: Arc<Mutex<Recognised>>) -> Self {
        Self { place, recognised, schema: None, open: None, looking: None }
    }

    /// Begins a read transaction: everything in it is interrupted after `limit`.
    pub(super) async fn begin(&mut self, limit: Duration) -> Result<Snapshot, StoreError> {
        let files = self.settled().await?;
        let (live, generation) = self.recognised().note(&files)?;
        let replica = self.place.replica.unwrap_or(!live);
        if !live && self.place.replica != Some(true) && files.may_be_open_elsewhere() {
            return Err(StoreError::new(
                FailureReason::Unavailable,
                "the file has several names (hard links): SQLite would not see what an application writes that has opened \
                 it by another",
            )
            .advise("Give the name by which the application opens it. If it is a copy, add ?replica=true to its URL."));
        }
        let begun = match self.connection(&files).await {
            Ok(mut opened) => {
                opened.limit(Some(Instant::now() + limit));
                match self.take_snapshot(&mut opened, generation).await {
                    Ok(schema) => Ok(Snapshot { opened, files: files.clone(), schema, replica, generation }),
                    Err(failure) => {
                        opened.close().await;
                        Err(failure)
                    }
                }
            }
            Err(failure) => Err(failure),
        };
        match begun {
            Ok(snapshot) => Ok(snapshot),
            Err(failure) => {
                self.look_again(&files).await?;
                Err(failure)
            }
        }
    }

    /// SQLite interrupts itself.
    pub(super) async fn guard<T>(
        &self,
        _limit: Duration,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        work.await
    }

    /// Ends the transaction, and lets its answer pass if the files were the same all the time.
    pub(super) async fn end<T>(
        &mut self,
        mut snapshot: Snapshot,
        answer: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        // Also after a failure, so that the runtime's checkpoints are not held back.
        let ended = sqlx::query("COMMIT").execute(snapshot.connection()).await;
        let answer = match (answer, ended) {
            (Ok(_), Err(error)) => Err(error.into()),
            (answer, _) => answer,
        };
        let Snapshot { opened, files, .. } = snapshot;
        match (&answer, files.access()) {
            (Ok(_), Access::AtRest | Access::PrivateCopy) => self.open = Some(opened),
            (Ok(_), Access::Shared) | (Err(_), _) => opened.close().await,
        }
        self.look_again(&files).await?;
        answer
    }

    async fn take_snapshot(&mut self, opened: &mut Opened, generation: u64) -> Result<Schema, StoreError> {
        sqlx::query("BEGIN").execute(opened.connection()).await?;
        let known = self.schema.take().filter(|(of, _)| *of == generation).map(|(_, schema)| schema);
        // The first read takes the snapshot.
        let schema = Schema::probe(opened.connection(), known).await?;
        self.schema = Some((generation, schema.clone()));
        Ok(schema)
    }

    /// A copy is read without locks: what was read while somebody wrote it means nothing, nor does an error.
    async fn look_again(&mut self, files: &Files) -> Result<(), StoreError> {
        if files.still_fit(&self.look().await?) {
            return Ok(());
        }
        self.recognised().generation += 1;
        Err(StoreError::new(
            FailureReason::Replaced,
            "the file was replaced or changed while it was being read",
        ))
    }

    fn recognised(&self) -> std::sync::MutexGuard<'_, Recognised> {
        self.recognised.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the files, off the threads that serve scrapes. In a file system that hangs a look never comes back:
    /// the next read waits for the same one instead of leaving one more thread behind.
    async fn look(&mut self) -> Result<Files, StoreError> {
        if let Some(pending) = &mut self.looking {
            let _ = pending.await;
        }
        let path = self.place.path.clone();
        let look = self.looking.insert(tokio::task::spawn_blocking(move || Files::inspect(&path)));
        let files = look.await;
        self.looking = None;
        files.map_err(|error| StoreError::new(FailureReason::Other, error.to_string()))?
    }

    /// The files, once a change of them would show.
    async fn settled(&mut self) -> Result<Files, StoreError> {
        let files = self.look().await?;
        // SQLite's locks see to a shared store; it may change at any time.
        if files.access() == Access::Shared || files.would_show_a_change() {
            return Ok(files);
        }
        tokio::time::sleep(files::TICK).await;
        let files = self.look().await?;
        if files.access() != Access::Shared && !files.would_show_a_change() {
            return Err(StoreError::new(FailureReason::Replaced, "the file is being written"));
        }
        Ok(files)
    }

    async fn connection(&mut self, files: &Files) -> Result<Opened, StoreError> {
        match self.open.take() {
            Some(opened) if opened.still_fits(files) => return Ok(opened),
            Some(outdated) => outdated.close().await,
            None => {}
        }
        Opened::open(files.clone(), self.place.deployment).await
    }
}
