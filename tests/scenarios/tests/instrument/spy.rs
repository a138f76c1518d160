//! A provider between `Instrumented` and the real one that writes down every call: the independent truth.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use duroxide::providers::{
    DispatcherCapabilityFilter, ExecutionMetadata, OrchestrationItem, Provider, ProviderAdmin, ProviderError,
    ScheduledActivityIdentifier, SessionFetchConfig, TagFilter, WorkItem,
};
use duroxide::{Event, SystemStats};

/// A call that has ended, or was dropped.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) method: &'static str,
    pub(crate) arguments: String,
    /// The answer as text; `None` for a call that was dropped.
    pub(crate) answer: Option<String>,
    /// The token that was given or handed out.
    pub(crate) token: Option<String>,
    pub(crate) fetched: Option<Fetched>,
    pub(crate) began: SystemTime,
    pub(crate) ended: SystemTime,
}

/// What a fetch brought.
#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    pub(crate) instance: String,
    pub(crate) execution: u64,
    /// The orchestration's or the activity's.
    pub(crate) name: String,
    /// The event that an activity is of.
    pub(crate) event: Option<u64>,
    pub(crate) attempt: u32,
    pub(crate) messages: Option<usize>,
}

pub(crate) struct Spy {
    inner: Arc<dyn Provider>,
    entries: Mutex<Vec<Entry>>,
}

impl Spy {
    pub(crate) fn on(inner: Arc<dyn Provider>) -> Arc<Self> {
        Arc::new(Self { inner, entries: Mutex::default() })
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap().clone()
    }

    async fn note<T: Debug>(
        &self,
        method: &'static str,
        arguments: String,
        token: Option<&str>,
        call: impl Future<Output = Result<T, ProviderError>>,
        fetched: impl FnOnce(&T) -> Option<(Fetched, String)>,
    ) -> Result<T, ProviderError> {
        let now = SystemTime::now();
        let entry = Entry {
            method,
            arguments,
            answer: None,
            token: token.map(str::to_owned),
            fetched: None,
            began: now,
            ended: now,
        };
        let mut noting = Noting { spy: self, entry };
        let answer = call.await;
        noting.entry.answer = Some(format!("{answer:?}"));
        if let Some((fetched, token)) = answer.as_ref().ok().and_then(fetched) {
            noting.entry.fetched = Some(fetched);
            noting.entry.token = Some(token);
        }
        answer
    }
}

/// Writes the entry down when the call is over, however that came.
struct Noting<'a> {
    spy: &'a Spy,
    entry: Entry,
}

impl Drop for Noting<'_> {
    fn drop(&mut self) {
        self.entry.ended = SystemTime::now();
        self.spy.entries.lock().unwrap().push(self.entry.clone());
    }
}

fn nothing<T>(_: &T) -> Option<(Fetched, String)> {
    None
}

/// Notes the call of the method with the same name.
macro_rules! note {
    ($self:ident.$method:ident($($argument:ident),*), $token:expr, $fetched:expr) => {
        $self.note(
            stringify!($method),
            format!("{:?}", ($(&$argument,)*)),
            $token,
            $self.inner.$method($($argument),*),
            $fetched,
        ).await
    };
    ($self:ident.$method:ident($($argument:ident),*)) => {
        note!($self.$method($($argument),*), None, nothing)
    };
}

#[async_trait]
impl Provider for Spy {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn version(&self) -> &str {
        self.inner.version()
    }

    fn as_management_capability(&self) -> Option<&dyn ProviderAdmin> {
        self.inner.as_management_capability()
    }

    async fn fetch_orchestration_item(
        &self,
        lock_timeout: Duration,
        poll_timeout: Duration,
        filter: Option<&DispatcherCapabilityFilter>,
    ) -> Result<Option<(OrchestrationItem, String, u32)>, ProviderError> {
        note!(self.fetch_orchestration_item(lock_timeout, poll_timeout, filter), None, |answer| {
            let (item, token, attempt) = answer.as_ref()?;
            let fetched = Fetched {
                instance: item.instance.clone(),
                execution: item.execution_id,
                name: item.orchestration_name.clone(),
                event: None,
                attempt: *attempt,
                messages: Some(item.messages.len()),
            };
            Some((fetched, token.clone()))
        })
    }

