//! A provider in memory that fails, refuses and changes as told.

mod runtime;

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use duroxide::Event;
use duroxide::providers::management::{
    DeleteInstanceResult, ExecutionInfo, InstanceFilter, InstanceInfo, PruneOptions, PruneResult,
    QueueDepths, SystemMetrics,
};
use duroxide::providers::{ProviderAdmin, ProviderError};

pub(super) type Answer<T> = Result<T, ProviderError>;

/// One instance of one execution.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) parent: Option<String>,
    pub(super) status: String,
    pub(super) completed_at: Option<u64>,
    pub(super) output: Option<String>,
    pub(super) custom_status: Option<String>,
    /// What an execution says about the number of its events.
    pub(super) event_count: usize,
    pub(super) history: Answer<Vec<Event>>,
}

pub(super) type Hook = Box<dyn FnMut(&str, &str, &mut State) -> Answer<()> + Send>;

#[derive(Default)]
pub(super) struct State {
    /// Oldest first.
    pub(super) ids: Vec<String>,
    pub(super) rows: HashMap<String, Row>,
    children: HashMap<String, Vec<String>>,
    /// What was deleted, batch by batch.
    pub(super) batches: Vec<Vec<String>>,
    /// Errors that the next deletions answer with; `true`: after they have deleted.
    pub(super) deletions: VecDeque<(ProviderError, bool)>,
    /// Trees with this member cannot be deleted.
    pub(super) refused: Option<String>,
    pub(super) lookups: usize,
    pub(super) created_at: u64,
}

#[derive(Default)]
pub(super) struct Fake {
    pub(super) state: Mutex<State>,
    pub(super) hook: Mutex<Option<Hook>>,
    pub(super) without_admin: bool,
    pub(super) name: Option<&'static str>,
    /// How long each look at an instance takes.
    pub(super) slow: Duration,
}

impl Fake {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Called with the method and the instance before looks and deletions.
    pub(super) fn hooked(
        self,
        hook: impl FnMut(&str, &str, &mut State) -> Answer<()> + Send + 'static,
    ) -> Self {
        *self.hook.lock().unwrap() = Some(Box::new(hook));
        self
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Adds an instance that ended at a time; 0 is one that runs.
    pub(super) fn add(&self, id: &str, parent: Option<&str>, ended: u64) {
        self.state().add(id, parent, ended);
    }

    fn call(&self, method: &str, id: &str) -> Answer<()> {
        let mut hook = self.hook.lock().unwrap();
        match hook.as_mut() {
            Some(hook) => hook(method, id, &mut self.state()),
            None => Ok(()),
        }
    }
}

impl State {
    pub(super) fn add(&mut self, id: &str, parent: Option<&str>, ended: u64) {
        self.ids.push(id.to_owned());
        if let Some(parent) = parent {
            self.children.entry(parent.to_owned()).or_default().push(id.to_owned());
        }
        let row = Row {
            parent: parent.map(str::to_owned),
            status: if ended > 0 { "Completed" } else { "Running" }.to_owned(),
            // As the framework's SQLite provider says it of those that run.
            completed_at: Some(ended),
            output: Some("out".to_owned()),
            custom_status: None,
            event_count: 0,
            history: Ok(Vec::new()),
        };
        self.rows.insert(id.to_owned(), row);
    }

    pub(super) fn row(&mut self, id: &str) -> &mut Row {
        self.rows.get_mut(id).unwrap()
    }

    pub(super) fn remove(&mut self, id: &str) {
        self.ids.retain(|other| other != id);
        self.rows.remove(id);
        self.children.values_mut().for_each(|children| children.retain(|child| child != id));
    }

