//! Management answers that take several reads of one snapshot, on any database.

mod export;
mod snapshot;
mod tree;
mod waits;

pub(in crate::store) use export::export;
pub(in crate::store) use snapshot::Look;
pub(in crate::store) use tree::tree;
pub(in crate::store) use waits::{InstanceState, Item, OpenWaitReader, Row, RowSink, waits};
