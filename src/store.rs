//! Stores: the only room that speaks SQL.
//!
//! `url` reads `--store NAME=URL`; `connect` is the one list of backends; one folder a backend.

pub(crate) mod connect;
mod url;

#[cfg(feature = "sqlite")]
mod sqlite;

pub use connect::connect;
pub use url::UrlError;
pub(crate) use url::{StoreSpec, StoreUrl};
