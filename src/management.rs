//! The [`ManagementAPI`]: watching and administering workflows, apart from the runtime's hot path.
//!
//! The runtime's `Provider` executes workflows. Looking at them is another job, with its own implementation,
//! data source (a read replica) and pace; so it has its own trait. Everything that shows workflows to people
//! speaks this trait; it may not know any backend.
//!
//! Only [`ManagementAPI::get_instance_info`] is required. A method a backend lacks answers
//! [`ManagementError::Unsupported`]: an empty list or a zero would be a lie. What a backend offers is declared
//! in its [`Capabilities`].

mod error;
mod types;

pub use error::ManagementError;
pub use types::{
    Capabilities, Capability, ExecutionInfo, InstanceExport, InstanceFilter, InstanceInfo, Page, PageRequest,
    PurgeReport, QueueDepths, SearchResults, SystemMetrics, Timeline, TimelineEntry, TimelineKind,
};

use std::time::{Duration, SystemTime};

use crate::history::Event;

/// Result of a management call.
pub(crate) type Result<T, E = ManagementError> = std::result::Result<T, E>;

/// Watching and administering the workflows of one store.
///
/// Object safe; used as `Arc<dyn ManagementAPI>`. All methods but [`get_instance_info`](Self::get_instance_info)
/// have a default that answers [`ManagementError::Unsupported`], so an implementation offers what it can and
/// new methods break nobody.
#[async_trait::async_trait]
pub trait ManagementAPI: Send + Sync {
    /// What this implementation offers. The default derives nothing: only `get_instance_info`.
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    /// Instances, newest first, a page at a time.
    async fn list_instances(&self, page: PageRequest) -> Result<Page<InstanceInfo>> {
        self.list_instances_filtered(InstanceFilter::default(), page).await
    }

    /// Instances that match `filter`, newest first, a page at a time.
    async fn list_instances_filtered(
        &self,
        filter: InstanceFilter,
        page: PageRequest,
    ) -> Result<Page<InstanceInfo>> {
        let _ = (filter, page);
        Err(ManagementError::unsupported("list_instances_filtered"))
    }

    /// Instances whose id, orchestration name or custom status contains `query`. Bounded in time; says when partial.
    async fn search_instances(&self, query: &str, limit: usize) -> Result<SearchResults> {
        let _ = (query, limit);
        Err(ManagementError::unsupported("search_instances"))
    }

    /// One instance.
    ///
    /// # Errors
    /// [`ManagementError::NotFound`] when there is none with this id.
    async fn get_instance_info(&self, instance: &str) -> Result<InstanceInfo>;

    /// The executions of an instance, oldest first.
    async fn list_executions(&self, instance: &str) -> Result<Vec<ExecutionInfo>> {
        let _ = instance;
        Err(ManagementError::unsupported("list_executions"))
    }

    /// The id of the newest execution of an instance.
    async fn latest_execution_id(&self, instance: &str) -> Result<u64> {
        Ok(self.get_instance_info(instance).await?.current_execution_id)
    }

    /// The history of one execution, in event order.
    async fn read_execution(&self, instance: &str, execution_id: u64) -> Result<Vec<Event>> {
        let _ = (instance, execution_id);
        Err(ManagementError::unsupported("read_execution"))
    }

    /// Status, output and times of one execution.
    async fn get_execution_metadata(&self, instance: &str, execution_id: u64) -> Result<ExecutionInfo> {
        let _ = (instance, execution_id);
        Err(ManagementError::unsupported("get_execution_metadata"))
    }

    /// What one execution did when: activities, timers, waits, children.
    async fn get_execution_timeline(&self, instance: &str, execution_id: u64) -> Result<Timeline> {
        let _ = (instance, execution_id);
        Err(ManagementError::unsupported("get_execution_timeline"))
    }

    /// Totals of the store.
    async fn get_metrics(&self) -> Result<SystemMetrics> {
        Err(ManagementError::unsupported("get_metrics"))
    }

    /// How much work waits.
    async fn get_queue_depths(&self) -> Result<QueueDepths> {
        Err(ManagementError::unsupported("get_queue_depths"))
    }

    /// Deletes trees of instances whose every member finished before `older_than`. With `dry_run`, says what a
    /// real run would delete and deletes nothing.
    async fn purge_completed(&self, older_than: SystemTime, dry_run: bool) -> Result<PurgeReport> {
        let _ = (older_than, dry_run);
        Err(ManagementError::unsupported("purge_completed"))
    }

    /// One instance with all its executions and their histories.
    async fn export_instance(&self, instance: &str) -> Result<InstanceExport> {
        let _ = instance;
        Err(ManagementError::unsupported("export_instance"))
    }

    /// How old the data of the next answer may be; `None` when the store is read live.
    async fn data_age(&self) -> Result<Option<Duration>> {
        Ok(None)
    }
}
