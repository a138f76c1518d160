//! Where the shop keeps its workflows: an SQLite file of its own, or a schema of a Postgres database.

mod file;
mod postgres;

use std::path::PathBuf;
use std::sync::Arc;

use duroxide::providers::Provider;
use tempfile::TempDir;

use crate::console;

/// What the command line asks for.
pub(crate) enum Place {
    Temporary,
    Directory(PathBuf),
    Postgres(postgres::Address),
}

/// An open store.
pub(crate) struct Store {
    pub(crate) provider: Arc<dyn Provider>,
    /// As the exporter takes it. It may hold a password, so it is not for the terminal.
    pub(crate) url: String,
    /// For the terminal.
    pub(crate) description: String,
    /// Whether other processes may work on it at the same time.
    pub(crate) shared: bool,
    /// Goes with the store.
    _temporary: Option<TempDir>,
}

impl Place {
    /// An empty URL counts as none, as compose files pass a variable that nobody has set.
    pub(crate) fn choose(url: Option<&str>, data_dir: Option<PathBuf>) -> Result<Self, String> {
        match (url.map(str::trim).filter(|url| !url.is_empty()), data_dir) {
            (None, None) => Ok(Self::Temporary),
            (None, Some(dir)) => Ok(Self::Directory(dir)),
            (Some(url), None) => Ok(Self::Postgres(postgres::Address::parse(url)?)),
            (Some(_), Some(_)) => {
                Err("--store (or DUROXIDE_DEMO_STORE) and --data-dir exclude each other: the \
                                       directory is for the SQLite file that is used without --store"
                    .to_owned())
            }
        }
    }
}

impl Store {
    pub(crate) async fn open(place: Place) -> anyhow::Result<Self> {
        match place {
            Place::Temporary => file::open_temporary().await,
            Place::Directory(dir) => file::open(&dir).await,
            Place::Postgres(address) => {
                // A server that is still starting is waited for, which should not look like a crash.
                console::say(&format!("Connecting to {address} ..."));
                Ok(Self {
                    provider: address.open().await?,
                    url: address.exporter_url(),
                    description: address.to_string(),
                    shared: true,
                    _temporary: None,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_place_at_a_time() {
        let dir = || Some(PathBuf::from("/data"));
        assert!(matches!(Place::choose(None, None), Ok(Place::Temporary)));
        assert!(matches!(Place::choose(Some(""), dir()), Ok(Place::Directory(_))));
        assert!(matches!(Place::choose(Some("postgres://h/d"), None), Ok(Place::Postgres(_))));
        let error = Place::choose(Some("postgres://u:hunter2@h/d"), dir()).err().unwrap();
        assert!(error.contains("--data-dir") && !error.contains("hunter2"), "{error}");
    }
}
