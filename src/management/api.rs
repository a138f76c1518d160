//! The trait.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    Capabilities, ExecutionInfo, InstanceCounts, InstanceExport, InstanceFilter, InstanceGroup, InstanceInfo,
    InstanceTree, InstanceWaits, ManagementError, Page, PageRequest, PurgeReport, PurgeRequest, QueueDepths,
    Result, SearchQuery, SearchResults, SystemMetrics, Timeline,
};
use crate::history::Event;

/// Entries a default method asks for at once.
const STEP: usize = 1000;

/// Watching and administering the workflows of one store.
///
/// Object safe; used as `Arc<dyn ManagementAPI>`. Every method but
/// [`get_instance_info`](Self::get_instance_info) has a default: made of other methods where they suffice,
/// otherwise the answer [`ManagementError::Unsupported`]. So an implementation offers what it can, and new methods
/// break nobody.
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
    ///
    /// # Errors
    /// [`ManagementError::InvalidArgument`] for a page key that is none of this list's.
    async fn list_instances_filtered(
        &self,
        filter: InstanceFilter,
        page: PageRequest,
    ) -> Result<Page<InstanceInfo>> {
        let _ = (filter, page);
        Err(ManagementError::unsupported("list_instances_filtered"))
    }

    /// How many instances match `filter`, by orchestration, version and status. The default reads the whole list.
    async fn count_instances(&self, filter: InstanceFilter) -> Result<InstanceCounts> {
        let mut groups: BTreeMap<_, u64> = BTreeMap::new();
        let mut request = PageRequest::first(STEP);
        loop {
            let page = self.list_instances_filtered(filter.clone(), request).await?;
            for instance in page.items {
                let InstanceInfo { orchestration_name, orchestration_version, status, .. } = instance;
                *groups.entry((orchestration_name, orchestration_version, status)).or_default() += 1;
            }
            let Some(next) = page.next else { break };
            request = PageRequest::first(STEP).after(next);
        }
        let group = |((orchestration_name, orchestration_version, status), count)| InstanceGroup {
            orchestration_name,
            orchestration_version,
            status,
            count,
        };
        Ok(InstanceCounts { groups: groups.into_iter().map(group).collect(), partial: false })
    }

    /// Instances whose id, orchestration name or custom status contains a text. Bounded in time; says when partial.
    ///
    /// # Errors
    /// [`ManagementError::InvalidArgument`] for an empty text; [`ManagementError::Unsupported`] for payloads where
    /// only the rest can be searched.
    async fn search_instances(&self, query: SearchQuery) -> Result<SearchResults> {
        let _ = query;
        Err(ManagementError::unsupported("search_instances"))
    }

    /// One instance.
    ///
    /// # Errors
    /// [`ManagementError::NotFound`] when there is none with this id.
    async fn get_instance_info(&self, instance: &str) -> Result<InstanceInfo>;

    /// What an instance waits for, and the one reason that counts. Empty for an instance that does not run.
    ///
    /// [`WaitReason::Stuck`](crate::WaitReason::Stuck) is certain only where everything is read of one moment; an
    /// implementation that cannot do that has to look twice.
    ///
    /// # Errors
    /// [`ManagementError::NotFound`] when there is no such instance.
    async fn get_instance_waits(&self, instance: &str) -> Result<InstanceWaits> {
        let _ = instance;
        Err(ManagementError::unsupported("get_instance_waits"))
    }

    /// The tree that an instance belongs to, from its root down.
    ///
    /// # Errors
    /// [`ManagementError::NotFound`] when there is no such instance.
    async fn get_instance_tree(&self, instance: &str) -> Result<InstanceTree> {
        let _ = instance;
        Err(ManagementError::unsupported("get_instance_tree"))
    }

    /// The executions of an instance, newest first, a page at a time.
    ///
    /// # Errors
    /// [`ManagementError::NotFound`] when there is no such instance.
    async fn list_executions(&self, instance: &str, page: PageRequest) -> Result<Page<ExecutionInfo>> {
        let _ = (instance, page);
        Err(ManagementError::unsupported("list_executions"))
    }

    /// The id of the newest execution of an instance.
    ///
    /// # Errors
    /// [`ManagementError::NotFound`] when there is no such instance.
    async fn latest_execution_id(&self, instance: &str) -> Result<u64> {
        Ok(self.get_instance_info(instance).await?.current_execution_id)
    }

    /// The history of one execution, in event order, a page at a time. An event that cannot be decoded is there,
    /// marked, and hides no other.
    ///
    /// # Errors
    /// [`ManagementError::NotFound`] when there is no such instance or execution.
    async fn read_execution(
        &self,
        instance: &str,
        execution_id: u64,
        page: PageRequest,
    ) -> Result<Page<Event>> {
        let _ = (instance, execution_id, page);
        Err(ManagementError::unsupported("read_execution"))
    }

    /// Status, output and times of one execution.
    ///
    /// # Errors
    /// [`ManagementError::NotFound`] when there is no such instance or execution.
    async fn get_execution_metadata(&self, instance: &str, execution_id: u64) -> Result<ExecutionInfo> {
        let _ = (instance, execution_id);
        Err(ManagementError::unsupported("get_execution_metadata"))
    }

    /// What one execution did when: activities, timers, waits, children. The default reads its history.
    ///
    /// # Errors
    /// [`ManagementError::NotFound`] when there is no such instance or execution.
    async fn get_execution_timeline(&self, instance: &str, execution_id: u64) -> Result<Timeline> {
        let mut timeline = Timeline::builder(instance, execution_id);
        let mut request = PageRequest::first(STEP);
        loop {
            let page = self
                .read_execution(instance, execution_id, request)
                .await
                .map_err(|error| error.asked_for("get_execution_timeline"))?;
            for event in &page.items {
                timeline.push(event);
            }
            let Some(next) = page.next else { return Ok(timeline.finish()) };
            request = PageRequest::first(STEP).after(next);
        }
    }

    /// Totals of the store.
    async fn get_metrics(&self) -> Result<SystemMetrics> {
        Err(ManagementError::unsupported("get_metrics"))
    }

    /// How much work waits.
    async fn get_queue_depths(&self) -> Result<QueueDepths> {
        Err(ManagementError::unsupported("get_queue_depths"))
    }

    /// Deletes trees of instances whose every member ended before a time, or says which it would delete.
    ///
    /// # Errors
    /// [`ManagementError::ReadOnly`] on a replica. A tree that could not be deleted is no error but part of the
    /// report.
    async fn purge_completed(&self, request: PurgeRequest) -> Result<PurgeReport> {
        let _ = request;
        Err(ManagementError::unsupported("purge_completed"))
    }

    /// One instance with all its executions and their histories, in memory. The default reads page by page, so
    /// that what changes meanwhile may be there in part.
    ///
    /// # Errors
    /// [`ManagementError::NotFound`] when there is no such instance.
    async fn export_instance(&self, instance: &str) -> Result<InstanceExport> {
        let unsupported = |error: ManagementError| error.asked_for("export_instance");
        let info = self.get_instance_info(instance).await?;
        let mut executions = Vec::new();
        let mut request = PageRequest::first(STEP);
        loop {
            let page = self.list_executions(instance, request).await.map_err(unsupported)?;
            executions.extend(page.items);
            let Some(next) = page.next else { break };
            request = PageRequest::first(STEP).after(next);
        }
        executions.reverse();
        let mut history = Vec::with_capacity(executions.len());
        for execution in &executions {
            let mut events = Vec::new();
            let mut request = PageRequest::first(STEP);
            loop {
                let page = self
                    .read_execution(instance, execution.execution_id, request)
                    .await
                    .map_err(unsupported)?;
                events.extend(page.items);
                let Some(next) = page.next else { break };
                request = PageRequest::first(STEP).after(next);
            }
            history.push(events);
        }
        Ok(InstanceExport { instance: info, executions, history })
    }

    /// How old the data of the next answer may be; `None` when the store is read live.
    async fn data_age(&self) -> Result<Option<Duration>> {
        Ok(None)
    }
}
