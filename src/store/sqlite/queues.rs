//! The queue census: every row of the queue tables, once, in one state.
//!
//! The states are those of DESIGN: what the provider hands out is exactly ready + lease_expired. On SQLite the
//! orchestrator's lease is the instance lock; a row's own token alone means nothing (abandoning never clears it).

use futures_util::TryStreamExt;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::items::{self, Known, QueueItems};
use super::large::LARGE_ROW;
use super::running::KnownRunning;
use super::schema::Schema;
use super::sql::millis;
use super::states::{orchestrator_state, visible_at, worker_state};
use super::{sql, text};
use crate::labels::{MessageState, Queue};
use crate::management::QueueDepths;
use crate::source::{Leases, QueueCensus, QueueDetail, QueueStats, Waiting};
use crate::store::database::backlog::{self, Worker};
use crate::store::database::failure::StoreError;
use crate::store::database::group::{self, Group};
use crate::store::database::items::{LARGE, START_PREFIXES, TIMER_PREFIX};

/// Queue depths for the `ManagementAPI`.
pub(super) async fn depths(
    connection: &mut SqliteConnection,
    schema: &Schema,
    now_ms: i64,
) -> Result<QueueDepths, StoreError> {
    let Orchestrator { queue, timer, pending_timers, .. } =
        orchestrator(connection, now_ms, Ids::Not, &Known::default(), &KnownRunning::default()).await?;
    let mut worker = group::empty();
    for rows in worker_rows(connection, schema, now_ms, &Known::default()).await? {
        rows.group.add_to(&mut worker);
    }
    Ok(QueueDepths {
        orchestrator_queue: queue.fetchable.unwrap_or(0) + timer.fetchable.unwrap_or(0),
        worker_queue: worker.fetchable.unwrap_or(0),
        timer_queue: Some(pending_timers),
    })
}

pub(super) async fn census(
    connection: &mut SqliteConnection,
    schema: &Schema,
    items: &mut QueueItems,
    known: &mut KnownRunning,
    now_ms: i64,
) -> Result<(QueueCensus, Waiting), StoreError> {
    let QueueItems { orchestrator: messages, worker: work } = items;
    items::update(&mut messages.items, connection, "orchestrator_queue").await?;
    messages.large.update_orchestrator(connection, schema, messages.items.above(LARGE_ROW)).await?;
    let Orchestrator { queue: orchestrator, timer, mut waiting, running, .. } =
        orchestrator(connection, now_ms, Ids::Too, messages, known).await?;
    let Waiting { ready, retrying, timers, delayed, .. } = &waiting;
    known.found([ready, retrying, timers, delayed].into_iter().flatten().map(|id| &**id), &running);
    waiting.executing = executing(connection, now_ms).await?;
    items::update(&mut work.items, connection, "worker_queue").await?;
    work.large.update_worker(connection, schema, work.items.above(LARGE_ROW)).await?;
    let rows = worker_rows(connection, schema, now_ms, work).await?;
    let Worker { queue: worker, activities, waiting: of_activities, retrying } =
        Worker::of(&rows, &work.items);
    waiting.activities = of_activities;
    waiting.retrying.extend(retrying);

    let (enqueued, dequeued) = throughput(connection, &orchestrator, &worker, &timer).await?;
    let detail = QueueDetail {
        ready_instances: ready_instances(connection, now_ms, messages).await?,
        enqueued,
        dequeued,
        activities,
        locks: leases(connection, "instance_locks", now_ms).await?,
        sessions: match schema.sessions {
            true => Some(leases(connection, "sessions", now_ms).await?),
            false => None,
        },
    };
    Ok((QueueCensus { queues: [orchestrator, worker, timer], detail: Some(detail) }, waiting))
}

/// When a row became visible: it waits since the later of its creation and its visibility.
fn since(created: &str, visible: &str) -> String {
    format!("CAST(MAX(COALESCE({}, 0), COALESCE({}, 0)) AS INTEGER)", millis(created), millis(visible))
}

