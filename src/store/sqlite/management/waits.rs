//! What an instance waits for: its history and the rows of the queues.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteRow;

use super::super::reader::Snapshot;
use super::super::sql::{bytes, count, flag, millis, number, text, time};
use super::super::states::{orchestrator_state, visible_at, worker_state};
use crate::history;
use crate::labels::Queue;
use crate::management::QueueEntry;
use crate::store::database::group::{state_at, unsigned};
use crate::store::database::look::{InstanceState, Item, OpenWaitReader, Row, RowSink};
use crate::store::database::needle::inside_json;
use crate::store::database::reading::QueryResult;

pub(super) async fn standings(
    snapshot: &mut Snapshot,
    instances: &[String],
) -> QueryResult<HashMap<String, InstanceState>> {
    let mut standings = HashMap::with_capacity(instances.len());
    for instance in instances {
        let row = sqlx::query(
            "SELECT CAST(i.current_execution_id AS INTEGER), e.status, CAST(il.locked_until AS INTEGER) \
             FROM (SELECT ?1 AS id) asked \
             LEFT JOIN instances i ON i.instance_id = asked.id \
             LEFT JOIN executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id \
             LEFT JOIN instance_locks il ON il.instance_id = asked.id",
        )
        .bind(instance)
        .fetch_one(snapshot.connection())
        .await?;
        let current = number(&row, 0)?;
        let status = text(&row, 1)?;
        let execution = current.map(|current| (current, status));
        standings.insert(instance.clone(), InstanceState { execution, lock_end_ms: number(&row, 2)? });
    }
    Ok(standings)
}

pub(super) async fn past(
    snapshot: &mut Snapshot,
    instance: &str,
    execution: i64,
    past: &mut OpenWaitReader,
) -> QueryResult<()> {
    let mut rows = sqlx::query(
        "SELECT event_id, event_type, event_data FROM history WHERE instance_id = ? AND execution_id = ? ORDER BY event_id",
    )
    .bind(instance)
    .bind(execution)
    .fetch(snapshot.connection());
    while let Some(row) = rows.try_next().await? {
        let json = bytes(&row, 2)?.unwrap_or_default();
        past.take(history::Row {
            instance_id: instance,
            execution_id: unsigned(execution),
            event_id: count(&row, 0)?,
            event_type: &text(&row, 1)?.unwrap_or_default(),
            text: std::str::from_utf8(json).ok(),
        });
    }
    Ok(())
}

/// The columns that [`entry`] reads, and the work item behind them.
fn columns(state: &str, visible: &str, lease: &str) -> String {
    format!(
        "{state}, CAST(COALESCE(q.attempt_count, 0) AS INTEGER), {created}, {visible}, CAST({lease} AS INTEGER), \
         q.work_item",
        created = millis("q.created_at"),
        visible = millis(visible),
    )
}

fn entry(row: &SqliteRow, queue: Queue) -> Result<QueueEntry, sqlx::Error> {
    let state = state_at(number(row, 0)?.unwrap_or(0));
    Ok(QueueEntry {
        queue,
        state,
        attempts: count(row, 1)?,
        queued_at: time(row, 2)?,
        visible_at: time(row, 3)?,
        leased_until: time(row, 4)?.filter(|_| state.is_leased()),
    })
}

fn item(row: &SqliteRow) -> Result<Item, sqlx::Error> {
    Ok(Item::read(bytes(row, 5)?.unwrap_or_default()))
}

pub(super) async fn messages(
    snapshot: &mut Snapshot,
    instances: &[String],
    now_ms: i64,
    take: &mut RowSink<'_>,
) -> QueryResult<()> {
    let lease = "CASE WHEN q.lock_token = il.lock_token THEN il.locked_until END";
    let sql = format!(
        "SELECT {} FROM orchestrator_queue q LEFT JOIN instance_locks il ON il.instance_id = q.instance_id \
         WHERE q.instance_id = ?2 ORDER BY q.visible_at, q.id",
        columns(&orchestrator_state(), "q.visible_at", lease)
    );
    for instance in instances {
        let mut rows = sqlx::query(&sql).bind(now_ms).bind(instance).fetch(snapshot.connection());
        while let Some(row) = rows.try_next().await? {
            let item = item(&row)?;
            let queue = if item.is_timer() { Queue::Timer } else { Queue::Orchestrator };
            take(Row { instance: instance.clone(), entry: entry(&row, queue)?, item, tag: None });
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
    // Before 0.1.8, and in rows by hand, only the work item tells whose it is: those that mention it are candidates.
    let mentions = "instr(q.work_item, ?3) > 0";
    let identity = snapshot.schema.worker_identity;
    let (told, ours) = match identity {
        true => (
            "q.instance_id IS NOT NULL",
            format!("q.instance_id = ?2 OR (q.instance_id IS NULL AND {mentions})"),
        ),
        false => ("0", format!("?2 IS NOT NULL AND {mentions}")),
    };
    let visible = visible_at(&snapshot.schema);
    let sql = format!(
        "SELECT {columns}, {told}, {tag} FROM worker_queue q WHERE {ours} ORDER BY q.id",
        columns = columns(&worker_state(&snapshot.schema), visible, "q.locked_until"),
        tag = if snapshot.schema.worker_tag { "q.tag" } else { "NULL" },
    );
    let mut rows = sqlx::query(&sql)
        .bind(now_ms)
        .bind(instance)
        .bind(inside_json(instance))
        .fetch(snapshot.connection());
    while let Some(row) = rows.try_next().await? {
        let item = item(&row)?;
        if flag(&row, 6)? || item.instance.as_deref() == Some(instance) {
            let entry = entry(&row, Queue::Worker)?;
            take(Row { instance: instance.to_owned(), entry, item, tag: text(&row, 7)? });
        }
    }
    Ok(())
}
