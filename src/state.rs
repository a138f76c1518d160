//! What is kept over a restart: one file a store, replaced whole, never trusted.
//!
//! The first line says what the file is and holds a checksum of the rest. What cannot be used is set aside under another
//! name, so that nothing is lost and nothing wrong is counted on. What is in a file is the business of the lane that
//! keeps it; no room of the crate is used here.

use std::fs::{self, File};
use std::io::{self, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What the file begins with.
const MAGIC: &str = "duroxide-exporter state";

/// Changes whenever an older version could not read the rest, or would read it wrongly.
const VERSION: u32 = 1;

/// What is kept.
pub(crate) trait Persisted: Serialize + DeserializeOwned {
    /// Whether it is what a file can have held that was not tampered with.
    fn fits(&self) -> bool;
}

/// The state file of one store.
#[derive(Debug)]
pub(crate) struct StateFile<T> {
    path: PathBuf,
    /// Held as long as this value lives: two exporters must not count on in turns.
    lock: File,
    kept: PhantomData<fn() -> T>,
}

/// Why there is no state to go on with, in words for a person.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    #[error("the directory for state cannot be used: {}: {error}", path.display())]
    Directory { path: PathBuf, error: io::Error },
    #[error("{} is in use by another exporter: give each a --state-dir of its own", .0.display())]
    InUse(PathBuf),
}

/// Why a file cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unusable {
    Damaged,
    Newer,
    Foreign,
}

impl Unusable {
    fn suffix(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::Newer => "newer",
            Self::Foreign => "foreign",
        }
    }

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Damaged => "is damaged or no state file",
            Self::Newer => "was written by another version of the exporter, which this one cannot read",
            Self::Foreign => "belongs to another store",
        }
    }
}

impl<T: Persisted> StateFile<T> {
    /// The file of the store `name` in a directory, which is made if it is not there.
    pub(crate) fn open(directory: &Path, name: &str) -> Result<Self, StateError> {
        let cannot = |error| StateError::Directory { path: directory.to_owned(), error };
        fs::create_dir_all(directory).map_err(cannot)?;
        let lock_path = directory.join(format!("{name}.lock"));
        let lock =
            File::options().create(true).truncate(false).write(true).open(&lock_path).map_err(cannot)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: directory.join(format!("{name}.state")), lock, kept: PhantomData }),
            Err(fs::TryLockError::WouldBlock) => Err(StateError::InUse(lock_path)),
            Err(fs::TryLockError::Error(error)) => Err(cannot(error)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file; `None` if there is none.
    pub(crate) fn load(&self) -> io::Result<Option<Result<T, Unusable>>> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(Some(decode(&bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives the file another name, under which it is never touched again. Answers that name.
    pub(crate) fn set_aside(&self, why: Unusable) -> io::Result<PathBuf> {
        for number in 1_u32.. {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{}-{number}", why.suffix()));
            let aside = PathBuf::from(name);
            // Made first, so that nothing that is there is replaced.
            match File::create_new(&aside) {
                Ok(_) => {
                    fs::rename(&self.path, &aside)?;
                    return Ok(aside);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Replaces the file, whole or not at all.
    pub(crate) fn save(&self, state: &T) -> io::Result<()> {
        let mut new = self.path.clone().into_os_string();
        new.push(".new");
        let new = PathBuf::from(new);
        let written = (|| {
            let mut file = File::create(&new)?;
            file.write_all(&encode(state)?)?;
            file.sync_all()?;
            fs::rename(&new, &self.path)
        })();
        if written.is_err() {
            // A full disk is not to be filled further by what is of no use.
            let _ = fs::remove_file(&new);
        }
        written
    }
}

impl<T> Drop for StateFile<T> {
    /// Closing alone would not do: a process that another thread starts has a copy of the file until it is its own
    /// program, and with it the lock.
    fn drop(&mut self) {
        // Closing follows in any case.
        let _ = self.lock.unlock();
    }
}

fn encode<T: Persisted>(state: &T) -> io::Result<Vec<u8>> {
    let body = serde_json::to_vec(state)?;
    let mut bytes = format!("{MAGIC} {VERSION} {:08x}\n", crc32fast::hash(&body)).into_bytes();
    bytes.extend(body);
    Ok(bytes)
}

fn decode<T: Persisted>(bytes: &[u8]) -> Result<T, Unusable> {
    let (head, body) = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .and_then(|end| bytes.split_at_checked(end))
        .ok_or(Unusable::Damaged)?;
    let body = body.get(1..).unwrap_or_default();
    let head =
        std::str::from_utf8(head).ok().and_then(|head| head.strip_prefix(MAGIC)).ok_or(Unusable::Damaged)?;
    let mut words = head.split_ascii_whitespace();
    let version: u32 = words.next().and_then(|word| word.parse().ok()).ok_or(Unusable::Damaged)?;
    let checksum = words.next().and_then(|word| u32::from_str_radix(word, 16).ok());
    if checksum != Some(crc32fast::hash(body)) {
        return Err(Unusable::Damaged);
    }
    if version != VERSION {
        return Err(Unusable::Newer);
    }
    let state: T = serde_json::from_slice(body).map_err(|_| Unusable::Damaged)?;
    if state.fits() { Ok(state) } else { Err(Unusable::Damaged) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
    struct State {
        rowid: i64,
    }

    impl Persisted for State {
        fn fits(&self) -> bool {
            self.rowid >= 0
        }
    }

    fn open(folder: &Path, name: &str) -> Result<StateFile<State>, StateError> {
        StateFile::open(folder, name)
    }

    #[test]
    fn what_was_saved_is_read_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = open(folder.path(), "orders").unwrap();
        assert!(file.load().unwrap().is_none());
        file.save(&State { rowid: 7 }).unwrap();
        assert_eq!(file.load().unwrap().unwrap().unwrap(), State { rowid: 7 });
        assert!(matches!(open(folder.path(), "orders"), Err(StateError::InUse(_))));
        open(folder.path(), "others").unwrap();

        let good = fs::read(file.path()).unwrap();
        assert_eq!(decode::<State>(&encode(&State { rowid: -1 }).unwrap()), Err(Unusable::Damaged));
        for at in 0..good.len() {
            let mut damaged = good.clone();
            damaged[at] ^= 1;
            assert!(decode::<State>(&damaged).is_err(), "byte {at}");
            assert!(decode::<State>(&good[..at]).is_err(), "{at} bytes");
        }
        let newer = String::from_utf8(good).unwrap().replacen(" 1 ", " 2 ", 1);
        assert_eq!(decode::<State>(newer.as_bytes()).unwrap_err(), Unusable::Newer);
    }

    #[test]
    fn a_copy_of_the_lock_does_not_hold_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = open(folder.path(), "orders").unwrap();
        // As a process just forked has it.
        let copy = file.lock.try_clone().unwrap();
        drop(file);
        open(folder.path(), "orders").unwrap();
        drop(copy);
    }

    #[test]
    fn what_is_set_aside_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = open(folder.path(), "orders").unwrap();
        for content in ["one", "two"] {
            fs::write(file.path(), content).unwrap();
            assert!(file.load().unwrap().unwrap().is_err());
            let aside = file.set_aside(Unusable::Damaged).unwrap();
            assert_eq!(fs::read_to_string(aside).unwrap(), content);
            assert!(file.load().unwrap().is_none());
        }
    }
}
