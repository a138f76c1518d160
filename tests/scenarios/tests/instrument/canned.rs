//! A provider without a store, that answers every call the same way; and every call there is.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use duroxide::providers::{
    DispatcherCapabilityFilter, ExecutionMetadata, OrchestrationItem, Provider, ProviderError,
    ScheduledActivityIdentifier, SessionFetchConfig, TagFilter, WorkItem,
};
use duroxide::{Event, EventKind, SystemStats};

/// What is in every input, output and text of an error, and may be nowhere else.
pub(crate) const SECRET: &str = "S3CR3T-PAYLOAD";

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    Answers,
    /// Fetches bring nothing.
    Idle,
    /// With the name of another operation, as the framework's own provider does.
    Fails {
        retryable: bool,
    },
    Hangs,
    Sleeps(Duration),
    Panics,
}

pub(crate) struct Canned(Mutex<Mode>);

impl Canned {
    pub(crate) fn new(mode: Mode) -> Self {
        Self(Mutex::new(mode))
    }

    pub(crate) fn set(&self, mode: Mode) {
        *self.0.lock().unwrap() = mode;
    }

    fn mode(&self) -> Mode {
        *self.0.lock().unwrap()
    }

    async fn answer<T>(&self, answer: T) -> Result<T, ProviderError> {
        match self.mode() {
            Mode::Answers | Mode::Idle => Ok(answer),
            Mode::Fails { retryable } => Err(ProviderError {
                operation: "list_instances".to_owned(),
                message: format!("could not store {SECRET}"),
                retryable,
            }),
            Mode::Hangs => std::future::pending().await,
            Mode::Sleeps(time) => {
                tokio::time::sleep(time).await;
                Ok(answer)
            }
            Mode::Panics => panic!("as it is told"),
        }
    }
}

pub(crate) fn activity() -> WorkItem {
    WorkItem::ActivityExecute {
        instance: "order-42".to_owned(),
        execution_id: 3,
        id: 7,
        name: "Charge".to_owned(),
        input: SECRET.to_owned(),
        session_id: Some("session".to_owned()),
        tag: Some("gpu".to_owned()),
    }
}

pub(crate) fn completed() -> WorkItem {
    WorkItem::ActivityCompleted {
        instance: "order-42".to_owned(),
        execution_id: 3,
        id: 7,
        result: SECRET.to_owned(),
    }
}

pub(crate) fn started() -> Event {
    let kind = EventKind::OrchestrationStarted {
        name: "Order".to_owned(),
        version: "1.2.0".to_owned(),
        input: SECRET.to_owned(),
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        carry_forward_events: None,
        initial_custom_status: None,
    };
    Event { timestamp_ms: 1, ..Event::with_event_id(1, "order-42", 3, None, kind) }
}

fn turn() -> OrchestrationItem {
    OrchestrationItem {
        instance: "order-42".to_owned(),
        orchestration_name: "Order".to_owned(),
        execution_id: 3,
        version: "1.2.0".to_owned(),
        history: vec![started()],
        messages: vec![completed(), completed()],
        history_error: None,
        kv_snapshot: HashMap::new(),
    }
}

fn stats() -> SystemStats {
    SystemStats {
        history_event_count: 1,
        history_size_bytes: 2,
        queue_pending_count: 3,
        kv_user_key_count: 4,
        kv_total_value_bytes: 5,
    }
}

#[async_trait]
impl Provider for Canned {
    fn name(&self) -> &str {
        "canned"
    }

    fn version(&self) -> &str {
        "7.8.9"
    }

    async fn fetch_orchestration_item(
        &self,
        _: Duration,
        _: Duration,
        _: Option<&DispatcherCapabilityFilter>,
    ) -> Result<Option<(OrchestrationItem, String, u32)>, ProviderError> {
        self.answer((self.mode() != Mode::Idle).then(|| (turn(), "turn-token".to_owned(), 2))).await
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
        self.answer(()).await
    }

    async fn abandon_orchestration_item(
        &self,
        _: &str,
        _: Option<Duration>,
        _: bool,
    ) -> Result<(), ProviderError> {
        self.answer(()).await
    }

    async fn read(&self, _: &str) -> Result<Vec<Event>, ProviderError> {
        self.answer(vec![started()]).await
    }

    async fn read_with_execution(&self, _: &str, _: u64) -> Result<Vec<Event>, ProviderError> {
        self.answer(vec![started(), started()]).await
    }

    async fn append_with_execution(&self, _: &str, _: u64, _: Vec<Event>) -> Result<(), ProviderError> {
        self.answer(()).await
    }

    async fn enqueue_for_worker(&self, _: WorkItem) -> Result<(), ProviderError> {
        self.answer(()).await
    }

