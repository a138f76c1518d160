//! THE list of backends: from a URL to something that reads the store.

use super::StoreUrl;
use crate::source::Source;

/// A source for `url`. Nothing is opened yet: a store that is not there now may be later.
///
/// `neighbour`: whether the runtime that writes the store may live in this process.
pub(crate) fn source(url: &StoreUrl, neighbour: Neighbour) -> Box<dyn Source> {
    match url {
        #[cfg(feature = "sqlite")]
        StoreUrl::Sqlite { path, replica } => {
            Box::new(super::sqlite::SqliteSource::new(path.clone(), *replica, neighbour))
        }
        #[cfg(not(feature = "sqlite"))]
        StoreUrl::Sqlite { path: _, replica: _ } => {
            let _ = neighbour;
            Box::new(NotBuilt { feature: "sqlite" })
        }
    }
}

/// Stands for a backend that was left out of this build.
#[cfg(not(feature = "sqlite"))]
struct NotBuilt {
    feature: &'static str,
}

#[cfg(not(feature = "sqlite"))]
#[async_trait::async_trait]
impl Source for NotBuilt {
    async fn census(
        &mut self,
        _limit: std::time::Duration,
    ) -> Result<crate::source::Census, crate::source::SourceError> {
        Err(crate::source::SourceError::new(
            crate::labels::FailureReason::Unsupported,
            format!("this build cannot read such a store: its feature `{}` is off", self.feature),
        ))
    }
}

/// Whether the runtime that writes the store may live in this process.
///
/// SQLite shares one handle of the `-shm` file among all connections of a process, opened by whoever came
/// first. A sidecar opens it read-only, so that it can neither create nor change it; an embedded exporter must
/// not, or a runtime that starts later in the same process could not write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Neighbour {
    /// The runtime is another process.
    OtherProcess,
    /// The runtime may be in this process.
    #[default]
    ThisProcess,
}
