//! The rows of a file.

use std::{collections::BTreeMap, path::Path, time::Duration};

use sqlx::{
    Column as _, Connection as _, Row as _, SqliteConnection, TypeInfo as _, ValueRef as _,
    sqlite::{SqliteConnectOptions, SqliteRow},
};

use super::{Event, Instance, Lock, Message, Rows, Rules};
use crate::recount::now_ms;

pub(super) async fn connect(path: &Path) -> anyhow::Result<SqliteConnection> {
    let options =
        SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(Duration::from_secs(10));
    Ok(SqliteConnection::connect_with(&options).await?)
}

pub(super) async fn read(connection: &mut SqliteConnection) -> anyhow::Result<Rows> {
    let mut tx = connection.begin().await?;
    let orchestrator = "SELECT *, unixepoch(created_at) * 1000 AS created_ms FROM orchestrator_queue";
    let worker = "SELECT *, unixepoch(created_at) * 1000 AS created_ms FROM worker_queue";
    let mut rows = Rows { read_ms: now_ms(), rules: Rules::Sqlite, ..Rows::default() };
    for row in sqlx::query(orchestrator).fetch_all(&mut *tx).await? {
        let instance = text(&row, "instance_id")?.unwrap_or_default();
        let visible_at = moment(&row, "visible_at")?;
        rows.orchestrator.push(Message { instance, visible_at, ..message(&row)? });
    }
    for row in sqlx::query(worker).fetch_all(&mut *tx).await? {
        let (tag, session) = (text(&row, "tag")?, text(&row, "session_id")?);
        // Before 0.1.5 a worker row could not be put off.
        let visible_at = if has(&row, "visible_at") { moment(&row, "visible_at")? } else { Some(0) };
        rows.worker.push(Message { tag, session, visible_at, ..message(&row)? });
    }
    for row in sqlx::query("SELECT * FROM instance_locks").fetch_all(&mut *tx).await? {
        let token = text(&row, "lock_token")?.unwrap_or_default();
        let lock = Lock { token, until: row.try_get("locked_until")? };
        rows.locks.insert(text(&row, "instance_id")?.unwrap_or_default(), lock);
    }
    if exists(&mut tx, "sessions").await? {
        let sessions = sqlx::query_scalar("SELECT locked_until FROM sessions").fetch_all(&mut *tx).await?;
        rows.sessions = Some(sessions);
    }
    for row in sqlx::query("SELECT * FROM instances").fetch_all(&mut *tx).await? {
        let instance = Instance {
            orchestration: text(&row, "orchestration_name")?.unwrap_or_default(),
            version: text(&row, "orchestration_version")?.unwrap_or_default(),
            current_execution: row.try_get("current_execution_id")?,
        };
        rows.instances.insert(text(&row, "instance_id")?.unwrap_or_default(), instance);
    }
    let executions = "SELECT *, unixepoch(started_at) * 1000 AS started_ms FROM executions";
    for row in sqlx::query(executions).fetch_all(&mut *tx).await? {
        let id: (String, i64) =
            (text(&row, "instance_id")?.unwrap_or_default(), row.try_get("execution_id")?);
        rows.started.insert(id.clone(), row.try_get("started_ms")?);
        rows.executions.insert(id, text(&row, "status")?.unwrap_or_default());
    }
    for row in sqlx::query("SELECT * FROM history ORDER BY rowid").fetch_all(&mut *tx).await? {
        let bytes: Option<Vec<u8>> = row.try_get_unchecked("event_data")?;
        rows.history.push(Event {
            instance: text(&row, "instance_id")?.unwrap_or_default(),
            execution: row.try_get("execution_id")?,
            data: String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default(),
        });
    }
    let mut sequences = BTreeMap::new();
    for row in sqlx::query("SELECT name, seq FROM sqlite_sequence").fetch_all(&mut *tx).await? {
        sequences.insert(row.try_get("name")?, row.try_get("seq")?);
    }
    rows.sequences = Some(sequences);
    tx.rollback().await?;
    Ok(rows)
}

/// The newest moment any row tells of, ms: what a copy takes for "now". Nothing is scheduled here: only what has
/// happened counts.
pub(in crate::recount) async fn newest(path: &Path) -> anyhow::Result<Option<i64>> {
    let mut connection = connect(path).await?;
    let mut moments: Vec<Option<i64>> = Vec::new();
    for sql in [
        "SELECT MAX(locked_at) FROM instance_locks",
        "SELECT MAX(last_activity_at) FROM sessions",
        "SELECT MAX(unixepoch(created_at)) * 1000 FROM orchestrator_queue",
        "SELECT MAX(unixepoch(created_at)) * 1000 FROM worker_queue",
        "SELECT MAX(unixepoch(created_at)) * 1000 FROM history",
    ] {
        moments.push(sqlx::query_scalar(sql).fetch_one(&mut connection).await?);
    }
    let events: Vec<String> =
        sqlx::query_scalar("SELECT event_data FROM history").fetch_all(&mut connection).await?;
    for event in events {
        let event: serde_json::Value = serde_json::from_str(&event)?;
        moments.push(event["timestamp_ms"].as_i64());
    }
    Ok(moments.into_iter().flatten().max())
}

async fn exists(connection: &mut SqliteConnection, table: &str) -> anyhow::Result<bool> {
    let sql = "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = ?";
    let found: i64 = sqlx::query_scalar(sql).bind(table).fetch_one(connection).await?;
    Ok(found > 0)
}

/// What both queue tables have.
fn message(row: &SqliteRow) -> Result<Message, sqlx::Error> {
    let bytes: Option<Vec<u8>> = row.try_get_unchecked("work_item")?;
    Ok(Message {
        utf8: std::str::from_utf8(&bytes.unwrap_or_default()).is_ok(),
        id: row.try_get("id")?,
        instance: String::new(),
        work_item: text(row, "work_item")?.unwrap_or_default(),
        visible_at: None,
        created_at: row.try_get("created_ms")?,
        lock_token: text(row, "lock_token")?,
        locked_until: moment(row, "locked_until")?,
        attempts: if has(row, "attempt_count") { row.try_get("attempt_count")? } else { 0 },
        tag: None,
        session: None,
    })
}

fn has(row: &SqliteRow, column: &str) -> bool {
    row.columns().iter().any(|there| there.name() == column)
}

/// A text, whatever its bytes; `None` also for a column that this version of the schema does not have.
fn text(row: &SqliteRow, column: &str) -> Result<Option<String>, sqlx::Error> {
    if !has(row, column) {
        return Ok(None);
    }
    let bytes: Option<Vec<u8>> = row.try_get_unchecked(column)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// Milliseconds. A text in their place (the column's default, which no version of the framework lets through) is
/// greater than any number for SQLite: such a moment never comes. `try_get_unchecked` because the columns are
/// declared TIMESTAMP and hold integers.
fn moment(row: &SqliteRow, column: &str) -> Result<Option<i64>, sqlx::Error> {
    if row.try_get_raw(column)?.type_info().name() == "TEXT" {
        return Ok(None);
    }
    row.try_get_unchecked(column)
}
