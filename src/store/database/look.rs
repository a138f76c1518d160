//! What is asked of one snapshot of a store, whatever the database, and the answers that are made of it.

mod export;
mod tree;

pub(in crate::store) use export::export;
pub(in crate::store) use tree::tree;

use super::reading::Answer;
use crate::history::Event;
use crate::management::{ExecutionInfo, InstanceInfo, ManagementError, Page, PageRequest};

/// A snapshot that is looked at.
pub(in crate::store) trait Look {
    /// The instance, if there is one.
    async fn find(&mut self, instance: &str) -> Answer<Option<InstanceInfo>>;

    /// The instances that `parent` started, newest first, so many at most.
    async fn children(&mut self, parent: &str, most: usize) -> Answer<Vec<InstanceInfo>>;

    /// The executions of an instance, newest first.
    async fn executions(&mut self, instance: &str, page: &PageRequest) -> Answer<Page<ExecutionInfo>>;

    /// The whole history of an execution.
    async fn events(&mut self, instance: &str, execution: i64) -> Answer<Vec<Event>>;

    /// Bytes of all histories and outputs of an instance, told without reading them.
    async fn stored_bytes(&mut self, instance: &str) -> Answer<u64>;

    /// The instance.
    async fn instance(&mut self, instance: &str) -> Answer<InstanceInfo> {
        Ok(self.find(instance).await?.ok_or_else(|| ManagementError::no_instance(instance))?)
    }
}
