//! What is in a store, row by row: the truth behind every answer that people get.
//!
//! Like [`recount`](crate::recount) it shares neither code nor SQL with the exporter: plain `SELECT`s of whole
//! tables, and definitions written out once more in plain Rust. What the exporter's answers are made of (its enums
//! and structs) is all that is used of it.

mod answers;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

pub use answers::{failure_kind, instance_status};
use serde_json::Value;

use crate::{
    recount::{self, Rows},
    store::Store,
};

/// All rows that matter to people.
#[derive(Debug, Clone, Default)]
pub struct Truth {
    /// `instances`, in the order they were written; on Postgres, which does not know it, in that of the time of
    /// their creation and of the bytes of their ids.
    pub instances: Vec<Instance>,
    /// `executions` by instance and number; also those without an instance.
    pub executions: BTreeMap<(String, i64), Execution>,
    /// `history` by instance and execution, in the order of event ids.
    pub history: BTreeMap<(String, i64), Vec<EventRow>>,
    /// The queues.
    pub queues: Rows,
    /// The newest moment any row tells of, ms. Only of SQLite, where it is the "now" of a copy.
    pub newest_ms: Option<i64>,
}

/// A row of `instances`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// Name of the orchestration.
    pub orchestration: String,
    /// Its version.
    pub version: String,
    /// The execution that counts.
    pub current: i64,
    /// When it was written, ms; `None` when the text is no time.
    pub created_ms: Option<i64>,
    /// When it was changed, ms; `None` in SQLite, where the framework never updates that column.
    pub updated_ms: Option<i64>,
    /// Who started it as a child.
    pub parent: Option<String>,
    /// The application's own status.
    pub custom_status: Option<String>,
}

/// A row of `executions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// The framework's word for it.
    pub status: String,
    /// Output, error or next input.
    pub output: Option<String>,
    /// When it began, ms; in SQLite to the second.
    pub started_ms: Option<i64>,
    /// When it ended, ms.
    pub completed_ms: Option<i64>,
}

/// A row of `history`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Number of the event.
    pub id: i64,
    /// The column `event_type`.
    pub column_type: String,
    /// The stored bytes.
    pub data: Vec<u8>,
    /// When it was committed, ms; in SQLite to the second.
    pub committed_ms: Option<i64>,
}

impl EventRow {
    /// What is stored, if it is JSON with the envelope of an event.
    pub fn json(&self) -> Option<Value> {
        let value: Value = serde_json::from_str(std::str::from_utf8(&self.data).ok()?).ok()?;
        let envelope = value["event_id"].is_u64()
            && value["instance_id"].is_string()
            && value["execution_id"].is_u64()
            && value["timestamp_ms"].is_u64()
            && value["type"].is_string();
        envelope.then_some(value)
    }

    /// The framework's own event, if it can read it.
    pub fn framework(&self) -> Option<duroxide::Event> {
        serde_json::from_str(std::str::from_utf8(&self.data).ok()?).ok()
    }
}

impl Truth {
    /// Reads a store.
    pub async fn read(store: impl Into<Store>) -> Self {
        let store = store.into();
        let mut truth = rows::read(&store).await;
        truth.queues = recount::raw(&store).await.expect("the queues");
        truth
    }

    /// The instance with this id.
    pub fn instance(&self, id: &str) -> Option<&Instance> {
        self.instances.iter().find(|instance| instance.id == id)
    }

    /// Whether the framework's own decoder reads every event of an execution.
    pub fn is_sound(&self, id: &str, execution: i64) -> bool {
        self.events(id, execution).iter().all(|row| row.framework().is_some())
    }

    /// The events of an execution.
    pub fn events(&self, id: &str, execution: i64) -> &[EventRow] {
        self.history.get(&(id.to_owned(), execution)).map_or(&[], Vec::as_slice)
    }

    /// The execution that counts for an instance.
    pub fn current(&self, instance: &Instance) -> Option<&Execution> {
        self.executions.get(&(instance.id.clone(), instance.current))
    }

    /// The executions of an instance, oldest first.
    pub fn executions_of(&self, id: &str) -> Vec<(i64, &Execution)> {
        let of = self.executions.iter().filter(|((instance, _), _)| instance == id);
        of.map(|((_, number), execution)| (*number, execution)).collect()
    }

    /// The children of an instance, oldest first.
    pub fn children(&self, id: &str) -> Vec<&Instance> {
        self.instances.iter().filter(|instance| instance.parent.as_deref() == Some(id)).collect()
    }

    /// The topmost instance above `id`.
    pub fn root(&self, id: &str) -> String {
        let mut root = id.to_owned();
        while let Some(parent) = self.instance(&root).and_then(|instance| instance.parent.clone()) {
            if self.instance(&parent).is_none() {
                break;
            }
            root = parent;
        }
        root
    }

    /// An instance and everything below it.
    pub fn tree(&self, root: &str) -> BTreeSet<String> {
        let mut members = BTreeSet::new();
        let mut waiting = vec![root.to_owned()];
        while let Some(id) = waiting.pop() {
            waiting.extend(self.children(&id).iter().map(|child| child.id.clone()));
            members.insert(id);
        }
        members
    }
}
