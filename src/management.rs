//! The [`ManagementAPI`]: watching and administering workflows, apart from the runtime's hot path.
//!
//! The runtime's `Provider` executes workflows. Looking at them is another job, with its own implementation,
//! data source (a read replica) and pace; so it has its own trait. Everything that shows workflows to people
//! speaks this trait; it may not know any backend.
//!
//! Only [`ManagementAPI::get_instance_info`] is required. A method a backend lacks answers
//! [`ManagementError::Unsupported`]: an empty list or a zero would be a lie. What a backend offers is declared
//! in its [`Capabilities`].

#[macro_use]
mod delegate;

mod api;
mod capability;
mod error;
mod instance;
pub(crate) mod keys;
mod page;
mod provider;
mod purge;
#[cfg(feature = "exporter")]
pub(crate) mod redact;
mod search;
mod split;
mod time;
mod timeline;
mod totals;
mod waits;

pub use api::ManagementAPI;
pub use capability::{Capabilities, Capability};
pub use error::ManagementError;
pub(crate) use error::{Result, quoted};
pub use instance::{
    ExecutionInfo, InstanceCounts, InstanceExport, InstanceFilter, InstanceGroup, InstanceInfo, InstanceTree,
};
pub use page::{Page, PageRequest};
pub use provider::ProviderManagement;
pub(crate) use provider::from_provider;
#[cfg(feature = "postgres")]
pub(crate) use purge::{PurgeBackend, TreeMember, purge};
pub use purge::{PurgeReport, PurgeRequest};
pub use search::{SearchField, SearchHit, SearchQuery, SearchResults};
pub use split::Split;
pub use time::{ParseTimestampError, Timestamp};
pub use timeline::{Timeline, TimelineBuilder, TimelineEntry, TimelineKind, TimelineOutcome, TimelineParent};
pub use totals::{QueueDepths, SystemMetrics};
pub use waits::{Awaited, InstanceWaits, OpenWait, QueueEntry, QueuedMessage};