/// Large texts are not read for that.
fn begins_with(column: &str, prefix: &str) -> String {
    // Compared as bytes: LIKE ignores case, and `_` and `%` mean something to it.
    format!(
        "CASE WHEN octet_length({column}) <= {LARGE} THEN substr({column}, 1, {}) = '{prefix}' ELSE 0 END",
        prefix.len()
    )
}

/// Whether a row starts something. Of large ones that is remembered.
fn starts(row: &str) -> String {
    let [start, next] = START_PREFIXES.map(|prefix| begins_with(&format!("{row}.work_item"), prefix));
    format!("({start} OR {next} OR {row}.id IN (SELECT value FROM json_each(?3)))")
}

/// The columns of the orchestrator table that are read.
const MESSAGE: [&str; 7] =
    ["id", "instance_id", "work_item", "visible_at", "lock_token", "created_at", "attempt_count"];

/// The orchestrator table: its rows without and with timers.
struct Orchestrator {
    queue: QueueStats,
    timer: QueueStats,
    /// Timers that are not due, of executions that have not ended.
    pending_timers: u64,
    /// Instances that wait for these rows.
    waiting: Waiting,
    /// See [`KnownRunning::found`].
    running: Vec<Vec<u8>>,
}

/// Whether to return the instance ids as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ids {
    Too,
    Not,
}

async fn orchestrator(
    connection: &mut SqliteConnection,
    now_ms: i64,
    ids: Ids,
    messages: &Known,
    known: &KnownRunning,
) -> Result<Orchestrator, StoreError> {
    // As JSON, which keeps every id apart from the next, and costs far less than a row for each.
    let (untried, tried, running) = match ids {
        Ids::Too => (
            "json_group_array(id) FILTER (WHERE attempts = 0 AND NOT leftover)",
            "json_group_array(id) FILTER (WHERE attempts > 0 AND NOT leftover)",
            "json_group_object(id, execution) FILTER (WHERE looked_up_running)",
        ),
        Ids::Not => ("NULL", "NULL", "NULL"),
    };
    // Where an instance is known the joins have nothing to look for, and cost nothing.
    let sql = format!(
        "WITH message AS MATERIALIZED ( \
           SELECT CAST(q.instance_id AS TEXT) AS id, {timer} AS timer, {state} AS state, \
             {since} AS since, il.locked_until AS lease_end, q.attempt_count AS attempts, \
             NOT {known} AND i.instance_id IS NULL AND NOT {starts} AND q.instance_id NOT IN ( \
               SELECT s.instance_id FROM {source} s \
               WHERE s.visible_at <= ?1 AND {batch_starts}) AS orphan, \
             CASE WHEN {timer} AND json_valid(q.work_item) THEN \
               CASE WHEN {known} THEN \
                 COALESCE((q.instance_id, {execution}) NOT IN (SELECT key, value FROM json_each(?2)), 0) \
               WHEN i.instance_id IS NOT NULL THEN \
                 COALESCE(e.status IN ('Completed', 'Failed', 'ContinuedAsNew'), 0) \
                 OR COALESCE({execution} <> i.current_execution_id, 0) \
               ELSE 0 END ELSE 0 END AS leftover, \
             q.id IN (SELECT value FROM json_each(?4)) AS bad, \
             CAST(i.current_execution_id AS INTEGER) AS execution, COALESCE(e.status = 'Running', 0) AS looked_up_running \
           FROM {source} q \
           LEFT JOIN instance_locks il ON il.instance_id = q.instance_id \
           LEFT JOIN instances i ON i.instance_id = CASE WHEN NOT {known} THEN q.instance_id END \
           LEFT JOIN executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id) \
         SELECT {columns}, timer, SUM(orphan), SUM(leftover), SUM(bad), {untried}, {tried}, {running} FROM message \
         GROUP BY timer, state",
        source = messages.large.source("orchestrator_queue", &MESSAGE, "?5"),
        timer = begins_with("q.work_item", TIMER_PREFIX),
        state = orchestrator_state(),
        since = since("q.created_at", "q.visible_at"),
        starts = starts("q"),
        batch_starts = starts("s"),
        columns = columns(),
        // Not joined: what joins to a JSON has no index for sure.
        known = "q.instance_id IN (SELECT key FROM json_each(?2))",
        execution = "json_extract(q.work_item, '$.TimerFired.execution_id')",
    );
    let mut orchestrator = Orchestrator {
        queue: group::empty(),
        timer: group::empty(),
        pending_timers: 0,
        waiting: Waiting::default(),
        running: Vec::new(),
    };
    let large_starts: Vec<i64> = messages.items.large_starts().collect();
    let bad: Vec<i64> = messages.items.bad().collect();
    let query = sqlx::query(&sql).bind(now_ms).bind(known.json()).bind(items::json(&large_starts));
    let query = query.bind(items::json(&bad)).bind(messages.large.json());
    for row in query.fetch_all(&mut *connection).await? {
        let group = group(&row)?;
        let leftovers = sql::count(&row, 8)?;
        let is_timer = sql::flag(&row, 6)?;
        let untried = text::ids(sql::bytes(&row, 10)?).into_iter().flatten();
        let tried = text::ids(sql::bytes(&row, 11)?).into_iter().flatten();
        orchestrator.running.extend(sql::bytes(&row, 12)?.map(<[u8]>::to_vec));
        let waiting = &mut orchestrator.waiting;
        match (group.state, is_timer) {
            (MessageState::Delayed, true) => waiting.timers.extend(untried),
            (MessageState::Delayed, false) => waiting.delayed.extend(untried),
            _ => waiting.ready.extend(untried),
        }
        match group.state {
            MessageState::Delayed => waiting.retrying.extend(tried),
            _ => waiting.ready.extend(tried),
        }
        let stats = if is_timer {
            if group.state == MessageState::Delayed {
                orchestrator.pending_timers += group.count - leftovers.min(group.count);
            }
            &mut orchestrator.timer
        } else {
            &mut orchestrator.queue
        };
        group.add_to(stats);
        stats.orphans += sql::count(&row, 7)?;
        stats.leftovers += leftovers;
        stats.undecodable += sql::count(&row, 9)?;
    }
    Ok(orchestrator)
}