    async fn fetch_work_item(
        &self,
        _: Duration,
        _: Duration,
        _: Option<&SessionFetchConfig>,
        _: &TagFilter,
    ) -> Result<Option<(WorkItem, String, u32)>, ProviderError> {
        self.answer((self.mode() != Mode::Idle).then(|| (activity(), "work-token".to_owned(), 5))).await
    }

    async fn ack_work_item(&self, _: &str, _: Option<WorkItem>) -> Result<(), ProviderError> {
        self.answer(()).await
    }

    async fn renew_work_item_lock(&self, _: &str, _: Duration) -> Result<(), ProviderError> {
        self.answer(()).await
    }

    async fn renew_session_lock(&self, _: &[&str], _: Duration, _: Duration) -> Result<usize, ProviderError> {
        self.answer(11).await
    }

    async fn cleanup_orphaned_sessions(&self, _: Duration) -> Result<usize, ProviderError> {
        self.answer(12).await
    }

    async fn abandon_work_item(&self, _: &str, _: Option<Duration>, _: bool) -> Result<(), ProviderError> {
        self.answer(()).await
    }

    async fn renew_orchestration_item_lock(&self, _: &str, _: Duration) -> Result<(), ProviderError> {
        self.answer(()).await
    }

    async fn enqueue_for_orchestrator(&self, _: WorkItem, _: Option<Duration>) -> Result<(), ProviderError> {
        self.answer(()).await
    }

    async fn get_custom_status(
        &self,
        _: &str,
        _: u64,
    ) -> Result<Option<(Option<String>, u64)>, ProviderError> {
        self.answer(Some((Some(SECRET.to_owned()), 13))).await
    }

    async fn get_kv_value(&self, _: &str, _: &str) -> Result<Option<String>, ProviderError> {
        self.answer(Some(SECRET.to_owned())).await
    }

    async fn get_kv_all_values(&self, _: &str) -> Result<HashMap<String, String>, ProviderError> {
        self.answer(HashMap::from([("key".to_owned(), SECRET.to_owned())])).await
    }

    async fn get_instance_stats(&self, _: &str) -> Result<Option<SystemStats>, ProviderError> {
        self.answer(Some(stats())).await
    }
}

pub(crate) type Made = Pin<Box<dyn Future<Output = String>>>;

/// A call with arguments that are told apart; its answer is a text.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) make: fn(Arc<dyn Provider>) -> Made,
}

impl Call {
    pub(crate) fn of(method: &str) -> Self {
        every().into_iter().find(|call| call.method == method).unwrap()
    }

    pub(crate) fn is_fetch(self) -> bool {
        self.method.starts_with("fetch_")
    }
}

macro_rules! call {
    ($method:ident($($argument:expr),* $(,)?)) => {
        Call {
            method: stringify!($method),
            make: |provider| Box::pin(async move { format!("{:?}", provider.$method($($argument),*).await) }),
        }
    };
}

/// Every method of the trait that asks a store.
pub(crate) fn every() -> Vec<Call> {
    const SECOND: Duration = Duration::from_secs(1);
    vec![
        call!(fetch_orchestration_item(SECOND * 30, SECOND * 2, None)),
        call!(ack_orchestration_item(
            "turn-token",
            3,
            vec![started(), started(), started()],
            vec![activity()],
            vec![completed(), completed()],
            ExecutionMetadata {
                status: Some("Completed".to_owned()),
                output: Some(SECRET.to_owned()),
                orchestration_name: Some("Order".to_owned()),
                ..ExecutionMetadata::default()
            },
            vec![ScheduledActivityIdentifier {
                instance: "order-42".to_owned(),
                execution_id: 3,
                activity_id: 9
            }],
        )),
        call!(abandon_orchestration_item("turn-token", Some(SECOND * 3), true)),
        call!(read("order-42")),
        call!(read_with_execution("order-42", 4)),
        call!(append_with_execution("order-42", 5, vec![started()])),
        call!(enqueue_for_worker(activity())),
        call!(fetch_work_item(
            SECOND * 31,
            SECOND * 4,
            Some(&SessionFetchConfig { owner_id: "owner".to_owned(), lock_timeout: SECOND * 5 }),
            &TagFilter::Any
        )),
        call!(ack_work_item("work-token", Some(completed()))),
        call!(renew_work_item_lock("work-token", SECOND * 6)),
        call!(renew_session_lock(&["one", "two"], SECOND * 7, SECOND * 8)),
        call!(cleanup_orphaned_sessions(SECOND * 9)),
        call!(abandon_work_item("work-token", Some(SECOND * 10), true)),
        call!(renew_orchestration_item_lock("turn-token", SECOND * 11)),
        call!(enqueue_for_orchestrator(completed(), Some(SECOND * 12))),
        call!(get_custom_status("order-42", 13)),
        call!(get_kv_value("order-42", SECRET)),
        call!(get_kv_all_values("order-42")),
        call!(get_instance_stats("order-42")),
    ]
}
