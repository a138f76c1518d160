//! The provider of SQLite as the runtime of a test should see it on however slow a machine.

use std::{collections::HashMap, sync::Arc, time::Duration};

use duroxide::{
    Event, SystemStats,
    providers::{
        DispatcherCapabilityFilter, ExecutionMetadata, OrchestrationItem, Provider, ProviderAdmin,
        ProviderError, ScheduledActivityIdentifier, SessionFetchConfig, TagFilter, WorkItem,
    },
};
use tokio::sync::Mutex;

type Answer<T> = Result<T, ProviderError>;

/// Between two attempts while somebody else is writing.
const PAUSE: Duration = Duration::from_millis(10);

/// Lets the runtime's own transactions take turns, and tries them again while somebody else writes.
///
/// The provider reads before it writes, in one transaction. SQLite then answers "database is locked" at once to all
/// but one of those who meet, whatever the busy timeout. The runtime tries to end a turn six times within a third of
/// a second and then gives the orchestration up: it has failed, and if that was its first turn, it has an execution
/// but no instance. Several dispatchers on a machine without a free processor bring that about among themselves, and
/// then nothing that a test has started is what it should be.
pub(super) struct OneAtATime {
    provider: Arc<dyn Provider>,
    turn: Mutex<()>,
}

impl OneAtATime {
    /// The provider itself, unless it is that of SQLite.
    pub(super) fn where_needed(provider: Arc<dyn Provider>) -> Arc<dyn Provider> {
        if provider.name() == "sqlite" { Arc::new(Self { provider, turn: Mutex::new(()) }) } else { provider }
    }
}

/// Only this: whatever else goes wrong is the runtime's to see. A lease that runs out meanwhile is no longer about
/// the lock, so this comes to an end.
fn is_locked(error: &ProviderError) -> bool {
    error.is_retryable() && error.message.contains("database is locked")
}

/// A call that writes. No function: that would take a closure, and what that borrows could not be told to be `Send`.
macro_rules! in_turn {
    ($of:ident.$($call:tt)+) => {
        loop {
            let answer = {
                let _turn = $of.turn.lock().await;
                $of.provider.$($call)+.await
            };
            match answer {
                Err(error) if is_locked(&error) => tokio::time::sleep(PAUSE).await,
                answer => break answer,
            }
        }
    };
}

#[async_trait::async_trait]
impl Provider for OneAtATime {
    fn name(&self) -> &str {
        self.provider.name()
    }
    fn version(&self) -> &str {
        self.provider.version()
    }
    fn as_management_capability(&self) -> Option<&dyn ProviderAdmin> {
        self.provider.as_management_capability()
    }