/// The rows of the worker table by tag, by whether they were tried before, and by state. In one statement, for what is
/// behind a large item in its row costs a walk over all of its pages, unless it is known.
async fn worker_rows(
    connection: &mut SqliteConnection,
    schema: &Schema,
    now_ms: i64,
    work: &Known,
) -> Result<Vec<backlog::Rows>, StoreError> {
    let mut read = vec!["id", "lock_token", "locked_until", "created_at", "attempt_count"];
    read.extend(schema.worker_visible_at.then_some("visible_at"));
    read.extend(schema.worker_tag.then_some("tag"));
    read.extend(schema.worker_identity.then_some("instance_id"));
    let sql = format!(
        "SELECT {columns}, tag, attempts > 0, json_group_array(id), json_group_array(since), json_group_array(instance) \
         FROM ( \
           SELECT q.id, {state} AS state, {since} AS since, q.locked_until AS lease_end, q.attempt_count AS attempts, \
             {tag} AS tag, {instance} AS instance \
           FROM {source} q) \
         GROUP BY state, tag, attempts > 0",
        columns = columns(),
        source = work.large.source("worker_queue", &read, "?2"),
        state = worker_state(schema),
        since = since("q.created_at", visible_at(schema)),
        tag = if schema.worker_tag { text::sql_prefix("q.tag") } else { "NULL".to_owned() },
        instance = if schema.worker_identity { "CAST(q.instance_id AS TEXT)" } else { "NULL" },
    );
    let mut found = Vec::new();
    // Row by row: there may be as many groups as there are messages.
    let mut rows = sqlx::query(&sql).bind(now_ms).bind(work.large.json()).fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        found.push(backlog::Rows {
            tag: text::name(sql::bytes(&row, 6)?.unwrap_or_default()),
            tried: sql::flag(&row, 7)?,
            group: group(&row)?,
            ids: text::numbers(sql::bytes(&row, 8)?),
            since_ms: text::numbers(sql::bytes(&row, 9)?),
            instances: text::ids(sql::bytes(&row, 10)?),
        });
    }
    Ok(found)
}

