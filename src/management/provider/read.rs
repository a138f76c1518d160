//! One instance: its info, executions, history. And the totals.

use duroxide::providers::Provider;
use duroxide::providers::management as framework;

use super::backend::Backend;
use super::error::{from_provider, is_undecodable};
use crate::history::Event;
use crate::labels::{ExecutionStatus, InstanceStatus};
use crate::management::keys::{List, check_limit};
use crate::management::{
    ExecutionInfo, InstanceExport, InstanceInfo, ManagementError, Page, PageRequest, QueueDepths, Result,
    SystemMetrics, Timestamp,
};

/// How often a call is made that says "not found" while another says that it is there.
const ATTEMPTS: u32 = 4;

impl<P: Provider + ?Sized> Backend<'_, P> {
    /// What the framework tells about an instance; `None` when there is none.
    ///
    /// Providers say "not found" in words of their own, so another call that has an answer for it decides.
    pub(super) async fn find(&self, instance: &str) -> Result<Option<framework::InstanceInfo>> {
        let mut again = ATTEMPTS;
        loop {
            let error = match self.admin.get_instance_info(instance).await {
                Ok(info) => return Ok(Some(info)),
                Err(error) => error,
            };
            again -= 1;
            match self.provider.get_instance_stats(instance).await {
                Ok(None) => return Ok(None),
                // It may have been deleted and started anew between the two.
                Ok(Some(_)) if again > 0 => {}
                _ => return Err(from_provider(&error)),
            }
        }
    }

    /// What the framework tells about an instance that has to exist.
    pub(super) async fn known(&self, instance: &str) -> Result<framework::InstanceInfo> {
        self.find(instance).await?.ok_or_else(|| ManagementError::no_instance(instance))
    }

    /// What the framework tells about an execution; `None` when there is none.
    pub(super) async fn find_execution(
        &self,
        instance: &str,
        execution_id: u64,
    ) -> Result<Option<framework::ExecutionInfo>> {
        if i64::try_from(execution_id).is_err() {
            // The framework would cast it to a negative number.
            return Ok(None);
        }
        let mut again = ATTEMPTS;
        loop {
            let error = match self.admin.get_execution_info(instance, execution_id).await {
                Ok(info) => return Ok(Some(info)),
                Err(error) => error,
            };
            again -= 1;
            match self.admin.list_executions(instance).await {
                Ok(all) if !all.contains(&execution_id) => return Ok(None),
                Ok(_) if again > 0 => {}
                _ => return Err(from_provider(&error)),
            }
        }
    }

    async fn known_execution(&self, instance: &str, execution_id: u64) -> Result<framework::ExecutionInfo> {
        // An execution without an instance is one that the framework lost.
        self.known(instance).await?;
        self.find_execution(instance, execution_id)
            .await?
            .ok_or_else(|| ManagementError::no_execution(instance, execution_id))
    }

    pub(super) async fn instance(&self, instance: &str) -> Result<InstanceInfo> {
        let info = self.known(instance).await?;
        self.with_custom_status(instance_info(info)).await
    }

    pub(super) async fn with_custom_status(&self, mut info: InstanceInfo) -> Result<InstanceInfo> {
        let status = self.provider.get_custom_status(&info.instance_id, 0).await;
        info.custom_status = status.map_err(|error| from_provider(&error))?.and_then(|(status, _)| status);
        Ok(info)
    }

    pub(super) async fn execution(&self, instance: &str, execution_id: u64) -> Result<ExecutionInfo> {
        self.known_execution(instance, execution_id).await.map(execution_info)
    }

    pub(super) async fn executions(&self, instance: &str, page: &PageRequest) -> Result<Page<ExecutionInfo>> {
        let (limit, after) = number_key(List::Executions, page)?;
        self.known(instance).await?;
        let mut ids = self.admin.list_executions(instance).await.map_err(|error| from_provider(&error))?;
        ids.sort_unstable_by(|a, b| b.cmp(a));
        let mut ids = ids.into_iter().filter(|id| after.is_none_or(|after| *id < after)).peekable();
        let mut items = Vec::new();
        let mut last = None;
        for id in ids.by_ref().take(limit) {
            last = Some(id);
            // It may have been pruned meanwhile.
            items.extend(self.find_execution(instance, id).await?.map(execution_info));
        }
        let next = ids.peek().and(last).map(|id| List::Executions.key(id));
        Ok(Page { items, next, partial: false })
    }

    /// The whole history of one execution, as the framework decodes it.
    pub(super) async fn history(&self, instance: &str, execution_id: u64) -> Result<Vec<duroxide::Event>> {
        let info = self.known_execution(instance, execution_id).await?;
        let undecodable = |why: &str| ManagementError::Undecodable {
            what: format!(
                "history of execution {execution_id} of instance {}",
                crate::management::quoted(instance)
            ),
            why: why.to_owned(),
        };
        let events = self.admin.read_history_with_execution_id(instance, execution_id).await;
        let events = events.map_err(|error| match is_undecodable(&error) {
            true => {
                undecodable("it holds an event that the framework this exporter was built with does not read")
            }
            false => from_provider(&error),
        })?;
        // Some providers leave out what they cannot decode: to show the rest would be to hide that. A history only
        // grows, unless it is deleted while we read.
        if events.len() < info.event_count
            && events.len() < self.known_execution(instance, execution_id).await?.event_count
        {
            return Err(undecodable("the provider left out events that it could not decode"));
        }
        Ok(events)
    }

    pub(super) async fn history_page(
        &self,
        instance: &str,
        execution_id: u64,
        page: &PageRequest,
    ) -> Result<Page<Event>> {
        let (limit, after) = number_key(List::Events, page)?;
        let events = self.history(instance, execution_id).await?;
        let mut rest =
            events.iter().filter(|event| after.is_none_or(|after| event.event_id() > after)).peekable();
        let items = rest
            .by_ref()
            .take(limit)
            .map(|event| tolerant(event, instance, execution_id))
            .collect::<Result<Vec<Event>>>()?;
        let next = rest.peek().and(items.last()).map(|event| List::Events.key(event.event_id));
        Ok(Page { items, next, partial: false })
    }

    pub(super) async fn export(&self, instance: &str) -> Result<InstanceExport> {
        let info = self.instance(instance).await?;
        let mut executions = self.executions(instance, &PageRequest::first(usize::MAX)).await?.items;
        executions.reverse();
        let mut history = Vec::with_capacity(executions.len());
        for execution in &executions {
            let events = self.history(instance, execution.execution_id).await?;
            history.push(
                events
                    .iter()
                    .map(|event| tolerant(event, instance, execution.execution_id))
                    .collect::<Result<_>>()?,
            );
        }
        Ok(InstanceExport { instance: info, executions, history })
    }

    pub(super) async fn children(&self, instance: &str) -> Result<Vec<String>> {
        self.admin.list_children(instance).await.map_err(|error| from_provider(&error))
    }

    pub(super) async fn metrics(&self) -> Result<SystemMetrics> {
        let metrics = self.admin.get_system_metrics().await.map_err(|error| from_provider(&error))?;
        let framework::SystemMetrics {
            total_instances,
            total_executions,
            completed_instances,
            failed_instances,
            total_events,
            ..
        } = metrics;
        Ok(SystemMetrics {
            total_instances,
            // The framework's own number leaves out those between two executions. An instance is made in the same
            // transaction as its execution and has one of four states, so what has not ended is running.
            running_instances: total_instances
                .saturating_sub(completed_instances.saturating_add(failed_instances)),
            completed_instances,
            failed_instances,
            total_executions,
            total_events: Some(total_events),
        })
    }

    pub(super) async fn depths(&self) -> Result<QueueDepths> {
        let depths = self.admin.get_queue_depths().await.map_err(|error| from_provider(&error))?;
        let count = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
        Ok(QueueDepths {
            orchestrator_queue: count(depths.orchestrator_queue),
            worker_queue: count(depths.worker_queue),
            // The framework has no queue of timers any more and always says 0.
            timer_queue: (depths.timer_queue > 0).then(|| count(depths.timer_queue)),
        })
    }
}

