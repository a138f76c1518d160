//! Stores: the only room that speaks SQL.
//!
//! `url` reads `--store NAME=URL`; `connect` is the one list of backends; one folder a backend.

mod budget;
pub(crate) mod connect;
mod events;
mod failure;
mod group;
mod keys;
mod look;
mod names;
mod needle;
mod reading;
mod url;

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use connect::connect;
pub use url::UrlError;
pub(crate) use url::{StoreSpec, StoreUrl};
