//! What lies on the disk, and how it can be read without writing or creating anything. Looks, opens nothing.

use std::fs::Metadata;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::labels::FailureReason;
use crate::store::database::failure::StoreError;

/// The store's files at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files {
    /// Without links.
    path: PathBuf,
    main: Identity,
    wal: Option<Identity>,
    shm: bool,
    /// Hard links.
    names: u64,
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
    /// Unlike the time before, no copying program can set it. 0 for a `-wal`: SQLite run by root sets its owner each
    /// time it opens one, and that is a change.
    changed_ns: i128,
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    fn newest_ns(&self) -> i128 {
        self.modified_ns.max(self.changed_ns)
    }

    fn same_file(&self, other: &Self) -> bool {
        self.device == other.device && self.inode == other.inode
    }
}

/// Longer than any tick of a kernel's clock (1 to 10 ms), which file times are taken from.
pub(super) const TICK: Duration = Duration::from_millis(20);

impl Files {
    /// Looks at the store at `path`, through all links: SQLite follows them, and keeps the other files beside the real one.
    pub(super) fn inspect(path: &Path) -> Result<Self, StoreError> {
        let real = std::fs::canonicalize(path).map_err(|error| not_there(path, &error))?;
        let metadata = std::fs::metadata(&real).map_err(|error| not_there(path, &error))?;
        if !metadata.is_file() {
            return Err(StoreError::new(FailureReason::Unavailable, "it is not a file"));
        }
        let wal = companion(&real, "-wal")?;
        if metadata.len() == 0 && wal.is_none() {
            return Err(StoreError::new(
                FailureReason::Schema,
                "the file is empty: no store has been created in it",
            ));
        }
        // duroxide's stores are in WAL mode. Beside another one a journal means that a write is under way or was cut
        // off: without locks it would be read half-written, and rolling it back is not ours to do.
        if companion(&real, "-journal")?.is_some_and(|journal| journal.len() > 0) {
            return Err(StoreError::new(
                FailureReason::Locked,
                "a -journal lies beside it: it is being written in rollback mode, or a write was cut off",
            ));
        }
        Ok(Self {
            main: Identity::of(&metadata),
            wal: wal.map(|metadata| Identity { changed_ns: 0, ..Identity::of(&metadata) }),
            shm: companion(&real, "-shm")?.is_some(),
            names: metadata.nlink(),
            path: real,
        })
    }

    /// Where the file really is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether an application may have the file open by another name, beside which its `-wal` would be.
    pub(super) fn may_be_open_elsewhere(&self) -> bool {
        self.access() != Access::Shared && self.names > 1
    }

    pub(super) fn access(&self) -> Access {
        match &self.wal {
            Some(_) if self.shm => Access::Shared,
            Some(wal) if wal.size > 0 => Access::PrivateCopy,
            _ => Access::AtRest,
        }
    }

    /// Whether a write from now on would leave another time behind. Times tick: a file written a moment ago could be
    /// written once more without showing it.
    pub(super) fn would_show_a_change(&self) -> bool {
        let newest = self.main.newest_ns().max(self.wal.map_or(0, |wal| wal.newest_ns()));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let age = i128::try_from(now.as_nanos()).unwrap_or(i128::MAX).saturating_sub(newest);
        age.unsigned_abs() >= TICK.as_nanos()
    }

    /// Whether the main file is the one of `known`, changed or not.
    pub(super) fn same_file(&self, known: &Self) -> bool {
        self.main.same_file(&known.main)
    }

    /// Whether this is the store that `known` was, changed or not.
    pub(super) fn same_store(&self, known: &Self) -> bool {
        match self.access() {
            Access::Shared => self.main.same_file(&known.main),
            Access::AtRest | Access::PrivateCopy => self == known,
        }
    }

    /// Whether another file was put in the place of `known` while its `-wal` stayed. SQLite cannot tell that they do
    /// not belong together, and would show the old content.
    pub(super) fn has_a_wal_of(&self, known: &Self) -> bool {
        let left = self.wal.is_some_and(|wal| wal.size > 0 && Some(wal) == known.wal);
        left && !self.main.same_file(&known.main)
    }

