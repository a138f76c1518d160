//! A SQLite store as a [`ManagementAPI`]: everything that people may read of it, and nothing that writes.
//!
//! Each call is one read transaction of bounded time, so that a runtime's `-wal` does not grow behind it; lists that
//! have to look at every instance stop after a while and say where to go on. One file a subject; SQL stays in them.

mod executions;
mod history;
mod instances;
mod looking;
mod search;
mod totals;

use std::sync::Arc;
use std::time::Duration;

use super::reader::{Place, Reader};
use crate::history::Event;
use crate::management::{
    Capabilities, Capability, ExecutionInfo, InstanceCounts, InstanceExport, InstanceFilter, InstanceInfo,
    InstanceTree, ManagementAPI, ManagementError, Page, PageRequest, PurgeReport, PurgeRequest, QueueDepths,
    SearchQuery, SearchResults, SystemMetrics,
};
use crate::store::database::budget::Budget;
use crate::store::database::look::{self, Look};
use crate::store::database::reading::{Readers, ask};

/// Calls that read at the same time; further ones wait. People are few, and each read is a scan at worst.
const READERS: usize = 2;

/// Answers people about one SQLite store.
pub(super) struct SqliteManagement {
    /// The path, to be shown.
    place: String,
    readers: Readers<Reader>,
}

impl SqliteManagement {
    pub(super) fn new(place: Place, limit: Duration) -> Self {
        let recognised = Arc::default();
        let shown = place.path.display().to_string();
        let readers = std::iter::repeat_n(place, READERS);
        let readers = readers.map(|place| Reader::new(place, Arc::clone(&recognised))).collect();
        Self { place: shown, readers: Readers::new(limit, readers) }
    }
}

#[async_trait::async_trait]
impl ManagementAPI for SqliteManagement {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new([
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
        ])
    }

    async fn list_instances_filtered(
        &self,
        filter: InstanceFilter,
        page: PageRequest,
    ) -> Result<Page<InstanceInfo>, ManagementError> {
        let budget = Budget::list(self.readers.limit());
        ask!(self.readers, &self.place, snapshot => instances::page(snapshot, &filter, &page, budget).await)
    }

    async fn count_instances(&self, filter: InstanceFilter) -> Result<InstanceCounts, ManagementError> {
        let budget = Budget::count(self.readers.limit());
        ask!(self.readers, &self.place, snapshot => instances::count(snapshot, &filter, budget).await)
    }

    async fn search_instances(&self, query: SearchQuery) -> Result<SearchResults, ManagementError> {
        let budget = Budget::search(self.readers.limit());
        ask!(self.readers, &self.place, snapshot => search::search(snapshot, &query, budget).await)
    }

    async fn get_instance_info(&self, instance: &str) -> Result<InstanceInfo, ManagementError> {
        ask!(self.readers, &self.place, snapshot => snapshot.instance(instance).await)
    }

    async fn get_instance_tree(&self, instance: &str) -> Result<InstanceTree, ManagementError> {
        ask!(self.readers, &self.place, snapshot => look::tree(snapshot, instance).await)
    }

    async fn list_executions(
        &self,
        instance: &str,
        page: PageRequest,
    ) -> Result<Page<ExecutionInfo>, ManagementError> {
        ask!(self.readers, &self.place, snapshot => executions::page(snapshot, instance, &page).await)
    }

    async fn read_execution(
        &self,
        instance: &str,
        execution_id: u64,
        page: PageRequest,
    ) -> Result<Page<Event>, ManagementError> {
        ask!(self.readers, &self.place, snapshot => history::page(snapshot, instance, execution_id, &page).await)
    }

    async fn get_execution_metadata(
        &self,
        instance: &str,
        execution_id: u64,
    ) -> Result<ExecutionInfo, ManagementError> {
        ask!(self.readers, &self.place, snapshot => executions::info(snapshot, instance, execution_id).await)
    }

    async fn get_metrics(&self) -> Result<SystemMetrics, ManagementError> {
        let budget = Budget::events(self.readers.limit());
        ask!(self.readers, &self.place, snapshot => totals::metrics(snapshot, budget).await)
    }

    async fn get_queue_depths(&self) -> Result<QueueDepths, ManagementError> {
        ask!(self.readers, &self.place, snapshot => totals::depths(snapshot).await)
    }

    async fn purge_completed(&self, _request: PurgeRequest) -> Result<PurgeReport, ManagementError> {
        Err(ManagementError::ReadOnly { method: "purge_completed" })
    }

    async fn export_instance(&self, instance: &str) -> Result<InstanceExport, ManagementError> {
        ask!(self.readers, &self.place, snapshot => look::export(snapshot, instance).await)
    }

    async fn data_age(&self) -> Result<Option<Duration>, ManagementError> {
        ask!(self.readers, &self.place, snapshot => totals::age(snapshot).await)
    }
}
