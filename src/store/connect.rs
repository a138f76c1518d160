//! THE list of backends: from a URL to something that reads the store.

use std::sync::Arc;
use std::time::Duration;

use super::{StoreUrl, UrlError};
use crate::management::ManagementAPI;
use crate::source::Source;

/// Time a call may take, unless somebody says otherwise.
const LIMIT: Duration = Duration::from_secs(30);

/// The [`ManagementAPI`] of the store at `url`, read-only: `sqlite:/var/lib/orders/store.db`, or
/// `postgres://monitor@replica.example/app?schema=orders`.
///
/// Nothing is opened yet: a store that is not there now may be later. A SQLite file that nobody writes is taken for a replica
/// copy, with the time of its newest change as "now"; `?replica=true` or `?replica=false` says which it is. Each call
/// takes 30 seconds at most. The application's runtime may be in the same process.
///
/// # Errors
/// When the URL is none of a store.
pub fn connect(url: &str) -> Result<Arc<dyn ManagementAPI>, UrlError> {
    Ok(management(&StoreUrl::parse(url)?, Deployment::Embedded, LIMIT))
}

/// As [`connect`], and [`purge_completed`](ManagementAPI::purge_completed) deletes: of a Postgres store, on its primary,
/// with a role that may.
///
/// It deletes whole trees through the schema's own `delete_instances_atomic`, never by force. About 100 instances at a time
/// are locked, looked at once more and deleted in one transaction: no turn, and no child whose start is queued, comes in
/// between. A call that is given up leaves no half of a tree, and repeated it goes on.
///
/// # Errors
/// When the URL is none of a store, or of a SQLite store: that one is purged through the framework's provider, which is
/// a [`ManagementAPI`] by itself.
pub fn connect_admin(url: &str) -> Result<Arc<dyn ManagementAPI>, UrlError> {
    match StoreUrl::parse(url)? {
        StoreUrl::Sqlite { .. } => Err(UrlError::new(
            "a SQLite store is purged through the framework's provider, which is a ManagementAPI by itself",
        )),
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url) => Ok(Arc::new(super::postgres::admin(url, LIMIT))),
    }
}

/// The management of the store at `url`, each call within `limit`. Nothing is opened yet.
pub(crate) fn management(url: &StoreUrl, deployment: Deployment, limit: Duration) -> Arc<dyn ManagementAPI> {
    match url {
        #[cfg(feature = "sqlite")]
        StoreUrl::Sqlite { path, replica } => {
            Arc::new(super::sqlite::management(path.clone(), *replica, deployment, limit))
        }
        #[cfg(not(feature = "sqlite"))]
        StoreUrl::Sqlite { path: _, replica: _ } => {
            let _ = (deployment, limit);
            Arc::new(NotBuilt { feature: "sqlite" })
        }
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url) => Arc::new(super::postgres::management(url.clone(), limit)),
    }
}

/// A source for `url`. Nothing is opened yet: a store that is not there now may be later.
///
/// `deployment`: whether the runtime that writes the store may live in this process.
pub(crate) fn source(url: &StoreUrl, deployment: Deployment) -> Box<dyn Source> {
    match url {
        #[cfg(feature = "sqlite")]
        StoreUrl::Sqlite { path, replica } => {
            Box::new(super::sqlite::source(path.clone(), *replica, deployment))
        }
        #[cfg(not(feature = "sqlite"))]
        StoreUrl::Sqlite { path: _, replica: _ } => {
            let _ = deployment;
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
    async fn read(
        &mut self,
        _request: crate::source::Request<'_>,
        _limit: std::time::Duration,
    ) -> Result<crate::source::Reading, crate::source::SourceError> {
        Err(crate::source::SourceError::new(
            crate::labels::FailureReason::Unsupported,
            format!("this build cannot read such a store: its feature `{}` is off", self.feature),
        ))
    }

    async fn recall(
        &mut self,
        _executions: &[crate::source::ExecutionKey],
        _position: &crate::source::Position,
        _limit: std::time::Duration,
        _take: &mut crate::source::Take<'_>,
    ) -> Result<(), crate::source::SourceError> {
        // Nothing was ever read.
        Ok(())
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
pub(crate) enum Deployment {
    /// The runtime is another process.
    Sidecar,
    /// The runtime may be in this process.
    #[default]
    Embedded,
}
