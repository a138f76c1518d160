//! A provider that answers at once, so that nothing but the way to it takes time.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use duroxide::providers::{
    DispatcherCapabilityFilter, ExecutionMetadata, OrchestrationItem, Provider, ProviderError,
    ScheduledActivityIdentifier, SessionFetchConfig, TagFilter, WorkItem,
};
use duroxide::{Event, SystemStats};

/// The calls that are measured: those of the hot path, and one apart from it.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Method {
    FetchNothing,
    FetchTurn,
    /// A fetch and its acknowledgement, of which a span says what was fetched.
    Turn,
    FetchWork,
    Work,
    Send,
    Read,
}

impl Method {
    pub(crate) const ALL: [Self; 7] = [
        Self::FetchNothing,
        Self::FetchTurn,
        Self::Turn,
        Self::FetchWork,
        Self::Work,
        Self::Send,
        Self::Read,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::FetchNothing => "fetch_orchestration_item, idle",
            Self::FetchTurn => "fetch_orchestration_item",
            Self::Turn => "the same, and ack_orchestration_item",
            Self::FetchWork => "fetch_work_item",
            Self::Work => "the same, and ack_work_item",
            Self::Send => "enqueue_for_orchestrator",
            Self::Read => "read",
        }
    }

    pub(crate) async fn call(self, provider: &Arc<dyn Provider>) {
        const LOCK: Duration = Duration::from_secs(30);
        match self {
            // The provider tells the two by the lock's time.
            Self::FetchNothing => {
                drop(black_box(
                    provider.fetch_orchestration_item(Duration::ZERO, Duration::ZERO, None).await,
                ));
            }
            Self::FetchTurn => {
                drop(black_box(provider.fetch_orchestration_item(LOCK, Duration::ZERO, None).await));
            }
            Self::FetchWork => {
                let any = TagFilter::Any;
                drop(black_box(provider.fetch_work_item(LOCK, Duration::ZERO, None, &any).await));
            }
            Self::Turn => {
                Box::pin(Self::FetchTurn.call(provider)).await;
                ack_turn(provider).await;
            }
            Self::Work => {
                Box::pin(Self::FetchWork.call(provider)).await;
                ack_work(provider).await;
            }
            Self::Send => drop(black_box(provider.enqueue_for_orchestrator(completed(), None).await)),
            Self::Read => drop(black_box(provider.read(INSTANCE).await)),
        }
    }
}

pub(crate) async fn ack_turn(provider: &Arc<dyn Provider>) {
    let metadata = ExecutionMetadata::default();
    drop(black_box(provider.ack_orchestration_item(TURN, 1, vec![], vec![], vec![], metadata, vec![]).await));
}

pub(crate) async fn ack_work(provider: &Arc<dyn Provider>) {
    drop(black_box(provider.ack_work_item(WORK, None).await));
}

pub(crate) const INSTANCE: &str = "order-3c1ad20f-7a2c-4a54";
pub(crate) const ORCHESTRATION: &str = "ProcessOrder";
pub(crate) const ACTIVITY: &str = "ChargeCard";
const TURN: &str = "0b0c0a52-3f4e-4b6c-9c6d-1a7d0f6f2f11";
const WORK: &str = "7e0c0a52-3f4e-4b6c-9c6d-1a7d0f6f2f22";

fn completed() -> WorkItem {
    WorkItem::ActivityCompleted {
        instance: INSTANCE.to_owned(),
        execution_id: 1,
        id: 7,
        result: String::new(),
    }
}

/// Answers every call at once.
pub(crate) struct AtOnce;

#[async_trait]
impl Provider for AtOnce {
    async fn fetch_orchestration_item(
        &self,
        lock_timeout: Duration,
        _: Duration,
        _: Option<&DispatcherCapabilityFilter>,
    ) -> Result<Option<(OrchestrationItem, String, u32)>, ProviderError> {
        if lock_timeout.is_zero() {
            return Ok(None);
        }
        let item = OrchestrationItem {
            instance: INSTANCE.to_owned(),
            orchestration_name: ORCHESTRATION.to_owned(),
            execution_id: 1,
            version: String::new(),
            history: vec![],
            messages: vec![],
            history_error: None,
            kv_snapshot: HashMap::new(),
        };
        Ok(Some((item, TURN.to_owned(), 1)))
    }

    async fn ack_orchestration_item(
        &self,
        _: &str,
        _: u64,
        _: Vec<Event>,
        _: Vec<WorkItem>,
        _: Vec<WorkItem>,
        _: ExecutionMetadata,
        _: Vec<ScheduledActivityIdentifier>,
    ) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn abandon_orchestration_item(
        &self,
        _: &str,
        _: Option<Duration>,
        _: bool,
    ) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn read(&self, _: &str) -> Result<Vec<Event>, ProviderError> {
        Ok(vec![])
    }

    async fn read_with_execution(&self, _: &str, _: u64) -> Result<Vec<Event>, ProviderError> {
        Ok(vec![])
    }

    async fn append_with_execution(&self, _: &str, _: u64, _: Vec<Event>) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn enqueue_for_worker(&self, _: WorkItem) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn fetch_work_item(
        &self,
        _: Duration,
        _: Duration,
        _: Option<&SessionFetchConfig>,
        _: &TagFilter,
    ) -> Result<Option<(WorkItem, String, u32)>, ProviderError> {
        let item = WorkItem::ActivityExecute {
            instance: INSTANCE.to_owned(),
            execution_id: 1,
            id: 7,
            name: ACTIVITY.to_owned(),
            input: String::new(),
            session_id: None,
            tag: None,
        };
        Ok(Some((item, WORK.to_owned(), 1)))
    }

    async fn ack_work_item(&self, _: &str, _: Option<WorkItem>) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn renew_work_item_lock(&self, _: &str, _: Duration) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn renew_session_lock(&self, _: &[&str], _: Duration, _: Duration) -> Result<usize, ProviderError> {
        Ok(0)
    }

    async fn cleanup_orphaned_sessions(&self, _: Duration) -> Result<usize, ProviderError> {
        Ok(0)
    }

    async fn abandon_work_item(&self, _: &str, _: Option<Duration>, _: bool) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn renew_orchestration_item_lock(&self, _: &str, _: Duration) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn enqueue_for_orchestrator(&self, _: WorkItem, _: Option<Duration>) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn get_custom_status(
        &self,
        _: &str,
        _: u64,
    ) -> Result<Option<(Option<String>, u64)>, ProviderError> {
        Ok(None)
    }

    async fn get_kv_value(&self, _: &str, _: &str) -> Result<Option<String>, ProviderError> {
        Ok(None)
    }

    async fn get_kv_all_values(&self, _: &str) -> Result<HashMap<String, String>, ProviderError> {
        Ok(HashMap::new())
    }

    async fn get_instance_stats(&self, _: &str) -> Result<Option<SystemStats>, ProviderError> {
        Ok(None)
    }
}
