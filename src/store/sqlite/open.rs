//! Opening a store, and the time limit on what a connection does.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use percent_encoding::{AsciiSet, CONTROLS, percent_encode};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;

use super::super::connect::Deployment;
use super::files::{Access, Files, beside};
use crate::labels::FailureReason;
use crate::store::database::failure::StoreError;

/// Readers of a WAL store wait for nobody, except in rare moments (recovery, a rollback-mode copy).
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// Steps of SQLite's virtual machine between two looks at the clock: well below a millisecond.
const PROGRESS_STEPS: i32 = 20_000;

/// A copy with a `-wal` and no `-shm` is copied once more. Above this size that would be a surprise on somebody's
/// disk, and would not be done within a poll; the message says how to avoid it.
const LARGEST_PRIVATE_COPY: u64 = 512 << 20;

/// Characters that mean something in a `file:` URI.
const URI_SPECIAL: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#').add(b' ');

/// An open connection and the files it was opened on.
pub(super) struct Opened {
    files: Files,
    connection: SqliteConnection,
    /// The newest change, once it was asked for: what stays open does not change, and what may change is closed.
    pub(super) newest_change: Option<Option<i64>>,
    /// When the running read has to end; read by SQLite's progress handler.
    deadline: Arc<Mutex<Option<Instant>>>,
}

impl Opened {
    pub(super) async fn open(files: Files, deployment: Deployment) -> Result<Self, StoreError> {
        let path = files.path().to_owned();
        let (path, parameters, private) = match files.access() {
            Access::Shared if deployment == Deployment::Sidecar => (path, "mode=ro&readonly_shm=1", None),
            Access::Shared => (path, "mode=ro", None),
            Access::AtRest => (path, "mode=ro&immutable=1", None),
            Access::PrivateCopy if deployment == Deployment::Embedded => {
                // Reading the file to copy it would drop the locks of a runtime that opens it at this moment.
                return Err(StoreError::new(
                    FailureReason::Unavailable,
                    "it has a -wal but no -shm yet. It can be read when the application has opened it; a copy needs its \
                     -shm, too, or an exporter that is a process of its own",
                ));
            }
            Access::PrivateCopy => {
                let size = files.total_size();
                let (path, private) = blocking(move || private_copy(&path, size)).await??;
                (path, "mode=ro", Some(private))
            }
        };
        let name = percent_encode(path.as_os_str().as_bytes(), URI_SPECIAL);
        let options = SqliteConnectOptions::new()
            // An empty authority: what follows is a path, whatever it begins with.
            .filename(format!("file://{name}?{parameters}"))
            .read_only(true)
            .busy_timeout(BUSY_TIMEOUT)
            // 2 MiB of pages: a scan gains nothing from more, and every store has its own.
            .pragma("cache_size", "-2000")
            // Sorting many groups spills to a file of SQLite's own rather than to our memory.
            .pragma("temp_store", "FILE")
            .pragma("query_only", "ON")
            .thread_name(|_| "duroxide-sqlite".to_owned())
            .disable_statement_logging();
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let deadline = Arc::new(Mutex::new(None::<Instant>));
        let watched = Arc::clone(&deadline);
        connection.lock_handle().await?.set_progress_handler(PROGRESS_STEPS, move || {
            let deadline = *watched.lock().unwrap_or_else(PoisonError::into_inner);
            deadline.is_none_or(|deadline| Instant::now() < deadline)
        });
        if private.is_some() {
            // From its first read on SQLite holds the copy's files open: they need no names any more, and so nothing
            // stays behind however this process ends.
            sqlx::query("SELECT COUNT(*) FROM sqlite_schema").execute(&mut connection).await?;
            drop(private);
        }
        Ok(Self { files, connection, newest_change: None, deadline })
    }

    pub(super) fn still_fits(&self, now: &Files) -> bool {
        self.files.still_fit(now)
    }

    /// Everything that runs on the connection from now on is interrupted at `deadline`. Returns the deadline before.
    pub(super) fn limit(&mut self, deadline: Option<Instant>) -> Option<Instant> {
        std::mem::replace(&mut *self.deadline.lock().unwrap_or_else(PoisonError::into_inner), deadline)
    }

    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    pub(super) async fn close(self) {
        // Nothing was written: a failing close loses nothing.
        let _ = self.connection.close().await;
    }
}

/// Runs what may hang with its file system off the threads that serve scrapes.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| StoreError::new(FailureReason::Other, error.to_string()))
}

fn private_copy(path: &Path, size: u64) -> Result<(PathBuf, TempDir), StoreError> {
    if size > LARGEST_PRIVATE_COPY {
        return Err(StoreError::new(
            FailureReason::Unavailable,
            "the copy has a -wal but no -shm and is too large to copy again: copy the -shm, too, or fold the -wal \
             in before copying (sqlite3 FILE 'PRAGMA wal_checkpoint(TRUNCATE)')",
        ));
    }
    let temporary = |error: std::io::Error| {
        StoreError::new(
            FailureReason::Other,
            format!(
                "it has a -wal but no -shm, and copying it to {} failed ({}): set TMPDIR to a directory with room for it",
                std::env::temp_dir().display(),
                error.kind()
            ),
        )
    };
    // The new directory is ours: what may not be done is to read the store.
    let copying = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => {
            StoreError::new(FailureReason::Permission, "the file or its -wal may not be read by this user")
        }
        _ => temporary(error),
    };
    // Only for us: the store holds personal data.
    let directory = tempfile::Builder::new().prefix("duroxide-exporter-").tempdir().map_err(temporary)?;
    let copy = directory.path().join("store.db");
    std::fs::copy(path, &copy).map_err(copying)?;
    std::fs::copy(beside(path, "-wal"), beside(&copy, "-wal")).map_err(copying)?;
    Ok((copy, directory))
}
