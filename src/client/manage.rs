//! The management half.

use super::Client;
use crate::history::Event;
use crate::labels::InstanceStatus;
use crate::management::{
    ExecutionInfo, InstanceCounts, InstanceExport, InstanceFilter, InstanceInfo, InstanceTree, InstanceWaits,
    ManagementAPI, ManagementError, Page, PageRequest, PurgeReport, PurgeRequest, QueueDepths, Result,
    SearchQuery, SearchResults, SystemMetrics, Timeline,
};

/// Entries asked for at once where all pages are read.
const STEP: usize = 1000;

/// The management half: through the [`ManagementAPI`]. Errors are those of the trait's methods, and
/// [`ManagementError::NotConfigured`] without one.
impl Client {
    /// Instances, newest first, a page at a time.
    ///
    /// # Errors
    /// Those of [`ManagementAPI::list_instances`].
    pub async fn list_instances(&self, page: PageRequest) -> Result<Page<InstanceInfo>> {
        self.managed()?.list_instances(page).await
    }

    /// Instances that match `filter`, newest first, a page at a time.
    ///
    /// # Errors
    /// Those of [`ManagementAPI::list_instances_filtered`].
    pub async fn list_instances_filtered(
        &self,
        filter: InstanceFilter,
        page: PageRequest,
    ) -> Result<Page<InstanceInfo>> {
        self.managed()?.list_instances_filtered(filter, page).await
    }

    /// The ids of all instances, newest first. Reads all pages.
    ///
    /// # Errors
    /// Those of [`ManagementAPI::list_instances`].
    pub async fn list_all_instances(&self) -> Result<Vec<String>> {
        self.all_ids(InstanceFilter::default()).await
    }

    /// The ids of all instances with this status, newest first. Reads all pages.
    ///
    /// # Errors
    /// Those of [`ManagementAPI::list_instances_filtered`].
    pub async fn list_instances_by_status(&self, status: InstanceStatus) -> Result<Vec<String>> {
        self.all_ids(InstanceFilter { status: Some(status), ..InstanceFilter::default() }).await
    }

    /// How many instances match `filter`, by orchestration, version and status.
    ///
    /// # Errors
    /// Those of [`ManagementAPI::count_instances`].
    pub async fn count_instances(&self, filter: InstanceFilter) -> Result<InstanceCounts> {
        self.managed()?.count_instances(filter).await
    }

    /// Instances that contain a text: `client.search_instances("order")`.
    ///
    /// # Errors
    /// Those of [`ManagementAPI::search_instances`].
    pub async fn search_instances(&self, query: impl Into<SearchQuery>) -> Result<SearchResults> {
        let query = query.into();
        self.managed()?.search_instances(query).await
    }

    /// One instance.
    ///
    /// # Errors
    /// Those of [`ManagementAPI::get_instance_info`].
    pub async fn get_instance_info(&self, instance: &str) -> Result<InstanceInfo> {
        self.managed()?.get_instance_info(instance).await
    }

    /// What an instance waits for, and the one reason that counts.
    ///
    /// # Errors
    /// Those of [`ManagementAPI::get_instance_waits`].
    pub async fn get_instance_waits(&self, instance: &str) -> Result<InstanceWaits> {
        self.managed()?.get_instance_waits(instance).await
    }

    /// The tree that an instance belongs to, from its root down.
    ///
    /// # Errors
    /// Those of [`ManagementAPI::get_instance_tree`].
    pub async fn get_instance_tree(&self, instance: &str) -> Result<InstanceTree> {
        self.managed()?.get_instance_tree(instance).await
    }

    /// The executions of an instance, newest first, a page at a time.
    ///
    /// # Errors
    /// Those of [`ManagementAPI::list_executions`].
    pub async fn list_executions(&self, instance: &str, page: PageRequest) -> Result<Page<ExecutionInfo>> {
        self.managed()?.list_executions(instance, page).await
    }

    /// The id of the newest execution of an instance.
    ///
    /// # Errors
    /// Those of [`ManagementAPI::latest_execution_id`].
    pub async fn latest_execution_id(&self, instance: &str) -> Result<u64> {
        self.managed()?.latest_execution_id(instance).await
    }

