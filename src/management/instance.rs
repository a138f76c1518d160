//! Instances and their executions. Plain data, no I/O.
//!
//! Fields that a backend cannot tell are `None`: never a made-up zero. Fields may be added: construct with
//! `..InstanceInfo::new(…)` and the like.

use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::history::Event;
use crate::labels::{ExecutionStatus, FailureKind, InstanceStatus};

/// One instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceInfo {
    /// Its id.
    pub instance_id: String,
    /// Name of its orchestration.
    pub orchestration_name: String,
    /// Version of its orchestration.
    pub orchestration_version: String,
    /// Id of its newest execution.
    pub current_execution_id: u64,
    /// Status of its newest execution.
    pub status: InstanceStatus,
    /// When its first turn was committed.
    pub created_at: Option<Timestamp>,
    /// When the newest event of its current execution was committed.
    pub updated_at: Option<Timestamp>,
    /// The instance that started it as a child.
    pub parent_instance_id: Option<String>,
    /// The application's own status text.
    pub custom_status: Option<String>,
}

impl InstanceInfo {
    /// An instance of which no more is known.
    pub fn new(
        instance_id: impl Into<String>,
        orchestration_name: impl Into<String>,
        orchestration_version: impl Into<String>,
        current_execution_id: u64,
        status: InstanceStatus,
    ) -> Self {
        Self {
            instance_id: instance_id.into(),
            orchestration_name: orchestration_name.into(),
            orchestration_version: orchestration_version.into(),
            current_execution_id,
            status,
            created_at: None,
            updated_at: None,
            parent_instance_id: None,
            custom_status: None,
        }
    }
}

/// Which instances. Empty: all; several conditions: those that meet every one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceFilter {
    /// Only with this status.
    pub status: Option<InstanceStatus>,
    /// Only of this orchestration, by its exact name.
    pub orchestration: Option<String>,
    /// Only created at this time or later.
    pub created_after: Option<Timestamp>,
    /// Only created before this time.
    pub created_before: Option<Timestamp>,
    /// Only children of this instance.
    pub parent_instance_id: Option<String>,
}

impl InstanceFilter {
    /// Whether it lets everything pass.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it lets `instance` pass. An instance whose creation time is not known passes no condition on it.
    pub fn matches(&self, instance: &InstanceInfo) -> bool {
        let Self { status, orchestration, created_after, created_before, parent_instance_id } = self;
        status.is_none_or(|status| instance.status == status)
            && orchestration.as_ref().is_none_or(|name| instance.orchestration_name == *name)
            && created_after.is_none_or(|time| instance.created_at.is_some_and(|created| created >= time))
            && created_before.is_none_or(|time| instance.created_at.is_some_and(|created| created < time))
            && parent_instance_id.as_ref().is_none_or(|id| instance.parent_instance_id.as_ref() == Some(id))
    }
}

/// How many instances, by orchestration, version and status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceCounts {
    /// Groups that exist, in the order of their names.
    pub groups: Vec<InstanceGroup>,
    /// True when a limit on time ended the count: there are more.
    pub partial: bool,
}

impl InstanceCounts {
    /// All instances that were counted.
    pub fn total(&self) -> u64 {
        self.groups.iter().map(|group| group.count).sum()
    }
}

/// Instances that have orchestration, version and status in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InstanceGroup {
    /// Name of the orchestration.
    pub orchestration_name: String,
    /// Version of the orchestration.
    pub orchestration_version: String,
    /// Their status.
    pub status: InstanceStatus,
    /// How many.
    pub count: u64,
}

/// An instance with those it was started by and those it started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceTree {
    /// Id of the topmost instance.
    pub root_id: String,
    /// The root and everything below it: each parent before its children, siblings in the order of their creation.
    pub instances: Vec<InstanceInfo>,
    /// True when a limit on size ended it early: there are more descendants.
    pub partial: bool,
}

/// One execution of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionInfo {
    /// Its number, from 1.
    pub execution_id: u64,
    /// Its status.
    pub status: ExecutionStatus,
    /// Output, error or next input. Personal data: the command line and the server hide it unless switched on.
    pub output: Option<String>,
    /// Size of `output`, also where that is left out.
    pub output_bytes: Option<u64>,
    /// Why it failed; `None` when it did not.
    pub failure_kind: Option<FailureKind>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended; `None` while it runs.
    pub completed_at: Option<Timestamp>,
    /// Number of its history events.
    pub event_count: u64,
}

impl ExecutionInfo {
    /// An execution of which no more is known.
    pub fn new(execution_id: u64, status: ExecutionStatus) -> Self {
        Self {
            execution_id,
            status,
            output: None,
            output_bytes: None,
            failure_kind: None,
            started_at: None,
            completed_at: None,
            event_count: 0,
        }
    }
}

/// One instance with everything that belongs to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceExport {
    /// The instance.
    pub instance: InstanceInfo,
    /// Its executions, oldest first.
    pub executions: Vec<ExecutionInfo>,
    /// Their histories, in the order of `executions`.
    pub history: Vec<Vec<Event>>,
}
