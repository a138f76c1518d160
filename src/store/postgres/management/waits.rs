//! What an instance waits for: its history and the rows of the queues.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::super::reader::Snapshot;
use super::super::sql::{Text, millis, orchestrator_state, raw, text, time, utf8, worker_state};
use crate::history;
use crate::labels::Queue;
use crate::management::QueueEntry;
use crate::store::database::group::{state_at, unsigned};
use crate::store::database::look::{InstanceState, Item, OpenWaitReader, Row, RowSink};
use crate::store::database::needle::inside_json;
use crate::store::database::reading::QueryResult;

/// Ids in one statement.
const BATCH: usize = 2_000;

/// Ids as parameters. Postgres holds no NUL, and refuses to compare with one: a history may name such a child.
fn batches(instances: &[String]) -> Vec<Vec<&str>> {
    let possible: Vec<&str> =
        instances.iter().map(String::as_str).filter(|instance| !instance.contains('\0')).collect();
    possible.chunks(BATCH).map(<[_]>::to_vec).collect()
}

pub(super) async fn standings(
    snapshot: &mut Snapshot,
    instances: &[String],
) -> QueryResult<HashMap<String, InstanceState>> {
    let schema = &snapshot.schema;
    let sql = format!(
        "SELECT asked.id, i.current_execution_id::int8, e.status, il.locked_until::int8 \
         FROM unnest($1::text[]) AS asked(id) \
         LEFT JOIN {schema}.instances i ON i.instance_id = asked.id \
         LEFT JOIN {schema}.executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id \
         LEFT JOIN {schema}.instance_locks il ON il.instance_id = asked.id"
    );
    let mut standings = HashMap::with_capacity(instances.len());
    for batch in batches(instances) {
        let connection = snapshot.allow().await?;
        let rows = sqlx::query(&sql).bind(batch).fetch_all(connection).await?;
        for row in rows {
            let (Text(id), current): (Text, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
            let status = text(&row, 2)?;
            let execution = current.map(|current| (current, status));
            standings.insert(id, InstanceState { execution, lock_end_ms: row.try_get(3)? });
        }
    }
    Ok(standings)
}

pub(super) async fn past(
    snapshot: &mut Snapshot,
    instance: &str,
    execution: i64,
    past: &mut OpenWaitReader,
) -> QueryResult<()> {
    let sql = format!(
        "SELECT event_id::int8, event_data FROM {}.history WHERE instance_id = $1 AND execution_id = $2 ORDER BY event_id",
        snapshot.schema
    );
    let connection = snapshot.allow().await?;
    let mut rows = sqlx::query(&sql).bind(instance).bind(execution).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        past.take(history::Row {
            instance_id: instance,
            execution_id: unsigned(execution),
            event_id: unsigned(row.try_get(0)?),
            event_type: "",
            text: utf8(&row, 1)?,
        });
    }
    Ok(())
}

/// The columns that [`read`] reads.
fn columns(state: &str, lease: &str) -> String {
    format!(
        "({state})::int8, COALESCE(q.attempt_count, 0)::int8, {created}, {visible}, ({lease})::int8, q.work_item",
        created = millis("q.created_at"),
        visible = millis("q.visible_at"),
    )
}

fn read(row: &PgRow) -> Result<(QueueEntry, Item), sqlx::Error> {
    let item = Item::read(raw(row, 5)?.unwrap_or_default());
    let state = state_at(row.try_get(0)?);
    let entry = QueueEntry {
        queue: if item.is_timer() { Queue::Timer } else { Queue::Orchestrator },
        state,
        attempts: unsigned(row.try_get(1)?),
        queued_at: time(row, 2)?,
        visible_at: time(row, 3)?,
        leased_until: time(row, 4)?.filter(|_| state.is_leased()),
    };
    Ok((entry, item))
}

pub(super) async fn messages(
    snapshot: &mut Snapshot,
    instances: &[String],
    now_ms: i64,
    take: &mut RowSink<'_>,
) -> QueryResult<()> {
    // A renewal reaches the lock first.
    let lease = "GREATEST(q.locked_until, CASE WHEN q.lock_token = il.lock_token THEN il.locked_until END)";
    let schema = &snapshot.schema;
    let sql = format!(
        "SELECT {}, q.instance_id FROM {schema}.orchestrator_queue q \
         LEFT JOIN {schema}.instance_locks il ON il.instance_id = q.instance_id \
         WHERE q.instance_id = ANY($2) ORDER BY q.visible_at, q.id",
        columns(&orchestrator_state(), lease)
    );
    for batch in batches(instances) {
        let connection = snapshot.allow().await?;
        let mut rows = sqlx::query(&sql).bind(now_ms).bind(batch).fetch(connection);
        while let Some(row) = rows.try_next().await? {
            let (entry, item) = read(&row)?;
            take(Row { instance: row.try_get(6)?, entry, item, tag: None });
        }
    }
    Ok(())
}

pub(super) async fn activities(
    snapshot: &mut Snapshot,
    instance: &str,
    now_ms: i64,
    take: &mut RowSink<'_>,
) -> QueryResult<()> {
    // With duroxide-pg-opt only the work item tells whose it is. A legal escape would fail the whole statement if it
    // were decoded there: those that mention the id as a text are candidates, and are decoded here.
    let mentions = "strpos(q.work_item COLLATE \"C\", $3) > 0";
    let schema = &snapshot.schema;
    let (told, ours) = match schema.worker_identity {
        true => (
            "q.instance_id IS NOT NULL",
            format!("q.instance_id = $2 OR (q.instance_id IS NULL AND {mentions})"),
        ),
        false => ("false", format!("$2::text IS NOT NULL AND {mentions}")),
    };
    let sql = format!(
        "SELECT {columns}, {told}, {tag} FROM {schema}.worker_queue q WHERE {ours} ORDER BY q.id",
        columns = columns(&worker_state(), "q.locked_until"),
        tag = if schema.worker_tag { "q.tag" } else { "NULL::text" },
    );
    let connection = snapshot.allow().await?;
    let mut rows =
        sqlx::query(&sql).bind(now_ms).bind(instance).bind(inside_json(instance)).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let (entry, item) = read(&row)?;
        if row.try_get::<bool, _>(6)? || item.instance.as_deref() == Some(instance) {
            let entry = QueueEntry { queue: Queue::Worker, ..entry };
            take(Row { instance: instance.to_owned(), entry, item, tag: text(&row, 7)? });
        }
    }
    Ok(())
}