    /// Status, output and times of one execution.
    ///
    /// # Errors
    /// Those of [`ManagementAPI::get_execution_metadata`].
    pub async fn get_execution_metadata(&self, instance: &str, execution_id: u64) -> Result<ExecutionInfo> {
        self.managed()?.get_execution_metadata(instance, execution_id).await
    }

    /// The framework's name of [`get_execution_metadata`](Self::get_execution_metadata).
    ///
    /// # Errors
    /// Those of [`ManagementAPI::get_execution_metadata`].
    pub async fn get_execution_info(&self, instance: &str, execution_id: u64) -> Result<ExecutionInfo> {
        self.get_execution_metadata(instance, execution_id).await
    }

    /// The history of one execution, in event order, a page at a time.
    ///
    /// # Errors
    /// Those of [`ManagementAPI::read_execution`].
    pub async fn read_execution(
        &self,
        instance: &str,
        execution_id: u64,
        page: PageRequest,
    ) -> Result<Page<Event>> {
        self.managed()?.read_execution(instance, execution_id, page).await
    }

    /// The whole history of one execution, in event order. Reads all pages.
    ///
    /// # Errors
    /// Those of [`ManagementAPI::read_execution`].
    pub async fn read_execution_history(&self, instance: &str, execution_id: u64) -> Result<Vec<Event>> {
        let management = self.managed()?;
        let mut events = Vec::new();
        let mut request = PageRequest::first(STEP);
        loop {
            let page = management.read_execution(instance, execution_id, request).await?;
            events.extend(page.items);
            let Some(next) = page.next else { return Ok(events) };
            request = PageRequest::first(STEP).after(next);
        }
    }

    /// What one execution did when.
    ///
    /// # Errors
    /// Those of [`ManagementAPI::get_execution_timeline`].
    pub async fn get_execution_timeline(&self, instance: &str, execution_id: u64) -> Result<Timeline> {
        self.managed()?.get_execution_timeline(instance, execution_id).await
    }

    /// Totals of the store.
    ///
    /// # Errors
    /// Those of [`ManagementAPI::get_metrics`].
    pub async fn get_metrics(&self) -> Result<SystemMetrics> {
        self.managed()?.get_metrics().await
    }

    /// The framework's name of [`get_metrics`](Self::get_metrics).
    ///
    /// # Errors
    /// Those of [`ManagementAPI::get_metrics`].
    pub async fn get_system_metrics(&self) -> Result<SystemMetrics> {
        self.get_metrics().await
    }

    /// How much work waits.
    ///
    /// # Errors
    /// Those of [`ManagementAPI::get_queue_depths`].
    pub async fn get_queue_depths(&self) -> Result<QueueDepths> {
        self.managed()?.get_queue_depths().await
    }

    /// Deletes trees of instances whose every member ended before a time, or says which it would delete.
    ///
    /// # Errors
    /// Those of [`ManagementAPI::purge_completed`].
    pub async fn purge_completed(&self, request: PurgeRequest) -> Result<PurgeReport> {
        self.managed()?.purge_completed(request).await
    }

    /// One instance with all its executions and their histories.
    ///
    /// # Errors
    /// Those of [`ManagementAPI::export_instance`].
    pub async fn export_instance(&self, instance: &str) -> Result<InstanceExport> {
        self.managed()?.export_instance(instance).await
    }

    fn managed(&self) -> Result<&dyn ManagementAPI> {
        self.management.as_deref().ok_or(ManagementError::NotConfigured)
    }

    async fn all_ids(&self, filter: InstanceFilter) -> Result<Vec<String>> {
        let management = self.managed()?;
        let mut ids = Vec::new();
        let mut request = PageRequest::first(STEP);
        loop {
            // An implementation may offer the plain list only.
            let page = match filter.is_empty() {
                true => management.list_instances(request).await?,
                false => management.list_instances_filtered(filter.clone(), request).await?,
            };
            ids.extend(page.items.into_iter().map(|info| info.instance_id));
            let Some(next) = page.next else { return Ok(ids) };
            request = PageRequest::first(STEP).after(next);
        }
    }
}
