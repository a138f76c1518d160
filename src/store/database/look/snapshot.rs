//! The reads such answers are made of.

use std::collections::HashMap;

use super::waits::{InstanceState, OpenWaitReader, RowSink};
use crate::history::Event;
use crate::management::{ExecutionInfo, InstanceInfo, ManagementError, Page, PageRequest};
use crate::store::database::reading::QueryResult;

/// A snapshot that is looked at.
pub(in crate::store) trait Look {
    /// The instance, if there is one.
    async fn find(&mut self, instance: &str) -> QueryResult<Option<InstanceInfo>>;

    /// The instances that `parent` started, newest first, so many at most.
    async fn children(&mut self, parent: &str, most: usize) -> QueryResult<Vec<InstanceInfo>>;

    /// The executions of an instance, newest first.
    async fn executions(&mut self, instance: &str, page: &PageRequest) -> QueryResult<Page<ExecutionInfo>>;

    /// The whole history of an execution.
    async fn events(&mut self, instance: &str, execution: i64) -> QueryResult<Vec<Event>>;

    /// Bytes of all histories and outputs of an instance, told without reading them.
    async fn stored_bytes(&mut self, instance: &str) -> QueryResult<u64>;

    /// The store's "now", by which the states of rows are told.
    async fn now_ms(&mut self) -> QueryResult<i64>;

    /// How these instances stand; those that do not exist, too.
    async fn standings(&mut self, instances: &[String]) -> QueryResult<HashMap<String, InstanceState>>;

    /// The history of an execution, event by event.
    async fn past(&mut self, instance: &str, execution: i64, past: &mut OpenWaitReader) -> QueryResult<()>;

    /// The rows of the orchestrator table for these instances, of each instance the first visible first.
    async fn messages(
        &mut self,
        instances: &[String],
        now_ms: i64,
        take: &mut RowSink<'_>,
    ) -> QueryResult<()>;

    /// The rows of the worker table of an instance, in the order in which they are handed out.
    async fn activities(&mut self, instance: &str, now_ms: i64, take: &mut RowSink<'_>) -> QueryResult<()>;

    /// The instance.
    async fn instance(&mut self, instance: &str) -> QueryResult<InstanceInfo> {
        Ok(self.find(instance).await?.ok_or_else(|| ManagementError::no_instance(instance))?)
    }
}
