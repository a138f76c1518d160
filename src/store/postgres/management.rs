//! A Postgres store as a [`ManagementAPI`]: everything that people may read of it.
//!
//! Each call is one read transaction of bounded time. No index leads to the newest instances, to names or to statuses: a
//! first page costs one look at every row of `instances`; lists by status, which is in another table, look at the newest
//! so-and-so many first and stop after a while, saying where to go on. One file a subject; SQL stays in them.

mod executions;
mod history;
mod instances;
mod looking;
mod search;
mod totals;

use std::time::Duration;

use super::purge::purge_completed;
use super::reader::Reader;
use crate::history::Event;
use crate::management::{
    Capabilities, Capability, ExecutionInfo, InstanceCounts, InstanceExport, InstanceFilter, InstanceInfo,
    InstanceTree, ManagementAPI, ManagementError, Page, PageRequest, PurgeReport, PurgeRequest, QueueDepths,
    SearchQuery, SearchResults, SystemMetrics,
};
use crate::store::database::budget::Budget;
use crate::store::database::look::{self, Look};
use crate::store::database::reading::{Readers, ask};
use crate::store::url::PostgresUrl;

/// Answers people about one Postgres store, over one connection: the poller has the other.
pub(super) struct PostgresManagement {
    url: PostgresUrl,
    readers: Readers<Reader>,
    /// Whether it may delete.
    purges: bool,
}

impl PostgresManagement {
    pub(super) fn new(url: PostgresUrl, limit: Duration) -> Self {
        let readers = Readers::new(limit, vec![Reader::new(url.clone())]);
        Self { url, readers, purges: false }
    }

    /// The same, and it purges.
    pub(super) fn purging(self) -> Self {
        Self { purges: true, ..self }
    }
}

#[async_trait::async_trait]
impl ManagementAPI for PostgresManagement {
    fn capabilities(&self) -> Capabilities {
        let reads = [
            Capability::List,
            Capability::Search,
            Capability::SearchPayloads,
            Capability::Tree,
            Capability::Executions,
            Capability::History,
            Capability::Metrics,
            Capability::QueueDepths,
            Capability::ExactQueueDepths,
            Capability::InstanceTimes,
            Capability::ExecutionTimes,
            Capability::CustomStatus,
        ];
        Capabilities::new(reads.into_iter().chain(self.purges.then_some(Capability::Purge)))
    }

    async fn list_instances_filtered(
        &self,
        filter: InstanceFilter,
        page: PageRequest,
    ) -> Result<Page<InstanceInfo>, ManagementError> {
        let budget = Budget::list(self.readers.limit());
        ask!(self.readers, &self.url, snapshot => instances::page(snapshot, &filter, &page, budget).await)
    }

    async fn count_instances(&self, filter: InstanceFilter) -> Result<InstanceCounts, ManagementError> {
        ask!(self.readers, &self.url, snapshot => instances::count_by_group(snapshot, &filter).await)
    }

    async fn search_instances(&self, query: SearchQuery) -> Result<SearchResults, ManagementError> {
        let budget = Budget::search(self.readers.limit());
        ask!(self.readers, &self.url, snapshot => search::search(snapshot, &query, budget).await)
    }

    async fn get_instance_info(&self, instance: &str) -> Result<InstanceInfo, ManagementError> {
        ask!(self.readers, &self.url, snapshot => snapshot.instance(instance).await)
    }

    async fn get_instance_tree(&self, instance: &str) -> Result<InstanceTree, ManagementError> {
        ask!(self.readers, &self.url, snapshot => look::tree(snapshot, instance).await)
    }

    async fn list_executions(
        &self,
        instance: &str,
        page: PageRequest,
    ) -> Result<Page<ExecutionInfo>, ManagementError> {
        ask!(self.readers, &self.url, snapshot => executions::page(snapshot, instance, &page).await)
    }

    async fn read_execution(
        &self,
        instance: &str,
        execution_id: u64,
        page: PageRequest,
    ) -> Result<Page<Event>, ManagementError> {
        ask!(self.readers, &self.url, snapshot => history::page(snapshot, instance, execution_id, &page).await)
    }

    async fn get_execution_metadata(
        &self,
        instance: &str,
        execution_id: u64,
    ) -> Result<ExecutionInfo, ManagementError> {
        ask!(self.readers, &self.url, snapshot => executions::info(snapshot, instance, execution_id).await)
    }

    async fn get_metrics(&self) -> Result<SystemMetrics, ManagementError> {
        let budget = Budget::events(self.readers.limit());
        ask!(self.readers, &self.url, snapshot => totals::metrics(snapshot, budget).await)
    }

    async fn get_queue_depths(&self) -> Result<QueueDepths, ManagementError> {
        ask!(self.readers, &self.url, snapshot => totals::depths(snapshot).await)
    }

    async fn purge_completed(&self, request: PurgeRequest) -> Result<PurgeReport, ManagementError> {
        if !self.purges {
            return Err(ManagementError::ReadOnly { method: "purge_completed" });
        }
        purge_completed(&self.url, self.readers.limit(), &request).await
    }

    async fn export_instance(&self, instance: &str) -> Result<InstanceExport, ManagementError> {
        ask!(self.readers, &self.url, snapshot => look::export(snapshot, instance).await)
    }

    async fn data_age(&self) -> Result<Option<Duration>, ManagementError> {
        ask!(self.readers, &self.url, snapshot => totals::age(snapshot))
    }
}
