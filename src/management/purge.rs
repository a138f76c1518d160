//! Deleting what has ended: what is asked, what is answered, and how it is gone about, whatever the store.

mod patience;
mod report;
mod sweep;

pub use report::{PurgeReport, PurgeRequest};
pub(crate) use sweep::{Grove, Member, purge};
