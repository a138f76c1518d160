//! Stores as files: copying them about, and telling whether anything was written.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use crate::sql;

/// The files a live store consists of, as suffixes of its path.
pub const LIVE: [&str; 3] = ["", "-wal", "-shm"];

/// The path of one of the store's files.
pub fn part(store: &Path, suffix: &str) -> PathBuf {
    let mut path = store.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// Copies some files of a store that nobody is writing to.
pub fn copy(from: &Path, to: &Path, parts: &[&str]) {
    for suffix in parts {
        fs::copy(part(from, suffix), part(to, suffix))
            .unwrap_or_else(|error| panic!("copying {}{suffix}: {error}", from.display()));
    }
}

/// A clean copy: everything is in its main file.
pub async fn copy_at_rest(from: &Path, to: &Path) {
    let mut connection = sql::connect(from).await;
    assert!(sql::checkpoint(&mut connection).await, "somebody is reading {}", from.display());
    copy(from, to, &[""]);
}

/// Sets permission bits.
pub fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .unwrap_or_else(|error| panic!("chmod {mode:o} {}: {error}", path.display()));
}

/// Whether this process may do everything: it cannot test permissions on itself then.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// What lies in a directory: every name; content and time of everything but `-shm`, which is no content but the
/// readers' and writers' common memory.
#[derive(Debug, PartialEq, Eq)]
pub struct Listing(BTreeMap<String, Option<Content>>);

#[derive(PartialEq, Eq)]
struct Content {
    modified: (i64, i64),
    mode: u32,
    owner: u32,
    bytes: Vec<u8>,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { modified, mode, owner, bytes } = self;
        let sum = bytes.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
        write!(f, "{} bytes (sum {sum:x}), mode {mode:o} of {owner}, modified {modified:?}", bytes.len())
    }
}

impl Listing {
    /// Reads the directory. Not in the process that has one of its files open with SQLite's locks: closing a file
    /// drops them.
    pub fn of(directory: &Path) -> Self {
        let entries =
            fs::read_dir(directory).expect("the directory").map(|entry| entry.expect("an entry").path());
        let listed = entries.map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let content = (!name.ends_with("-shm")).then(|| Content::of(&path));
            (name, content)
        });
        Self(listed.collect())
    }

    /// The names alone.
    pub fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

impl Content {
    fn of(path: &Path) -> Self {
        let metadata = fs::metadata(path).expect("metadata");
        Self {
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            mode: metadata.mode(),
            owner: metadata.uid(),
            bytes: fs::read(path).expect("the content"),
        }
    }
}