/// The columns that [`group`] reads, of rows with a `state`, `since`, `lease_end` and `attempts`.
fn columns() -> String {
    format!(
        "state, COUNT(*), MIN(since), MIN(CAST(lease_end AS INTEGER)), SUM(attempts > (state = {in_flight})), \
         MAX(CAST(attempts AS INTEGER))",
        in_flight = MessageState::InFlight.index(),
    )
}

/// One row of either statement: the rows of one state.
fn group(row: &SqliteRow) -> Result<Group, sqlx::Error> {
    Ok(Group {
        state: group::state_at(sql::number(row, 0)?.unwrap_or(0)),
        count: sql::count(row, 1)?,
        since_ms: sql::number(row, 2)?,
        lease_end_ms: sql::number(row, 3)?,
        retrying: sql::count(row, 4)?,
        max_attempts: sql::count(row, 5)?,
    })
}

/// The instances of which a runtime takes a turn.
async fn executing(connection: &mut SqliteConnection, now_ms: i64) -> Result<Vec<Box<str>>, StoreError> {
    let row = sqlx::query(
        "SELECT json_group_array(CAST(instance_id AS TEXT)) FROM instance_locks WHERE locked_until > ?1",
    )
    .bind(now_ms)
    .fetch_one(&mut *connection)
    .await?;
    Ok(text::ids(sql::bytes(&row, 0)?).into_iter().flatten().collect())
}

async fn ready_instances(
    connection: &mut SqliteConnection,
    now_ms: i64,
    messages: &Known,
) -> Result<u64, StoreError> {
    let sql = format!(
        "SELECT COUNT(DISTINCT q.instance_id) FROM {} q \
         LEFT JOIN instance_locks il ON il.instance_id = q.instance_id \
         WHERE q.visible_at <= ?1 AND (il.instance_id IS NULL OR il.locked_until <= ?1)",
        messages.large.source("orchestrator_queue", &["id", "instance_id", "visible_at"], "?2")
    );
    let query = sqlx::query(&sql).bind(now_ms).bind(messages.large.json());
    Ok(sql::count(&query.fetch_one(&mut *connection).await?, 0)?)
}

async fn leases(
    connection: &mut SqliteConnection,
    table: &'static str,
    now_ms: i64,
) -> Result<Leases, StoreError> {
    let row = sqlx::query(&format!(
        "SELECT COUNT(*) FILTER (WHERE locked_until > ?1), COUNT(*) FILTER (WHERE locked_until <= ?1) FROM {table}"
    ))
    .bind(now_ms)
    .fetch_one(&mut *connection)
    .await?;
    Ok(Leases { active: sql::count(&row, 0)?, expired: sql::count(&row, 1)? })
}

/// Rows ever inserted, from the tables' own sequences, and ever removed. Exact: a rolled back insert takes its
/// number back, and rows that came and went between two polls count.
async fn throughput(
    connection: &mut SqliteConnection,
    orchestrator: &QueueStats,
    worker: &QueueStats,
    timer: &QueueStats,
) -> Result<([Option<u64>; 3], [Option<u64>; 3]), StoreError> {
    let mut enqueued = [None; 3];
    let mut dequeued = [None; 3];
    let rows = |stats: &QueueStats| stats.messages.iter().flatten().sum::<u64>();
    for (queue, table, rows) in [
        (Queue::Orchestrator, "orchestrator_queue", rows(orchestrator) + rows(timer)),
        (Queue::Worker, "worker_queue", rows(worker)),
    ] {
        let row = sqlx::query("SELECT MAX(CAST(seq AS INTEGER)) FROM sqlite_sequence WHERE name = ?")
            .bind(table)
            .fetch_one(&mut *connection)
            .await?;
        let inserted = sql::count(&row, 0)?;
        if let (Some(enqueued), Some(dequeued)) =
            (enqueued.get_mut(queue.index()), dequeued.get_mut(queue.index()))
        {
            *enqueued = Some(inserted);
            *dequeued = Some(inserted.saturating_sub(rows));
        }
    }
    Ok((enqueued, dequeued))
}
