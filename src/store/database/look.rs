//! What is asked of one snapshot of a store, whatever the database, and the answers that are made of it.

mod export;
mod snapshot;
mod tree;
mod waits;

pub(in crate::store) use export::export;
pub(in crate::store) use snapshot::Look;
pub(in crate::store) use tree::tree;
pub(in crate::store) use waits::{Item, Past, Row, Standing, Take, waits};
