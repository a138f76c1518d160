//! The raw rows of a store, as they are.

use std::{collections::BTreeMap, path::Path, str::FromStr as _, time::Duration};

use sqlx::{
    Connection as _, Row as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteRow},
};

/// Everything that is counted.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// `orchestrator_queue`, timers included.
    pub orchestrator: Vec<Message>,
    /// `worker_queue`.
    pub worker: Vec<Message>,
    /// `instance_locks` by instance.
    pub locks: BTreeMap<String, Lock>,
    /// `locked_until` of every session.
    pub sessions: Vec<i64>,
    /// `instances`.
    pub instances: BTreeMap<String, Instance>,
    /// `executions`: status by instance and execution.
    pub executions: BTreeMap<(String, i64), String>,
    /// `sqlite_sequence`: greatest id ever given, by table.
    pub sequences: BTreeMap<String, i64>,
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
    /// From when on it may be handed out, ms.
    pub visible_at: Option<i64>,
    /// When it was written, ms; stored with a resolution of a second.
    pub created_at: Option<i64>,
    /// Whoever fetched it last.
    pub lock_token: Option<String>,
    /// End of the lease, ms (worker table; never set in the orchestrator table).
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

pub(super) async fn connect(path: &Path) -> anyhow::Result<SqliteConnection> {
    let options = SqliteConnectOptions::from_str(&format!("sqlite:{}", path.display()))?
        .read_only(true)
        .busy_timeout(Duration::from_secs(10));
    Ok(SqliteConnection::connect_with(&options).await?)
}

/// Reads all of it in one transaction: one consistent view.
pub(super) async fn read(connection: &mut SqliteConnection) -> anyhow::Result<Rows> {
    let mut tx = connection.begin().await?;
    let orchestrator = "SELECT *, unixepoch(created_at) * 1000 AS created_ms FROM orchestrator_queue";
    let worker = "SELECT *, unixepoch(created_at) * 1000 AS created_ms FROM worker_queue";
    let mut rows = Rows::default();
    for row in sqlx::query(orchestrator).fetch_all(&mut *tx).await? {
        rows.orchestrator.push(Message { instance: row.try_get("instance_id")?, ..message(&row)? });
    }
    for row in sqlx::query(worker).fetch_all(&mut *tx).await? {
        let (tag, session) = (row.try_get("tag")?, row.try_get("session_id")?);
        rows.worker.push(Message { tag, session, ..message(&row)? });
    }
    for row in sqlx::query("SELECT * FROM instance_locks").fetch_all(&mut *tx).await? {
        let lock = Lock { token: row.try_get("lock_token")?, until: row.try_get("locked_until")? };
        rows.locks.insert(row.try_get("instance_id")?, lock);
    }
    for row in sqlx::query("SELECT * FROM sessions").fetch_all(&mut *tx).await? {
        rows.sessions.push(row.try_get("locked_until")?);
    }
    for row in sqlx::query("SELECT * FROM instances").fetch_all(&mut *tx).await? {
        let instance = Instance {
            orchestration: row.try_get("orchestration_name")?,
            version: row.try_get("orchestration_version")?,
            current_execution: row.try_get("current_execution_id")?,
        };
        rows.instances.insert(row.try_get("instance_id")?, instance);
    }
    for row in sqlx::query("SELECT * FROM executions").fetch_all(&mut *tx).await? {
        let id = (row.try_get("instance_id")?, row.try_get("execution_id")?);
        rows.executions.insert(id, row.try_get("status")?);
    }
    for row in sqlx::query("SELECT name, seq FROM sqlite_sequence").fetch_all(&mut *tx).await? {
        rows.sequences.insert(row.try_get("name")?, row.try_get("seq")?);
    }
    tx.rollback().await?;
    Ok(rows)
}

/// What both queue tables have. `try_get_unchecked` because the columns are declared TIMESTAMP and hold integers.
fn message(row: &SqliteRow) -> Result<Message, sqlx::Error> {
    Ok(Message {
        id: row.try_get("id")?,
        instance: String::new(),
        work_item: row.try_get("work_item")?,
        visible_at: row.try_get_unchecked("visible_at")?,
        created_at: row.try_get("created_ms")?,
        lock_token: row.try_get("lock_token")?,
        locked_until: row.try_get_unchecked("locked_until")?,
        attempts: row.try_get("attempt_count")?,
        tag: None,
        session: None,
    })
}
