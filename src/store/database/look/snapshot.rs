//! What a snapshot is asked.

use std::collections::HashMap;

use super::waits::{Past, Standing, Take};
use crate::history::Event;
use crate::management::{ExecutionInfo, InstanceInfo, ManagementError, Page, PageRequest};
use crate::store::database::reading::Answer;

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

    /// The store's "now", by which the states of rows are told.
    async fn now_ms(&mut self) -> Answer<i64>;

    /// How these instances stand; those that do not exist, too.
    async fn standings(&mut self, instances: &[String]) -> Answer<HashMap<String, Standing>>;

    /// The history of an execution, event by event.
    async fn past(&mut self, instance: &str, execution: i64, past: &mut Past) -> Answer<()>;

    /// The rows of the orchestrator table for these instances, of each instance the first visible first.
    async fn messages(&mut self, instances: &[String], now_ms: i64, take: &mut Take<'_>) -> Answer<()>;

    /// The rows of the worker table of an instance, in the order in which they are handed out.
    async fn activities(&mut self, instance: &str, now_ms: i64, take: &mut Take<'_>) -> Answer<()>;

    /// The instance.
    async fn instance(&mut self, instance: &str) -> Answer<InstanceInfo> {
        Ok(self.find(instance).await?.ok_or_else(|| ManagementError::no_instance(instance))?)
    }
}
