//! What lies on the disk, and how it can be read without writing or creating anything. Looks, opens nothing.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::error::Failure;
use crate::labels::FailureReason;

/// The store's files at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files {
    main: Identity,
    wal: Option<Identity>,
    shm: bool,
    journal: bool,
}

/// How the files can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// With SQLite's locks, together with a runtime: `-wal` and `-shm` are there.
    Shared,
    /// A file at rest, without `-wal`: all its content is in the main file, which nobody writes.
    AtRest,
    /// A copy with a `-wal` but without `-shm`: SQLite would have to create one; a private copy gives it a place.
    PrivateCopy,
}

/// Tells whether a file is still the same one, unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified_ns: i128,
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified_ns: i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec()),
        }
    }

    fn same_file(&self, other: &Self) -> bool {
        self.device == other.device && self.inode == other.inode
    }
}

impl Files {
    pub(super) fn inspect(path: &Path) -> Result<Self, Failure> {
        let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Failure::new(FailureReason::Unavailable, "there is no such file"),
            std::io::ErrorKind::PermissionDenied => {
                Failure::new(FailureReason::Permission, "its directory may not be entered by this user")
            }
            _ => Failure::new(FailureReason::Unavailable, error.to_string()),
        })?;
        if !metadata.is_file() {
            return Err(Failure::new(FailureReason::Unavailable, "it is not a file"));
        }
        let wal = std::fs::metadata(beside(path, "-wal")).ok().map(|metadata| Identity::of(&metadata));
        if metadata.len() == 0 && wal.is_none() {
            return Err(Failure::new(
                FailureReason::Schema,
                "the file is empty: no store has been created in it",
            ));
        }
        Ok(Self {
            main: Identity::of(&metadata),
            wal,
            shm: beside(path, "-shm").exists(),
            journal: beside(path, "-journal").exists(),
        })
    }

    pub(super) fn access(&self) -> Access {
        match &self.wal {
            _ if self.journal => Access::Shared,
            Some(_) if self.shm => Access::Shared,
            Some(wal) if wal.size > 0 => Access::PrivateCopy,
            _ => Access::AtRest,
        }
    }

    /// Whether a connection opened on `self` may go on being used when `now` is on the disk.
    pub(super) fn still_fit(&self, now: &Self) -> bool {
        self.access() == now.access()
            && match self.access() {
                // Its content changes all the time; SQLite sees to that. Only another file is another store.
                Access::Shared => self.main.same_file(&now.main),
                Access::AtRest | Access::PrivateCopy => self.main == now.main && self.wal == now.wal,
            }
    }

    pub(super) fn sizes(&self) -> Vec<(&'static str, u64)> {
        vec![("database", self.main.size), ("wal", self.wal.map_or(0, |wal| wal.size))]
    }

    pub(super) fn total_size(&self) -> u64 {
        self.main.size.saturating_add(self.wal.map_or(0, |wal| wal.size))
    }

    pub(super) fn modified_ms(&self) -> Option<i64> {
        let newest = self.main.modified_ns.max(self.wal.map_or(0, |wal| wal.modified_ns));
        i64::try_from(newest / 1_000_000).ok()
    }
}

/// The path of the file that SQLite keeps beside the main one.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
