//! The answers that follow from the rows, as the management API should give them.

use duroxide_exporter::{
    ExecutionInfo, ExecutionStatus, FailureKind, InstanceInfo, InstanceStatus, QueueDepths, SystemMetrics,
    Timestamp,
};
use serde_json::Value;

use super::{EventRow, Execution, Instance, Truth};
use crate::recount::{Rules, State, Table};

/// Status of an instance whose current execution has this one.
pub fn instance_status(framework: Option<&str>) -> InstanceStatus {
    match framework {
        // Continued as new and not yet started again: alive.
        Some("Running" | "ContinuedAsNew") => InstanceStatus::Running,
        Some("Completed") => InstanceStatus::Completed,
        Some("Failed") => InstanceStatus::Failed,
        _ => InstanceStatus::Unknown,
    }
}

/// Why an orchestration, activity or child failed, from the details of its event.
pub fn failure_kind(details: &Value) -> FailureKind {
    let Some((class, inside)) = details.as_object().and_then(|details| details.iter().next()) else {
        return FailureKind::Unknown;
    };
    match class.as_str() {
        "Application" if inside["kind"] == "Panicked" => FailureKind::Panicked,
        "Application" if !inside["kind"]["Cancelled"].is_null() => FailureKind::Cancelled,
        "Application" => FailureKind::Application,
        "Configuration" if inside["kind"] == "Nondeterminism" => FailureKind::Nondeterminism,
        "Configuration" => FailureKind::Configuration,
        "Infrastructure" => FailureKind::Infrastructure,
        "Poison" => FailureKind::Poison,
        _ => FailureKind::Unknown,
    }
}

fn moment(ms: i64) -> Timestamp {
    Timestamp::from_unix_millis(ms)
}

fn number(n: i64) -> u64 {
    u64::try_from(n).expect("a number that is not negative")
}

impl Truth {
    /// One instance, with every field that can be told.
    pub fn info(&self, instance: &Instance) -> InstanceInfo {
        let newest = self.events(&instance.id, instance.current).last();
        let mut info = InstanceInfo::new(
            &instance.id,
            &instance.orchestration,
            &instance.version,
            number(instance.current),
            instance_status(self.current(instance).map(|execution| execution.status.as_str())),
        );
        info.created_at = instance.created_ms.map(moment);
        let committed = newest.and_then(|event| event.committed_ms);
        info.updated_at = instance.updated_ms.or(committed).map(moment);
        info.parent_instance_id = instance.parent.clone();
        info.custom_status = instance.custom_status.clone();
        info
    }

    /// One execution, with every field that can be told.
    pub fn execution(&self, id: &str, number_: i64) -> Option<ExecutionInfo> {
        let row = self.executions.get(&(id.to_owned(), number_))?;
        let events = self.events(id, number_);
        let status = match row.status.as_str() {
            "Running" => ExecutionStatus::Running,
            "Completed" => ExecutionStatus::Completed,
            "Failed" => ExecutionStatus::Failed,
            "ContinuedAsNew" => ExecutionStatus::ContinuedAsNew,
            _ => ExecutionStatus::Unknown,
        };
        // To the millisecond in its first event; in SQLite the row has whole seconds.
        let first = events.first().and_then(EventRow::json).and_then(|json| json["timestamp_ms"].as_i64());
        let mut info = ExecutionInfo::new(number(number_), status);
        info.output.clone_from(&row.output);
        info.output_bytes = row.output.as_ref().map(|output| u64::try_from(output.len()).unwrap());
        info.failure_kind = (status == ExecutionStatus::Failed).then(|| {
            let failures = events.iter().rev().filter_map(EventRow::json);
            let last = failures.into_iter().find(|json| json["type"] == "OrchestrationFailed");
            last.map_or(FailureKind::Unknown, |json| failure_kind(&json["details"]))
        });
        info.started_at = first.or(row.started_ms).map(moment);
        info.completed_at = row.completed_ms.or_else(|| self.continued_ms(row, events)).map(moment);
        info.event_count = u64::try_from(events.len()).unwrap();
        Some(info)
    }

    /// When it continued as new: the Postgres providers tell that in the history alone.
    fn continued_ms(&self, row: &Execution, events: &[EventRow]) -> Option<i64> {
        let continued = row.status == "ContinuedAsNew" && self.queues.rules == Rules::Postgres;
        let events = events.iter().rev().filter(|_| continued).filter_map(EventRow::json);
        let last = events.into_iter().find(|json| json["type"] == "OrchestrationContinuedAsNew");
        last.and_then(|json| json["timestamp_ms"].as_i64())
    }

    /// Totals of the store. Executions without an instance are nobody's.
    pub fn metrics(&self) -> SystemMetrics {
        let with = |status| {
            let has = |instance: &&Instance| {
                instance_status(self.current(instance).map(|execution| execution.status.as_str())) == status
            };
            u64::try_from(self.instances.iter().filter(has).count()).unwrap()
        };
        let executions = self.executions.keys().filter(|(id, _)| self.instance(id).is_some());
        SystemMetrics {
            total_instances: u64::try_from(self.instances.len()).unwrap(),
            running_instances: with(InstanceStatus::Running),
            completed_instances: with(InstanceStatus::Completed),
            failed_instances: with(InstanceStatus::Failed),
            total_executions: u64::try_from(executions.count()).unwrap(),
            total_events: Some(
                self.history.values().map(|events| u64::try_from(events.len()).unwrap()).sum(),
            ),
        }
    }

    /// Queue rows that would be handed out at a moment, and timers of running executions that are not yet due.
    pub fn depths(&self, now_ms: i64) -> QueueDepths {
        let orchestrator = self.queues.classified(Table::Orchestrator, now_ms);
        let worker = self.queues.classified(Table::Worker, now_ms);
        let timers = orchestrator.iter().filter(|row| {
            let Some(duroxide::providers::WorkItem::TimerFired { execution_id, .. }) = row.message.decoded()
            else {
                return false;
            };
            let instance = self.instance(&row.message.instance);
            let awaited = instance.is_some_and(|instance| {
                number(instance.current) == execution_id
                    && self.current(instance).is_some_and(|execution| execution.status == "Running")
            });
            row.state == State::Delayed && awaited
        });
        let fetchable = |rows: &[crate::recount::Classified<'_>]| {
            u64::try_from(rows.iter().filter(|row| row.state.fetchable()).count()).unwrap()
        };
        QueueDepths {
            orchestrator_queue: fetchable(&orchestrator),
            worker_queue: fetchable(&worker),
            timer_queue: Some(u64::try_from(timers.count()).unwrap()),
        }
    }
}