    fn found(&self, method: &str, id: &str) -> Answer<Row> {
        let missing = || ProviderError::permanent(method, format!("gone fishing for \"{id}\""));
        self.rows.get(id).cloned().ok_or_else(missing)
    }
}

#[async_trait::async_trait]
impl ProviderAdmin for Fake {
    async fn list_instances(&self) -> Answer<Vec<String>> {
        self.call("list_instances", "")?;
        Ok(self.state().ids.iter().rev().cloned().collect())
    }
    async fn list_instances_by_status(&self, status: &str) -> Answer<Vec<String>> {
        let state = self.state();
        Ok(state.ids.iter().rev().filter(|id| state.rows[*id].status == status).cloned().collect())
    }
    async fn list_executions(&self, instance: &str) -> Answer<Vec<u64>> {
        Ok(self.state().rows.get(instance).map(|_| 1).into_iter().collect())
    }
    async fn read_history_with_execution_id(&self, instance: &str, _: u64) -> Answer<Vec<Event>> {
        self.state().rows.get(instance).map_or(Ok(Vec::new()), |row| row.history.clone())
    }
    async fn read_history(&self, _: &str) -> Answer<Vec<Event>> {
        unreachable!()
    }
    async fn latest_execution_id(&self, _: &str) -> Answer<u64> {
        unreachable!()
    }
    async fn get_instance_info(&self, instance: &str) -> Answer<InstanceInfo> {
        if !self.slow.is_zero() {
            tokio::time::sleep(self.slow).await;
        }
        self.call("get_instance_info", instance)?;
        let mut state = self.state();
        state.lookups += 1;
        let row = state.found("get_instance_info", instance)?;
        Ok(InstanceInfo {
            instance_id: instance.to_owned(),
            orchestration_name: "Order".to_owned(),
            orchestration_version: "1.0.0".to_owned(),
            current_execution_id: 1,
            status: row.status,
            output: row.output,
            created_at: state.created_at,
            updated_at: 0,
            parent_instance_id: row.parent,
        })
    }
    async fn get_execution_info(&self, instance: &str, execution_id: u64) -> Answer<ExecutionInfo> {
        if execution_id != 1 {
            return Err(ProviderError::retryable("get_execution_info", "no rows"));
        }
        let row = self.state().found("get_execution_info", instance)?;
        Ok(ExecutionInfo {
            execution_id,
            status: row.status,
            output: row.output,
            started_at: 0,
            completed_at: row.completed_at,
            event_count: row.event_count,
        })
    }
    async fn get_system_metrics(&self) -> Answer<SystemMetrics> {
        Ok(SystemMetrics {
            total_instances: 10,
            running_instances: 1,
            completed_instances: 4,
            failed_instances: 3,
            ..SystemMetrics::default()
        })
    }
    async fn get_queue_depths(&self) -> Answer<QueueDepths> {
        Ok(QueueDepths { orchestrator_queue: 2, worker_queue: 1, timer_queue: 0 })
    }
    async fn list_children(&self, instance: &str) -> Answer<Vec<String>> {
        Ok(self.state().children.get(instance).cloned().unwrap_or_default())
    }
    async fn get_parent_id(&self, instance: &str) -> Answer<Option<String>> {
        Ok(self.state().found("get_parent_id", instance)?.parent)
    }
    async fn delete_instances_atomic(&self, ids: &[String], force: bool) -> Answer<DeleteInstanceResult> {
        assert!(!force, "force deletes what runs");
        self.call("delete", "")?;
        let mut state = self.state();
        let error = state.deletions.pop_front();
        if let Some((error, false)) = error {
            return Err(error);
        }
        if state.refused.as_ref().is_some_and(|refused| ids.contains(refused)) {
            return Err(ProviderError::permanent("delete_instances_atomic", "refused"));
        }
        for id in ids {
            let row = state.found("delete", id)?;
            assert!(matches!(row.status.as_str(), "Completed" | "Failed"), "{id} is {}", row.status);
            for child in state.children.get(id).into_iter().flatten() {
                assert!(ids.contains(child), "{child} would have no parent any more");
            }
        }
        let gone: std::collections::HashSet<_> = ids.iter().collect();
        state.ids.retain(|id| !gone.contains(id));
        state.rows.retain(|id, _| !gone.contains(id));
        state.children.retain(|id, _| !gone.contains(id));
        state.batches.push(ids.to_vec());
        error.map_or_else(|| Ok(DeleteInstanceResult::default()), |(error, _)| Err(error))
    }
    async fn delete_instance_bulk(&self, _: InstanceFilter) -> Answer<DeleteInstanceResult> {
        unreachable!("force-deletes")
    }
    async fn prune_executions(&self, _: &str, _: PruneOptions) -> Answer<PruneResult> {
        unreachable!()
    }
    async fn prune_executions_bulk(&self, _: InstanceFilter, _: PruneOptions) -> Answer<PruneResult> {
        unreachable!()
    }
}