    async fn fetch_orchestration_item(
        &self,
        lease: Duration,
        poll: Duration,
        filter: Option<&DispatcherCapabilityFilter>,
    ) -> Answer<Option<(OrchestrationItem, String, u32)>> {
        in_turn!(self.fetch_orchestration_item(lease, poll, filter))
    }
    async fn ack_orchestration_item(
        &self,
        token: &str,
        execution: u64,
        history: Vec<Event>,
        activities: Vec<WorkItem>,
        messages: Vec<WorkItem>,
        metadata: ExecutionMetadata,
        cancelled: Vec<ScheduledActivityIdentifier>,
    ) -> Answer<()> {
        in_turn!(self.ack_orchestration_item(
            token,
            execution,
            history.clone(),
            activities.clone(),
            messages.clone(),
            metadata.clone(),
            cancelled.clone(),
        ))
    }
    async fn abandon_orchestration_item(
        &self,
        token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Answer<()> {
        in_turn!(self.abandon_orchestration_item(token, delay, ignore_attempt))
    }
    async fn renew_orchestration_item_lock(&self, token: &str, lease: Duration) -> Answer<()> {
        in_turn!(self.renew_orchestration_item_lock(token, lease))
    }
    async fn append_with_execution(&self, instance: &str, execution: u64, events: Vec<Event>) -> Answer<()> {
        in_turn!(self.append_with_execution(instance, execution, events.clone()))
    }
    async fn enqueue_for_orchestrator(&self, item: WorkItem, delay: Option<Duration>) -> Answer<()> {
        in_turn!(self.enqueue_for_orchestrator(item.clone(), delay))
    }
    async fn enqueue_for_worker(&self, item: WorkItem) -> Answer<()> {
        in_turn!(self.enqueue_for_worker(item.clone()))
    }
    async fn fetch_work_item(
        &self,
        lease: Duration,
        poll: Duration,
        session: Option<&SessionFetchConfig>,
        tags: &TagFilter,
    ) -> Answer<Option<(WorkItem, String, u32)>> {
        in_turn!(self.fetch_work_item(lease, poll, session, tags))
    }
    async fn ack_work_item(&self, token: &str, completion: Option<WorkItem>) -> Answer<()> {
        in_turn!(self.ack_work_item(token, completion.clone()))
    }
    async fn abandon_work_item(
        &self,
        token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Answer<()> {
        in_turn!(self.abandon_work_item(token, delay, ignore_attempt))
    }
    async fn renew_work_item_lock(&self, token: &str, lease: Duration) -> Answer<()> {
        in_turn!(self.renew_work_item_lock(token, lease))
    }
    async fn renew_session_lock(&self, owners: &[&str], lease: Duration, idle: Duration) -> Answer<usize> {
        in_turn!(self.renew_session_lock(owners, lease, idle))
    }
    async fn cleanup_orphaned_sessions(&self, idle: Duration) -> Answer<usize> {
        in_turn!(self.cleanup_orphaned_sessions(idle))
    }

    // Who only reads stands in nobody's way.
    async fn read(&self, instance: &str) -> Answer<Vec<Event>> {
        self.provider.read(instance).await
    }
    async fn read_with_execution(&self, instance: &str, execution: u64) -> Answer<Vec<Event>> {
        self.provider.read_with_execution(instance, execution).await
    }
    async fn get_custom_status(&self, instance: &str, seen: u64) -> Answer<Option<(Option<String>, u64)>> {
        self.provider.get_custom_status(instance, seen).await
    }
    async fn get_kv_value(&self, instance: &str, key: &str) -> Answer<Option<String>> {
        self.provider.get_kv_value(instance, key).await
    }
    async fn get_kv_all_values(&self, instance: &str) -> Answer<HashMap<String, String>> {
        self.provider.get_kv_all_values(instance).await
    }
    async fn get_instance_stats(&self, instance: &str) -> Answer<Option<SystemStats>> {
        self.provider.get_instance_stats(instance).await
    }
}

#[cfg(test)]
mod tests {
    use duroxide::{Client, OrchestrationStatus};

    use super::*;
    use crate::{
        recount,
        scrape::{PATIENCE, wait_for},
        stores::Kind,
        truth::Truth,
        workload,
    };

    #[tokio::test(flavor = "multi_thread")]
    async fn a_turn_ends_although_somebody_else_writes_for_longer_than_the_runtime_tries() {
        let fresh = Kind::Sqlite.create().await;
        let store = &fresh.store;
        let mut other = store.connect().await;
        let client = Client::new(store.provider().await);
        client.start_orchestration("busy", "Busy", "500").await.unwrap();
        let runtime = workload::start_runtime(store.provider().await).await;
        wait_for("the turn", async || {
            (!recount::raw(store).await.expect("the rows").locks.is_empty()).then_some(())
        })
        .await;
        other.run("BEGIN IMMEDIATE").await;
        // The turn takes half a second; a third of one later the runtime would no longer try to end it, but to store
        // that it failed.
        tokio::time::sleep(Duration::from_millis(900)).await;
        other.run("COMMIT").await;
        let end = client.wait_for_orchestration("busy", PATIENCE).await.unwrap();
        assert!(matches!(end, OrchestrationStatus::Completed { .. }), "{end:?}");
        assert!(Truth::read(store).await.instance("busy").is_some());
        runtime.shutdown(Some(0)).await;
    }
}
