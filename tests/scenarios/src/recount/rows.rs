//! The raw rows of a store, as they are.

mod postgres;
mod sqlite;

use std::collections::BTreeMap;

use sqlx::{PgConnection, SqliteConnection};

pub(super) use self::sqlite::newest;
use crate::{event_log, store::Store};

/// Everything that is counted.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// `orchestrator_queue`, timers included.
    pub orchestrator: Vec<Message>,
    /// `worker_queue`.
    pub worker: Vec<Message>,
    /// `instance_locks` by instance.
    pub locks: BTreeMap<String, Lock>,
    /// `locked_until` of every session; `None` where the schema has none yet.
    pub sessions: Option<Vec<i64>>,
    /// `instances`.
    pub instances: BTreeMap<String, Instance>,
    /// `executions`: status by instance and execution.
    pub executions: BTreeMap<(String, i64), String>,
    /// `executions`: when each was started, ms, likewise.
    pub started: BTreeMap<(String, i64), Option<i64>>,
    /// `history`, each execution's events in the order in which they were written.
    pub history: Vec<Event>,
    /// Greatest id ever given, by queue table; `None` where nobody can tell (a standby).
    pub sequences: Option<BTreeMap<String, i64>>,
    /// The moment of the read, by the store's clock, ms.
    pub read_ms: i64,
    /// How its rows are to be understood.
    pub rules: Rules,
}

/// The framework's providers do not lock alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rules {
    /// Leases of turns are in `instance_locks` alone.
    #[default]
    Sqlite,
    /// Leases of turns are in `instance_locks` and in the rows.
    Postgres,
}

/// A row of a queue table.
#[derive(Debug, Clone)]
pub struct Message {
    /// Primary key.
    pub id: i64,
    /// The orchestration instance the message is about (orchestrator table).
    pub instance: String,
    /// The work item's JSON.
    pub work_item: String,
    /// Whether the bytes of the work item are UTF-8: the framework does not read it otherwise.
    pub utf8: bool,
    /// From when on it may be handed out, ms.
    pub visible_at: Option<i64>,
    /// When it was written, ms; stored with a resolution of a second in SQLite.
    pub created_at: Option<i64>,
    /// Whoever fetched it last.
    pub lock_token: Option<String>,
    /// End of the lease, ms (never set in the orchestrator table of SQLite).
    pub locked_until: Option<i64>,
    /// How often it was handed out.
    pub attempts: i64,
    /// Routing tag (worker table).
    pub tag: Option<String>,
    /// Session it is bound to (worker table).
    pub session: Option<String>,
}

/// A row of `instance_locks`.
#[derive(Debug, Clone)]
pub struct Lock {
    /// Token of the turn.
    pub token: String,
    /// End of the lease, ms.
    pub until: i64,
}

/// A row of `instances`.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Name of the orchestration.
    pub orchestration: String,
    /// Its version.
    pub version: String,
    /// The execution that counts.
    pub current_execution: i64,
}

/// A row of `history`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Whose it is.
    pub instance: String,
    /// Of which execution.
    pub execution: i64,
    /// The event's JSON; empty if it is no text.
    pub data: String,
}

impl Event {
    /// The event, if it is one: an envelope with a type.
    pub(super) fn json(&self) -> Option<serde_json::Value> {
        event_log::event(&self.data)
    }
}

/// A connection that reads.
#[derive(Debug)]
pub(super) enum Reader {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Reader {
    pub(super) async fn open(store: &Store) -> anyhow::Result<Self> {
        Ok(match store {
            Store::Sqlite(path) => Self::Sqlite(sqlite::connect(path).await?),
            Store::Postgres(store) => Self::Postgres(crate::sql::postgres::connect(store).await),
        })
    }

    /// Reads all of it in one transaction: one consistent view.
    pub(super) async fn read(&mut self) -> anyhow::Result<Rows> {
        match self {
            Self::Sqlite(connection) => sqlite::read(connection).await,
            Self::Postgres(connection) => postgres::read(connection).await,
        }
    }

    pub(super) async fn now_ms(&mut self) -> anyhow::Result<i64> {
        match self {
            Self::Sqlite(_) => Ok(super::now_ms()),
            Self::Postgres(connection) => Ok(postgres::now_ms(connection).await?),
        }
    }
}
