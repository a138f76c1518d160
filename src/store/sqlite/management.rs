//! A SQLite store as a [`ManagementAPI`]: everything that people may read of it, and nothing that writes.
//!
//! Each call is one read transaction of bounded time, so that a runtime's `-wal` does not grow behind it; lists that
//! have to look at every instance stop after a while and say where to go on. One file a subject; SQL stays in them.

mod budget;
mod executions;
mod export;
mod history;
mod instances;
mod keys;
mod search;
mod totals;
mod tree;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::error::Failure;
use super::reader::{Place, Reader, read};
use crate::history::Event;
use crate::labels::FailureReason;
use crate::management::{
    Capabilities, Capability, ExecutionInfo, InstanceCounts, InstanceExport, InstanceFilter, InstanceInfo,
    InstanceTree, ManagementAPI, ManagementError, Page, PageRequest, PurgeReport, PurgeRequest, QueueDepths,
    SearchQuery, SearchResults, SystemMetrics,
};
use budget::Budget;

/// Calls that read at the same time; further ones wait. People are few, and each read is a scan at worst.
const READERS: usize = 2;

/// Answers people about one SQLite store.
pub(super) struct SqliteManagement {
    place: Place,
    limit: Duration,
    /// As many as there are permits.
    readers: Mutex<Vec<Reader>>,
    permits: Semaphore,
}

/// Why a read gave no answer: the store, or what was asked.
enum Refusal {
    Store(Failure),
    Asked(ManagementError),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Store(failure)
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<ManagementError> for Refusal {
    fn from(error: ManagementError) -> Self {
        Self::Asked(error)
    }
}

type Answer<T> = Result<T, Refusal>;

/// What the asker did wrong is an answer to the reader.
fn settle<T>(answer: Answer<T>) -> Result<Result<T, ManagementError>, Failure> {
    match answer {
        Ok(answer) => Ok(Ok(answer)),
        Err(Refusal::Asked(error)) => Ok(Err(error)),
        Err(Refusal::Store(failure)) => Err(failure),
    }
}

/// One call: `ask!(self, snapshot => work)`, where `work` is an [`Answer`].
macro_rules! ask {
    ($self:expr, $snapshot:ident => $work:expr) => {{
        let mut lent = $self.lend().await?;
        let reader = lent.reader()?;
        read!(reader, $self.limit, $snapshot => settle($work)).map_err(|failure| $self.explain(failure))?
    }};
}

impl SqliteManagement {
    pub(super) fn new(place: Place, limit: Duration) -> Self {
        let recognised = Arc::default();
        let readers = (0..READERS).map(|_| Reader::new(place.clone(), Arc::clone(&recognised))).collect();
        Self { place, limit, readers: Mutex::new(readers), permits: Semaphore::new(READERS) }
    }

    async fn lend(&self) -> Result<Lent<'_>, ManagementError> {
        let permit = tokio::time::timeout(self.limit, self.permits.acquire()).await;
        let permit = permit.map_err(|_| ManagementError::TimedOut(self.limit))?.map_err(|_| gone())?;
        let reader = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(Lent { reader, home: &self.readers, _permit: permit })
    }

    fn explain(&self, failure: Failure) -> ManagementError {
        let error = failure.explain(&self.place.path);
        let (reason, words) = (error.reason, format!("{error}. {}", error.advice()));
        match reason {
            FailureReason::Timeout => ManagementError::TimedOut(self.limit),
            FailureReason::Schema => ManagementError::IncompatibleSchema(words),
            FailureReason::Unavailable
            | FailureReason::Permission
            | FailureReason::Locked
            | FailureReason::Replaced => ManagementError::Unavailable(words),
            FailureReason::Corrupt | FailureReason::Unsupported | FailureReason::Other => {
                ManagementError::Failed(words)
            }
        }
    }
}

/// A reader for one call. It goes home also when the call is given up in the middle.
struct Lent<'a> {
    reader: Option<Reader>,
    home: &'a Mutex<Vec<Reader>>,
    _permit: SemaphorePermit<'a>,
}

impl Lent<'_> {
    fn reader(&mut self) -> Result<&mut Reader, ManagementError> {
        self.reader.as_mut().ok_or_else(gone)
    }
}

fn gone() -> ManagementError {
    ManagementError::Failed("its readers are gone".to_owned())
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        // Before the permit is given back: fields are dropped after this.
        self.home.lock().unwrap_or_else(PoisonError::into_inner).extend(self.reader.take());
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
        let budget = Budget::list(self.limit);
        ask!(self, snapshot => instances::page(snapshot, &filter, &page, budget).await)
    }

    async fn count_instances(&self, filter: InstanceFilter) -> Result<InstanceCounts, ManagementError> {
        let budget = Budget::count(self.limit);
        ask!(self, snapshot => instances::count(snapshot, &filter, budget).await)
    }

    async fn search_instances(&self, query: SearchQuery) -> Result<SearchResults, ManagementError> {
        let budget = Budget::search(self.limit);
        ask!(self, snapshot => search::search(snapshot, &query, budget).await)
    }

    async fn get_instance_info(&self, instance: &str) -> Result<InstanceInfo, ManagementError> {
        ask!(self, snapshot => instances::info(snapshot, instance).await)
    }

    async fn get_instance_tree(&self, instance: &str) -> Result<InstanceTree, ManagementError> {
        ask!(self, snapshot => tree::tree(snapshot, instance).await)
    }

    async fn list_executions(
        &self,
        instance: &str,
        page: PageRequest,
    ) -> Result<Page<ExecutionInfo>, ManagementError> {
        ask!(self, snapshot => executions::page(snapshot, instance, &page).await)
    }

    async fn read_execution(
        &self,
        instance: &str,
        execution_id: u64,
        page: PageRequest,
    ) -> Result<Page<Event>, ManagementError> {
        ask!(self, snapshot => history::page(snapshot, instance, execution_id, &page).await)
    }

    async fn get_execution_metadata(
        &self,
        instance: &str,
        execution_id: u64,
    ) -> Result<ExecutionInfo, ManagementError> {
        ask!(self, snapshot => executions::info(snapshot, instance, execution_id).await)
    }

    async fn get_metrics(&self) -> Result<SystemMetrics, ManagementError> {
        let budget = Budget::events(self.limit);
        ask!(self, snapshot => totals::metrics(snapshot, budget).await)
    }

    async fn get_queue_depths(&self) -> Result<QueueDepths, ManagementError> {
        ask!(self, snapshot => totals::depths(snapshot).await)
    }

    async fn purge_completed(&self, _request: PurgeRequest) -> Result<PurgeReport, ManagementError> {
        Err(ManagementError::ReadOnly { method: "purge_completed" })
    }

    async fn export_instance(&self, instance: &str) -> Result<InstanceExport, ManagementError> {
        ask!(self, snapshot => export::export(snapshot, instance).await)
    }

    async fn data_age(&self) -> Result<Option<Duration>, ManagementError> {
        ask!(self, snapshot => totals::age(snapshot).await)
    }
}