    /// Whether a connection opened on `self` may go on being used when `now` is on the disk.
    pub(super) fn still_fit(&self, now: &Self) -> bool {
        self.path == now.path
            && self.access() == now.access()
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

fn nanoseconds(seconds: i64, nanoseconds: i64) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)
}

fn not_there(path: &Path, error: &Error) -> StoreError {
    let unavailable = |message: String| StoreError::new(FailureReason::Unavailable, message);
    match error.kind() {
        ErrorKind::NotFound if path.is_symlink() => {
            unavailable("it is a link, and at its end there is no such file".to_owned())
        }
        ErrorKind::NotFound if path.is_relative() => match std::env::current_dir() {
            Ok(here) => unavailable(format!("there is no such file in {}", here.display())),
            Err(_) => unavailable("there is no such file".to_owned()),
        },
        ErrorKind::NotFound => unavailable("there is no such file".to_owned()),
        ErrorKind::PermissionDenied => {
            StoreError::new(FailureReason::Permission, "its directory may not be entered by this user")
        }
        _ => unavailable(error.to_string()),
    }
}

/// A file beside the main one, if it is there.
fn companion(path: &Path, suffix: &str) -> Result<Option<Metadata>, StoreError> {
    let found = match std::fs::symlink_metadata(beside(path, suffix)) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(StoreError::new(
                FailureReason::Unavailable,
                format!("looking for its {suffix}: {error}"),
            ));
        }
    };
    if found.is_file() {
        return Ok(Some(found));
    }
    Err(StoreError::new(
        FailureReason::Unavailable,
        format!(
            "its {suffix} is no file but something else, such as a link, which SQLite does not follow there"
        ),
    ))
}

/// The path of the file that SQLite keeps beside the main one.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_at_rest_is_trusted_only_when_a_write_would_show() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        std::fs::write(&path, "x").unwrap();
        let fresh = Files::inspect(&path).unwrap();
        assert!(!fresh.would_show_a_change());
        let mut old = fresh.clone();
        old.main.modified_ns -= 1_000_000_000;
        assert!(!old.would_show_a_change(), "the modification time can be set by anybody");
        old.main.changed_ns -= 1_000_000_000;
        assert!(old.would_show_a_change());
        let written = Files { wal: Some(fresh.main), ..old };
        assert!(!written.would_show_a_change(), "the -wal counts as well");
    }

    #[test]
    fn what_lies_beside_decides_how_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        std::fs::write(&path, "x").unwrap();
        let access = || Files::inspect(&path).unwrap().access();
        assert_eq!(access(), Access::AtRest);
        std::fs::write(beside(&path, "-wal"), "").unwrap();
        assert_eq!(access(), Access::AtRest, "an empty -wal holds nothing");
        std::fs::write(beside(&path, "-wal"), "x").unwrap();
        assert_eq!(access(), Access::PrivateCopy);
        std::fs::write(beside(&path, "-shm"), "x").unwrap();
        assert_eq!(access(), Access::Shared);
    }

    #[test]
    fn a_wal_left_by_another_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("store.db"), folder.path().join("other.db"));
        std::fs::write(&path, "x").unwrap();
        std::fs::write(beside(&path, "-wal"), "x").unwrap();
        std::fs::write(beside(&path, "-shm"), "x").unwrap();
        let before = Files::inspect(&path).unwrap();
        assert!(!Files::inspect(&path).unwrap().has_a_wal_of(&before));
        std::fs::write(&other, "y").unwrap();
        std::fs::rename(&other, &path).unwrap();
        let after = Files::inspect(&path).unwrap();
        assert!(after.has_a_wal_of(&before));
        assert!(!after.same_store(&before));
        std::fs::remove_file(beside(&path, "-wal")).unwrap();
        assert!(!Files::inspect(&path).unwrap().has_a_wal_of(&before));
    }
}
