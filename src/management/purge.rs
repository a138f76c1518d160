//! Purging instances that have ended: request, report, and the procedure, for any store.

mod patience;
mod report;
mod sweep;

pub use report::{PurgeReport, PurgeRequest};
pub(crate) use sweep::{PurgeBackend, TreeMember, purge};
