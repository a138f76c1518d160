//! The [`ManagementAPI`](crate::management::ManagementAPI) of a database: each call one read, answered by the backend's
//! own rooms.

use crate::management::Capability;

/// What every database offers.
pub(in crate::store) const READS: [Capability; 13] = [
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
    Capability::Waits,
];

/// Implements the trait for a type with a field `readers` (of [`Readers`](super::reading::Readers)) and a `place` to be
/// shown. The modules `instances`, `executions`, `history`, `search` and `totals` of the place where this is written
/// answer; so does the backend's snapshot, which is a [`Look`](super::look::Look).
macro_rules! answers {
    ($type:ty, $this:ident => { capabilities: $capabilities:expr, purge: $request:ident => $purge:expr $(,)? }) => {
        #[async_trait::async_trait]
        impl $crate::management::ManagementAPI for $type {
            fn capabilities(&self) -> $crate::management::Capabilities {
                let $this = self;
                $capabilities
            }

            async fn list_instances_filtered(
                &self,
                filter: $crate::management::InstanceFilter,
                page: $crate::management::PageRequest,
            ) -> $crate::management::Result<$crate::management::Page<$crate::management::InstanceInfo>> {
                let budget = $crate::store::database::budget::Budget::list(self.readers.limit());
                ask!(self.readers, &self.place, snapshot => instances::page(snapshot, &filter, &page, budget).await)
            }

            async fn count_instances(
                &self,
                filter: $crate::management::InstanceFilter,
            ) -> $crate::management::Result<$crate::management::InstanceCounts> {
                let budget = $crate::store::database::budget::Budget::count(self.readers.limit());
                ask!(self.readers, &self.place, snapshot => instances::count(snapshot, &filter, budget).await)
            }

            async fn search_instances(
                &self,
                query: $crate::management::SearchQuery,
            ) -> $crate::management::Result<$crate::management::SearchResults> {
                let budget = $crate::store::database::budget::Budget::search(self.readers.limit());
                ask!(self.readers, &self.place, snapshot => search::search(snapshot, &query, budget).await)
            }

            async fn get_instance_info(
                &self,
                instance: &str,
            ) -> $crate::management::Result<$crate::management::InstanceInfo> {
                ask!(self.readers, &self.place, snapshot => snapshot.instance(instance).await)
            }

            async fn get_instance_waits(
                &self,
                instance: &str,
            ) -> $crate::management::Result<$crate::management::InstanceWaits> {
                ask!(self.readers, &self.place, snapshot => $crate::store::database::look::waits(snapshot, instance).await)
            }

            async fn get_instance_tree(
                &self,
                instance: &str,
            ) -> $crate::management::Result<$crate::management::InstanceTree> {
                ask!(self.readers, &self.place, snapshot => $crate::store::database::look::tree(snapshot, instance).await)
            }

            async fn list_executions(
                &self,
                instance: &str,
                page: $crate::management::PageRequest,
            ) -> $crate::management::Result<$crate::management::Page<$crate::management::ExecutionInfo>> {
                ask!(self.readers, &self.place, snapshot => executions::page(snapshot, instance, &page).await)
            }

            async fn read_execution(
                &self,
                instance: &str,
                execution_id: u64,
                page: $crate::management::PageRequest,
            ) -> $crate::management::Result<$crate::management::Page<$crate::history::Event>> {
                ask!(self.readers, &self.place, snapshot =>
                    history::page(snapshot, instance, execution_id, &page).await)
            }

            async fn get_execution_metadata(
                &self,
                instance: &str,
                execution_id: u64,
            ) -> $crate::management::Result<$crate::management::ExecutionInfo> {
                ask!(self.readers, &self.place, snapshot => executions::info(snapshot, instance, execution_id).await)
            }

            async fn get_metrics(&self) -> $crate::management::Result<$crate::management::SystemMetrics> {
                let budget = $crate::store::database::budget::Budget::events(self.readers.limit());
                ask!(self.readers, &self.place, snapshot => totals::metrics(snapshot, budget).await)
            }

            async fn get_queue_depths(&self) -> $crate::management::Result<$crate::management::QueueDepths> {
                ask!(self.readers, &self.place, snapshot => totals::depths(snapshot).await)
            }

            async fn purge_completed(
                &self,
                $request: $crate::management::PurgeRequest,
            ) -> $crate::management::Result<$crate::management::PurgeReport> {
                let $this = self;
                $purge
            }

            async fn export_instance(
                &self,
                instance: &str,
            ) -> $crate::management::Result<$crate::management::InstanceExport> {
                ask!(self.readers, &self.place, snapshot => $crate::store::database::look::export(snapshot, instance).await)
            }

            async fn data_age(&self) -> $crate::management::Result<Option<std::time::Duration>> {
                ask!(self.readers, &self.place, snapshot => totals::age(snapshot).await)
            }
        }
    };
}
pub(in crate::store) use answers;
