//! Stores: the only room that speaks SQL.
//!
//! `url` reads `--store NAME=URL`; `connect` is the one list of backends; one folder a backend, and
//! `database` for what they share.

pub(crate) mod connect;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod database;
mod url;

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use connect::{connect, connect_admin};
pub use url::UrlError;
pub(crate) use url::{StoreSpec, StoreUrl};
