//! Whole tables, as they are.

mod postgres;
mod sqlite;

use super::Truth;
use crate::store::Store;

pub(super) async fn read(store: &Store) -> Truth {
    match store {
        Store::Sqlite(path) => sqlite::read(path).await,
        Store::Postgres(store) => postgres::read(store).await,
    }
}
