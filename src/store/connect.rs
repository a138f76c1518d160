//! THE list of backends: from a URL to something that reads the store.

use std::sync::Arc;
use std::time::Duration;

use super::{StoreUrl, UrlError};
use crate::management::ManagementAPI;
use crate::source::Source;

/// Time a call may take, unless somebody says otherwise.
const LIMIT: Duration = Duration::from_secs(30);

/// The [`ManagementAPI`] of the store at `url`, for example `sqlite:/var/lib/orders/store.db`, read-only.
///
/// Nothing is opened yet: a store that is not there now may be later. A file that nobody writes is taken for a replica
/// copy, with the time of its newest change as "now"; `?replica=true` or `?replica=false` says which it is. Each call
/// takes 30 seconds at most. The application's runtime may be in the same process.
///
/// # Errors
/// When the URL is none of a store.
pub fn connect(url: &str) -> Result<Arc<dyn ManagementAPI>, UrlError> {
    Ok(management(&StoreUrl::parse(url)?, Neighbour::ThisProcess, LIMIT))
}

/// The management of the store at `url`, each call within `limit`. Nothing is opened yet.
pub(crate) fn management(url: &StoreUrl, neighbour: Neighbour, limit: Duration) -> Arc<dyn ManagementAPI> {
    match url {
        #[cfg(feature = "sqlite")]
        StoreUrl::Sqlite { path, replica } => {
            Arc::new(super::sqlite::management(path.clone(), *replica, neighbour, limit))
        }
        #[cfg(not(feature = "sqlite"))]
        StoreUrl::Sqlite { path: _, replica: _ } => {
            let _ = (neighbour, limit);
            Arc::new(NotBuilt { feature: "sqlite" })
        }
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url) => Arc::new(super::postgres::management(url.clone(), limit)),
    }
}

/// A source for `url`. Nothing is opened yet: a store that is not there now may be later.
///
/// `neighbour`: whether the runtime that writes the store may live in this process.
pub(crate) fn source(url: &StoreUrl, neighbour: Neighbour) -> Box<dyn Source> {
    match url {
        #[cfg(feature = "sqlite")]
        StoreUrl::Sqlite { path, replica } => {
            Box::new(super::sqlite::source(path.clone(), *replica, neighbour))
        }
        #[cfg(not(feature = "sqlite"))]
        StoreUrl::Sqlite { path: _, replica: _ } => {
            let _ = neighbour;
            Box::new(NotBuilt { feature: "sqlite" })
        }
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url) => Box::new(super::postgres::source(url.clone())),
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

#[cfg(not(feature = "sqlite"))]
#[async_trait::async_trait]
impl ManagementAPI for NotBuilt {
    async fn get_instance_info(
        &self,
        _instance: &str,
    ) -> Result<crate::management::InstanceInfo, crate::management::ManagementError> {
        Err(crate::management::ManagementError::unsupported(
            "reading such a store (its feature was left out of this build)",
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