    async fn ack_orchestration_item(
        &self,
        lock_token: &str,
        execution_id: u64,
        history_delta: Vec<Event>,
        worker_items: Vec<WorkItem>,
        orchestrator_items: Vec<WorkItem>,
        metadata: ExecutionMetadata,
        cancelled_activities: Vec<ScheduledActivityIdentifier>,
    ) -> Result<(), ProviderError> {
        note!(
            self.ack_orchestration_item(
                lock_token,
                execution_id,
                history_delta,
                worker_items,
                orchestrator_items,
                metadata,
                cancelled_activities
            ),
            Some(lock_token),
            nothing
        )
    }

    async fn abandon_orchestration_item(
        &self,
        lock_token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Result<(), ProviderError> {
        note!(self.abandon_orchestration_item(lock_token, delay, ignore_attempt), Some(lock_token), nothing)
    }

    async fn read(&self, instance: &str) -> Result<Vec<Event>, ProviderError> {
        note!(self.read(instance))
    }

    async fn read_with_execution(
        &self,
        instance: &str,
        execution_id: u64,
    ) -> Result<Vec<Event>, ProviderError> {
        note!(self.read_with_execution(instance, execution_id))
    }

    async fn append_with_execution(
        &self,
        instance: &str,
        execution_id: u64,
        new_events: Vec<Event>,
    ) -> Result<(), ProviderError> {
        note!(self.append_with_execution(instance, execution_id, new_events))
    }

    async fn enqueue_for_worker(&self, item: WorkItem) -> Result<(), ProviderError> {
        note!(self.enqueue_for_worker(item))
    }

    async fn fetch_work_item(
        &self,
        lock_timeout: Duration,
        poll_timeout: Duration,
        session: Option<&SessionFetchConfig>,
        tag_filter: &TagFilter,
    ) -> Result<Option<(WorkItem, String, u32)>, ProviderError> {
        note!(self.fetch_work_item(lock_timeout, poll_timeout, session, tag_filter), None, |answer| {
            let (item, token, attempt) = answer.as_ref()?;
            let WorkItem::ActivityExecute { instance, execution_id, id, name, .. } = item else {
                panic!("{item:?} was handed out to a worker");
            };
            let fetched = Fetched {
                instance: instance.clone(),
                execution: *execution_id,
                name: name.clone(),
                event: Some(*id),
                attempt: *attempt,
                messages: None,
            };
            Some((fetched, token.clone()))
        })
    }

    async fn ack_work_item(&self, token: &str, completion: Option<WorkItem>) -> Result<(), ProviderError> {
        note!(self.ack_work_item(token, completion), Some(token), nothing)
    }

    async fn renew_work_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError> {
        note!(self.renew_work_item_lock(token, extend_for), Some(token), nothing)
    }

    async fn renew_session_lock(
        &self,
        owner_ids: &[&str],
        extend_for: Duration,
        idle_timeout: Duration,
    ) -> Result<usize, ProviderError> {
        note!(self.renew_session_lock(owner_ids, extend_for, idle_timeout))
    }

    async fn cleanup_orphaned_sessions(&self, idle_timeout: Duration) -> Result<usize, ProviderError> {
        note!(self.cleanup_orphaned_sessions(idle_timeout))
    }

    async fn abandon_work_item(
        &self,
        token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Result<(), ProviderError> {
        note!(self.abandon_work_item(token, delay, ignore_attempt), Some(token), nothing)
    }

    async fn renew_orchestration_item_lock(
        &self,
        token: &str,
        extend_for: Duration,
    ) -> Result<(), ProviderError> {
        note!(self.renew_orchestration_item_lock(token, extend_for), Some(token), nothing)
    }

    async fn enqueue_for_orchestrator(
        &self,
        item: WorkItem,
        delay: Option<Duration>,
    ) -> Result<(), ProviderError> {
        note!(self.enqueue_for_orchestrator(item, delay))
    }

    async fn get_custom_status(
        &self,
        instance: &str,
        last_seen_version: u64,
    ) -> Result<Option<(Option<String>, u64)>, ProviderError> {
        note!(self.get_custom_status(instance, last_seen_version))
    }

    async fn get_kv_value(&self, instance: &str, key: &str) -> Result<Option<String>, ProviderError> {
        note!(self.get_kv_value(instance, key))
    }

    async fn get_kv_all_values(&self, instance: &str) -> Result<HashMap<String, String>, ProviderError> {
        note!(self.get_kv_all_values(instance))
    }

    async fn get_instance_stats(&self, instance: &str) -> Result<Option<SystemStats>, ProviderError> {
        note!(self.get_instance_stats(instance))
    }
}
