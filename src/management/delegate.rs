//! Implementations of the trait that only pass calls on.

/// Implements [`ManagementAPI`](super::ManagementAPI) for a type by calls of other implementations: `reads` for
/// everything that looks, `writes` for what changes the store. Every method is passed on, those with a default, too:
/// the other implementation may know better.
macro_rules! delegate_management {
    ($type:ty, $this:ident => { capabilities: $capabilities:expr, reads: $reads:expr, writes: $writes:expr $(,)? }) => {
        delegate_management! {
            @impl $type, $this, $capabilities;
            ($reads) {
                list_instances(page: $crate::management::PageRequest)
                    -> $crate::management::Page<$crate::management::InstanceInfo>;
                list_instances_filtered(
                    filter: $crate::management::InstanceFilter, page: $crate::management::PageRequest
                ) -> $crate::management::Page<$crate::management::InstanceInfo>;
                count_instances(filter: $crate::management::InstanceFilter)
                    -> $crate::management::InstanceCounts;
                search_instances(query: $crate::management::SearchQuery) -> $crate::management::SearchResults;
                get_instance_info(instance: &str) -> $crate::management::InstanceInfo;
                get_instance_waits(instance: &str) -> $crate::management::InstanceWaits;
                get_instance_tree(instance: &str) -> $crate::management::InstanceTree;
                list_executions(instance: &str, page: $crate::management::PageRequest)
                    -> $crate::management::Page<$crate::management::ExecutionInfo>;
                latest_execution_id(instance: &str) -> u64;
                read_execution(instance: &str, execution_id: u64, page: $crate::management::PageRequest)
                    -> $crate::management::Page<$crate::history::Event>;
                get_execution_metadata(instance: &str, execution_id: u64) -> $crate::management::ExecutionInfo;
                get_execution_timeline(instance: &str, execution_id: u64) -> $crate::management::Timeline;
                get_metrics() -> $crate::management::SystemMetrics;
                get_queue_depths() -> $crate::management::QueueDepths;
                export_instance(instance: &str) -> $crate::management::InstanceExport;
                data_age() -> Option<std::time::Duration>;
            }
            ($writes) {
                purge_completed(request: $crate::management::PurgeRequest) -> $crate::management::PurgeReport;
            }
        }
    };
    (
        @impl $type:ty, $this:ident, $capabilities:expr;
        ($reads:expr) { $( $read:ident ( $($read_arg:ident : $read_type:ty),* ) -> $read_answer:ty; )* }
        ($writes:expr) { $( $write:ident ( $($write_arg:ident : $write_type:ty),* ) -> $write_answer:ty; )* }
    ) => {
        #[async_trait::async_trait]
        impl $crate::management::ManagementAPI for $type {
            fn capabilities(&self) -> $crate::management::Capabilities {
                let $this = self;
                $capabilities
            }
            $(
                async fn $read(&self, $($read_arg: $read_type),*) -> $crate::management::Result<$read_answer> {
                    let $this = self;
                    $crate::management::ManagementAPI::$read(&$reads, $($read_arg),*).await
                }
            )*
            $(
                async fn $write(&self, $($write_arg: $write_type),*) -> $crate::management::Result<$write_answer> {
                    let $this = self;
                    $crate::management::ManagementAPI::$write(&$writes, $($write_arg),*).await
                }
            )*
        }
    };
}
