//! The framework's own providers as a [`ManagementAPI`], through their admin capability.

mod backend;
mod cursor;
mod error;
mod list;
mod purge;
mod read;
mod tree;

use std::sync::Arc;

use duroxide::providers::Provider;

use backend::{Backend, tells_times};
pub(crate) use error::from_provider;

use super::{
    Capabilities, Capability, ExecutionInfo, InstanceCounts, InstanceExport, InstanceFilter, InstanceInfo,
    InstanceTree, ManagementAPI, Page, PageRequest, PurgeReport, PurgeRequest, QueueDepths, Result,
    SearchQuery, SearchResults, SystemMetrics, Timeline,
};
use crate::history::Event;

/// Every [`Provider`] is a [`ManagementAPI`], through its admin capability: one store for both roles, as in
/// `Client::with_management(store.clone(), store)`. See [`ProviderManagement`], also for what is not offered.
#[async_trait::async_trait]
impl<P: Provider + ?Sized> ManagementAPI for P {
    fn capabilities(&self) -> Capabilities {
        if self.as_management_capability().is_none() {
            return Capabilities::default();
        }
        let always = [
            Capability::List,
            Capability::Search,
            Capability::Tree,
            Capability::Executions,
            Capability::History,
            Capability::Metrics,
            Capability::QueueDepths,
            Capability::Purge,
            Capability::CustomStatus,
        ];
        let times = [Capability::InstanceTimes, Capability::ExecutionTimes];
        let times = times.into_iter().filter(|_| tells_times(self));
        Capabilities::new(always.into_iter().chain(times))
    }

    async fn list_instances_filtered(
        &self,
        filter: InstanceFilter,
        page: PageRequest,
    ) -> Result<Page<InstanceInfo>> {
        Backend::of(self, "list_instances_filtered")?.list(&filter, &page).await
    }

    async fn count_instances(&self, filter: InstanceFilter) -> Result<InstanceCounts> {
        Backend::of(self, "count_instances")?.count(&filter).await
    }

    async fn search_instances(&self, query: SearchQuery) -> Result<SearchResults> {
        Backend::of(self, "search_instances")?.search(&query).await
    }

    async fn get_instance_info(&self, instance: &str) -> Result<InstanceInfo> {
        Backend::of(self, "get_instance_info")?.instance(instance).await
    }

    async fn get_instance_tree(&self, instance: &str) -> Result<InstanceTree> {
        Backend::of(self, "get_instance_tree")?.tree(instance).await
    }

    async fn list_executions(&self, instance: &str, page: PageRequest) -> Result<Page<ExecutionInfo>> {
        Backend::of(self, "list_executions")?.executions(instance, &page).await
    }

    async fn latest_execution_id(&self, instance: &str) -> Result<u64> {
        // The framework's own call answers 1 for instances that do not exist.
        Ok(Backend::of(self, "latest_execution_id")?.known(instance).await?.current_execution_id)
    }

    async fn read_execution(
        &self,
        instance: &str,
        execution_id: u64,
        page: PageRequest,
    ) -> Result<Page<Event>> {
        Backend::of(self, "read_execution")?.history_page(instance, execution_id, &page).await
    }

    async fn get_execution_metadata(&self, instance: &str, execution_id: u64) -> Result<ExecutionInfo> {
        Backend::of(self, "get_execution_metadata")?.execution(instance, execution_id).await
    }

    async fn get_execution_timeline(&self, instance: &str, execution_id: u64) -> Result<Timeline> {
        // Unlike the default, not page by page: each page would read the whole history again.
        let backend = Backend::of(self, "get_execution_timeline")?;
        let mut timeline = Timeline::builder(instance, execution_id);
        for event in &backend.history(instance, execution_id).await? {
            timeline.push(&read::tolerant(event, instance, execution_id)?);
        }
        Ok(timeline.finish())
    }

    async fn get_metrics(&self) -> Result<SystemMetrics> {
        Backend::of(self, "get_metrics")?.metrics().await
    }

    async fn get_queue_depths(&self) -> Result<QueueDepths> {
        Backend::of(self, "get_queue_depths")?.depths().await
    }

    async fn purge_completed(&self, request: PurgeRequest) -> Result<PurgeReport> {
        super::purge::purge(&mut Backend::of(self, "purge_completed")?, &request).await
    }

    async fn export_instance(&self, instance: &str) -> Result<InstanceExport> {
        Backend::of(self, "export_instance")?.export(instance).await
    }
}

/// A provider of any type as a [`ManagementAPI`].
///
/// A provider whose type is known is one by itself; this is for an `Arc<dyn Provider>`.
///
/// What the framework reports is passed on only where it is true:
///
/// - A provider without an admin capability offers nothing: every call is [`ManagementError::Unsupported`].
/// - A time of 0 is `None`; so are output and end of an execution that runs. The framework's SQLite provider tells
///   no creation times at all: filters on them are `Unsupported` there.
/// - [`QueueDepths`] are the framework's own numbers. On SQLite they count sleeping timers and miss expired leases;
///   on Postgres they count what waits behind a locked instance. Timers are not counted by themselves.
/// - On Postgres the framework calls an instance without an execution running (elsewhere: unknown), tells as the start of an
///   execution the commit of its first turn, and no end of one that continued as new.
/// - `failure_kind` of executions is `None`: only the history tells, see the timeline.
/// - `total_executions` counts executions whose instance is gone, too. All totals are full scans: not for polling.
/// - Lists read every id for each page, and details of the entries of that page only. Order is the provider's: newest
///   first, on SQLite to the second. Filters and searches end after five seconds, `partial`.
/// - Histories are read whole. One with an event that the linked framework cannot decode is
///   [`ManagementError::Undecodable`] as a whole.
///
/// # Purging
/// `purge_completed` deletes root instances with all their descendants when every one of them has completed or
/// failed and its end is known and early enough: through `delete_instances_atomic` without force, a batch of whole
/// trees at a time (about 100 instances), each looked at again right before. A call that is dropped midway leaves no
/// half-deleted tree; repeated, it goes on. Trees of more than 10,000 instances are reported as failures.
///
/// What remains: between the last look and the deletion a finished parent can get a child that it had started before
/// it ended. A child that has taken its first turn makes the deletion fail, and the tree is kept. A child whose start
/// is still queued stays queued when its parent is deleted. On SQLite a foreign key then refuses its first turn: the
/// runtime retries, and records the child as failed in an `executions` row without an instance (which no list shows);
/// other work goes on. On Postgres, which has no such key, the child runs. Both need a start that has been waiting for
/// as long as `older_than` says.
#[derive(Clone)]
pub struct ProviderManagement(Arc<dyn Provider>);

impl ProviderManagement {
    /// Through the admin capability of `provider`.
    pub fn new(provider: Arc<dyn Provider>) -> Self {
        Self(provider)
    }
}

impl std::fmt::Debug for ProviderManagement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ProviderManagement").field(&self.0.name()).finish()
    }
}

delegate_management!(ProviderManagement, this => {
    capabilities: this.0.capabilities(),
    reads: *this.0,
    writes: *this.0,
});

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
