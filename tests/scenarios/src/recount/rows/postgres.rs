//! The rows of a Postgres schema.

use std::collections::BTreeMap;

use sqlx::{Connection as _, PgConnection, Row as _, postgres::PgRow};

use super::{Event, Instance, Lock, Message, Rows, Rules};

/// By the clock of the database.
pub(super) async fn now_ms(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    let sql = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    sqlx::query_scalar(sql).fetch_one(connection).await
}

/// Both queue tables: what both have. A row becomes visible with the first whole millisecond that is not before its
/// moment: the providers compare with whole ones.
fn queue(table: &str, more: &str) -> String {
    format!(
        "SELECT id, work_item, lock_token, locked_until, attempt_count::bigint AS attempt_count, {more}, \
         ceil(extract(epoch FROM visible_at) * 1000)::bigint AS visible_ms, \
         floor(extract(epoch FROM created_at) * 1000)::bigint AS created_ms FROM {table}"
    )
}

pub(super) async fn read(connection: &mut PgConnection) -> anyhow::Result<Rows> {
    let mut tx = connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let mut rows = Rows { read_ms: now_ms(&mut tx).await?, rules: Rules::Postgres, ..Rows::default() };
    for row in sqlx::query(&queue("orchestrator_queue", "instance_id")).fetch_all(&mut *tx).await? {
        rows.orchestrator.push(Message { instance: row.try_get("instance_id")?, ..message(&row)? });
    }
    for row in sqlx::query(&queue("worker_queue", "tag, session_id")).fetch_all(&mut *tx).await? {
        let (tag, session) = (row.try_get("tag")?, row.try_get("session_id")?);
        rows.worker.push(Message { tag, session, ..message(&row)? });
    }
    for row in sqlx::query("SELECT * FROM instance_locks").fetch_all(&mut *tx).await? {
        let lock = Lock { token: row.try_get("lock_token")?, until: row.try_get("locked_until")? };
        rows.locks.insert(row.try_get("instance_id")?, lock);
    }
    let sessions = sqlx::query_scalar("SELECT locked_until FROM sessions").fetch_all(&mut *tx).await?;
    rows.sessions = Some(sessions);
    for row in sqlx::query("SELECT * FROM instances").fetch_all(&mut *tx).await? {
        let version: Option<String> = row.try_get("orchestration_version")?;
        let instance = Instance {
            orchestration: row.try_get("orchestration_name")?,
            version: version.unwrap_or_default(),
            current_execution: row.try_get("current_execution_id")?,
        };
        rows.instances.insert(row.try_get("instance_id")?, instance);
    }
    let executions =
        "SELECT *, floor(extract(epoch FROM started_at) * 1000)::bigint AS started_ms FROM executions";
    for row in sqlx::query(executions).fetch_all(&mut *tx).await? {
        let id: (String, i64) = (row.try_get("instance_id")?, row.try_get("execution_id")?);
        rows.started.insert(id.clone(), row.try_get("started_ms")?);
        rows.executions.insert(id, row.try_get("status")?);
    }
    let history = "SELECT * FROM history ORDER BY instance_id, execution_id, event_id";
    for row in sqlx::query(history).fetch_all(&mut *tx).await? {
        rows.history.push(Event {
            instance: row.try_get("instance_id")?,
            execution: row.try_get("execution_id")?,
            data: row.try_get("event_data")?,
        });
    }
    let standby: bool = sqlx::query_scalar("SELECT pg_is_in_recovery()").fetch_one(&mut *tx).await?;
    if !standby {
        rows.sequences = Some(sequences(&mut tx).await?);
    }
    tx.rollback().await?;
    Ok(rows)
}

/// A sequence that was never called says 1 all the same.
async fn sequences(connection: &mut PgConnection) -> anyhow::Result<BTreeMap<String, i64>> {
    let mut sequences = BTreeMap::new();
    for table in ["orchestrator_queue", "worker_queue"] {
        let row = sqlx::query(&format!("SELECT last_value, is_called FROM {table}_id_seq"))
            .fetch_one(&mut *connection)
            .await?;
        let last = if row.try_get("is_called")? { row.try_get("last_value")? } else { 0 };
        sequences.insert(table.to_owned(), last);
    }
    Ok(sequences)
}

fn message(row: &PgRow) -> Result<Message, sqlx::Error> {
    Ok(Message {
        id: row.try_get("id")?,
        instance: String::new(),
        work_item: row.try_get("work_item")?,
        utf8: true,
        visible_at: row.try_get("visible_ms")?,
        created_at: row.try_get("created_ms")?,
        lock_token: row.try_get("lock_token")?,
        locked_until: row.try_get("locked_until")?,
        attempts: row.try_get("attempt_count")?,
        tag: None,
        session: None,
    })
}
