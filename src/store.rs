//! Stores: the only room that speaks SQL.
//!
//! `url` reads `--store NAME=URL`; `connect` is the one list of backends; one folder a backend, and
//! `database` for what they share; `classify` sorts the errors of their drivers; `management` is a source over any
//! `ManagementAPI`.

#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod classify;
pub(crate) mod connect;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod database;
#[cfg(feature = "exporter")]
mod management;
mod url;

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use connect::{connect, connect_admin};
#[cfg(feature = "exporter")]
pub(crate) use management::ManagementSource;
pub use url::UrlError;
pub(crate) use url::{StoreSpec, StoreUrl};