pub(super) fn instance_info(info: framework::InstanceInfo) -> InstanceInfo {
    let status = InstanceStatus::from_framework(Some(&info.status));
    let id = info.current_execution_id;
    InstanceInfo {
        created_at: moment(info.created_at),
        updated_at: moment(info.updated_at),
        parent_instance_id: info.parent_instance_id,
        ..InstanceInfo::new(info.instance_id, info.orchestration_name, info.orchestration_version, id, status)
    }
}

fn execution_info(info: framework::ExecutionInfo) -> ExecutionInfo {
    let status = ExecutionStatus::from_framework(Some(&info.status));
    let running = status == ExecutionStatus::Running;
    let output = info.output.filter(|_| !running);
    ExecutionInfo {
        output_bytes: output.as_ref().and_then(|output| u64::try_from(output.len()).ok()),
        output,
        started_at: moment(info.started_at),
        completed_at: info.completed_at.filter(|_| !running).and_then(moment),
        event_count: u64::try_from(info.event_count).unwrap_or(u64::MAX),
        ..ExecutionInfo::new(info.execution_id, status)
    }
}

/// A time as the framework tells it; 0 is how it says that it cannot.
pub(super) fn moment(millis: u64) -> Option<Timestamp> {
    i64::try_from(millis).ok().filter(|millis| *millis > 0).map(Timestamp::from_unix_millis)
}

/// The framework's event as ours, one of the execution that was asked for: some versions of the framework
/// wrote events that do not say whose they are.
pub(super) fn tolerant(event: &duroxide::Event, instance: &str, execution_id: u64) -> Result<Event> {
    let decoded = serde_json::to_value(event).and_then(serde_json::from_value::<Event>);
    let decoded = decoded.map_err(|_| ManagementError::Undecodable {
        what: format!("event {}", event.event_id()),
        why: "the framework's form of it is not the stored one".to_owned(),
    })?;
    Ok(Event { instance_id: instance.to_owned(), execution_id, ..decoded })
}

/// Limit and key of a page whose keys are numbers.
fn number_key(list: List, page: &PageRequest) -> Result<(usize, Option<u64>)> {
    check_limit(page.limit)?;
    Ok((page.limit, list.number(page.after.as_deref())?))
}
