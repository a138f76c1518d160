//! The queue census: every row of the queue tables, once, in one state.
//!
//! The states are those of DESIGN: what the provider hands out is exactly ready + lease_expired. On SQLite the
//! orchestrator's lease is the instance lock; a row's own token alone means nothing (abandoning never clears it).

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::TryStreamExt;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::running::KnownRunning;
use super::schema::Schema;
use super::sql::{millis, orchestrator_state, visible_at, worker_state};
use super::text;
use super::undecodable::Undecodable;
use crate::labels::{MessageState, Queue};
use crate::management::QueueDepths;
use crate::source::{ActivityBacklog, Leases, QueueCensus, QueueDetail, QueueStats, Waiting};
use crate::store::database::failure::Failure;
use crate::store::database::group::{self, Group, unsigned};

/// How the framework begins the JSON of a timer row.
pub(super) const TIMER_PREFIX: &str = "{\"TimerFired\"";

/// How it begins the rows that create an instance or its next execution.
const START_PREFIXES: [&str; 2] = ["{\"StartOrchestration\"", "{\"ContinueAsNew\""];

/// What waits, for people.
pub(super) async fn depths(
    connection: &mut SqliteConnection,
    schema: &Schema,
    now_ms: i64,
) -> Result<QueueDepths, Failure> {
    let Orchestrator { queue, timer, pending_timers, .. } =
        orchestrator(connection, now_ms, Ids::Not, &KnownRunning::default()).await?;
    let (worker, _) = worker(connection, schema, now_ms).await?;
    Ok(QueueDepths {
        orchestrator_queue: queue.fetchable.unwrap_or(0) + timer.fetchable.unwrap_or(0),
        worker_queue: worker.fetchable.unwrap_or(0),
        timer_queue: Some(pending_timers),
    })
}

pub(super) async fn census(
    connection: &mut SqliteConnection,
    schema: &Schema,
    undecodable: &mut Undecodable,
    known: &mut KnownRunning,
    now_ms: i64,
) -> Result<(QueueCensus, Waiting), Failure> {
    let Orchestrator { queue: mut orchestrator, mut timer, mut waiting, running, .. } =
        orchestrator(connection, now_ms, Ids::Too, known).await?;
    let Waiting { ready, retrying, timers, delayed, .. } = &waiting;
    known.found([ready, retrying, timers, delayed].into_iter().flatten().map(|id| &**id), &running);
    waiting.executing = executing(connection, now_ms).await?;
    activities_of_instances(connection, schema, now_ms, &mut waiting).await?;
    let (mut worker, activities) = worker(connection, schema, now_ms).await?;
    let bad = undecodable.count(connection).await?;
    orchestrator.undecodable = bad.orchestrator;
    worker.undecodable = bad.worker;
    timer.undecodable = bad.timer;

    let (enqueued, dequeued) = throughput(connection, &orchestrator, &worker, &timer).await?;
    let detail = QueueDetail {
        ready_instances: ready_instances(connection, now_ms).await?,
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
    format!("MAX(COALESCE({}, 0), COALESCE({}, 0))", millis(created), millis(visible))
}

fn begins_with(column: &str, prefix: &str) -> String {
    // Compared as bytes: LIKE ignores case, and `_` and `%` mean something to it.
    format!("substr({column}, 1, {}) = '{prefix}'", prefix.len())
}

fn starts(column: &str) -> String {
    let [start, next] = START_PREFIXES.map(|prefix| begins_with(column, prefix));
    format!("({start} OR {next})")
}

/// The orchestrator table: its rows without and with timers.
struct Orchestrator {
    queue: QueueStats,
    timer: QueueStats,
    /// Timers that are not due, of executions that have not ended.
    pending_timers: u64,
    /// Whom the rows keep waiting.
    waiting: Waiting,
    /// See [`KnownRunning::found`].
    running: Vec<Vec<u8>>,
}

/// Whether it is to be told whose the rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ids {
    Too,
    Not,
}

async fn orchestrator(
    connection: &mut SqliteConnection,
    now_ms: i64,
    ids: Ids,
    known: &KnownRunning,
) -> Result<Orchestrator, Failure> {
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
           SELECT q.instance_id AS id, {timer} AS timer, {state} AS state, \
             {since} AS since, il.locked_until AS lease_end, q.attempt_count AS attempts, \
             NOT {known} AND i.instance_id IS NULL AND NOT {starts} AND q.instance_id NOT IN ( \
               SELECT s.instance_id FROM orchestrator_queue s \
               WHERE s.visible_at <= ?1 AND {batch_starts}) AS orphan, \
             CASE WHEN {timer} AND json_valid(q.work_item) THEN \
               CASE WHEN {known} THEN \
                 COALESCE((q.instance_id, {execution}) NOT IN (SELECT key, value FROM json_each(?2)), 0) \
               WHEN i.instance_id IS NOT NULL THEN \
                 COALESCE(e.status IN ('Completed', 'Failed', 'ContinuedAsNew'), 0) \
                 OR COALESCE({execution} <> i.current_execution_id, 0) \
               ELSE 0 END ELSE 0 END AS leftover, \
             i.current_execution_id AS execution, COALESCE(e.status = 'Running', 0) AS looked_up_running \
           FROM orchestrator_queue q \
           LEFT JOIN instance_locks il ON il.instance_id = q.instance_id \
           LEFT JOIN instances i ON i.instance_id = CASE WHEN NOT {known} THEN q.instance_id END \
           LEFT JOIN executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id) \
         SELECT state, COUNT(*), MIN(since), CAST(MIN(lease_end) AS INTEGER), \
                SUM(attempts > (state = {in_flight})), CAST(MAX(attempts) AS INTEGER), timer, SUM(orphan), SUM(leftover), \
                CAST({untried} AS BLOB), CAST({tried} AS BLOB), CAST({running} AS BLOB) FROM message \
         GROUP BY timer, state",
        timer = begins_with("q.work_item", TIMER_PREFIX),
        state = orchestrator_state(),
        in_flight = MessageState::InFlight.index(),
        since = since("q.created_at", "q.visible_at"),
        starts = starts("q.work_item"),
        batch_starts = starts("s.work_item"),
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
    for row in sqlx::query(&sql).bind(now_ms).bind(known.json()).fetch_all(&mut *connection).await? {
        let group = group(&row)?;
        let leftovers = unsigned(row.try_get(8)?);
        let is_timer: bool = row.try_get(6)?;
        let (untried, tried) = (text::ids(row.try_get(9)?), text::ids(row.try_get(10)?));
        orchestrator.running.extend(row.try_get::<Option<Vec<u8>>, _>(11)?);
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
        stats.orphans += unsigned(row.try_get(7)?);
        stats.leftovers += leftovers;
    }
    Ok(orchestrator)
}

/// The worker table, in all and by activity and tag.
async fn worker(
    connection: &mut SqliteConnection,
    schema: &Schema,
    now_ms: i64,
) -> Result<(QueueStats, Vec<ActivityBacklog>), Failure> {
    let sql = format!(
        "SELECT state, COUNT(*), MIN(since), CAST(MIN(lease_end) AS INTEGER), \
                SUM(attempts > (state = {in_flight})), CAST(MAX(attempts) AS INTEGER), activity, CAST(tag AS BLOB) \
         FROM ( \
           SELECT {state} AS state, {since} AS since, q.locked_until AS lease_end, q.attempt_count AS attempts, \
             {activity} AS activity, {tag} AS tag \
           FROM worker_queue q) \
         GROUP BY state, activity, tag",
        state = worker_state(schema),
        in_flight = MessageState::InFlight.index(),
        since = since("q.created_at", visible_at(schema)),
        activity = text::sql_json_prefix("q.work_item", "$.ActivityExecute.name"),
        tag = if schema.worker_tag { text::sql_prefix("q.tag") } else { "NULL".to_owned() },
    );
    let mut worker = group::empty();
    let mut activities: BTreeMap<(Arc<str>, Arc<str>), ActivityBacklog> = BTreeMap::new();
    // Row by row: there may be as many groups as there are messages.
    let mut rows = sqlx::query(&sql).bind(now_ms).fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        let group = group(&row)?;
        group.add_to(&mut worker);
        let activity: Option<Vec<u8>> = row.try_get(6)?;
        let tag: Option<Vec<u8>> = row.try_get(7)?;
        let activity = activity.map_or_else(|| "".into(), |name| text::json_name(&name));
        let tag = tag.map_or_else(|| "".into(), |name| text::name(&name));
        let backlog =
            activities.entry((activity, tag)).or_insert_with_key(|(activity, tag)| ActivityBacklog {
                activity: Arc::clone(activity),
                tag: Arc::clone(tag),
                messages: [0; 5],
                oldest_ready_since_ms: None,
            });
        if let Some(cell) = backlog.messages.get_mut(group.state.index()) {
            *cell += group.count;
        }
        backlog.oldest_ready_since_ms = group::earliest(backlog.oldest_ready_since_ms, group.waiting_since());
    }
    Ok((worker, activities.into_values().collect()))
}

/// One row of either statement: the rows of one state.
fn group(row: &SqliteRow) -> Result<Group, sqlx::Error> {
    Ok(Group {
        state: group::state_at(row.try_get(0)?),
        count: unsigned(row.try_get(1)?),
        since_ms: row.try_get(2)?,
        lease_end_ms: row.try_get(3)?,
        retrying: unsigned(row.try_get(4)?),
        max_attempts: unsigned(row.try_get(5)?),
    })
}

/// The instances of which a runtime takes a turn.
async fn executing(connection: &mut SqliteConnection, now_ms: i64) -> Result<Vec<Box<str>>, Failure> {
    let ids = sqlx::query_scalar(
        "SELECT CAST(json_group_array(instance_id) AS BLOB) FROM instance_locks WHERE locked_until > ?1",
    )
    .bind(now_ms)
    .fetch_one(&mut *connection)
    .await?;
    Ok(text::ids(ids))
}

/// The instances that have activities in the queue.
async fn activities_of_instances(
    connection: &mut SqliteConnection,
    schema: &Schema,
    now_ms: i64,
    waiting: &mut Waiting,
) -> Result<(), Failure> {
    let inside =
        "CASE WHEN json_valid(q.work_item) THEN json_extract(q.work_item, '$.ActivityExecute.instance') END";
    let id =
        if schema.worker_identity { format!("COALESCE(q.instance_id, {inside})") } else { inside.to_owned() };
    let visible = visible_at(schema);
    let sql = format!(
        "SELECT CAST(json_group_array(id) FILTER (WHERE NOT retrying) AS BLOB), \
                CAST(json_group_array(id) FILTER (WHERE retrying) AS BLOB) \
         FROM (SELECT {id} AS id, {visible} > ?1 AND q.attempt_count > 0 \
                 AND (q.lock_token IS NULL OR q.locked_until <= ?1) AS retrying FROM worker_queue q) \
         WHERE id IS NOT NULL"
    );
    let row = sqlx::query(&sql).bind(now_ms).fetch_one(&mut *connection).await?;
    waiting.activities = text::ids(row.try_get(0)?);
    waiting.retrying.extend(text::ids(row.try_get(1)?));
    Ok(())
}

async fn ready_instances(connection: &mut SqliteConnection, now_ms: i64) -> Result<u64, Failure> {
    let count: i64 = sqlx::query_scalar(
        "SELECT COUNT(DISTINCT q.instance_id) FROM orchestrator_queue q \
         LEFT JOIN instance_locks il ON il.instance_id = q.instance_id \
         WHERE q.visible_at <= ?1 AND (il.instance_id IS NULL OR il.locked_until <= ?1)",
    )
    .bind(now_ms)
    .fetch_one(&mut *connection)
    .await?;
    Ok(unsigned(count))
}

async fn leases(
    connection: &mut SqliteConnection,
    table: &'static str,
    now_ms: i64,
) -> Result<Leases, Failure> {
    let row = sqlx::query(&format!(
        "SELECT COUNT(*) FILTER (WHERE locked_until > ?1), COUNT(*) FILTER (WHERE locked_until <= ?1) FROM {table}"
    ))
    .bind(now_ms)
    .fetch_one(&mut *connection)
    .await?;
    Ok(Leases { active: unsigned(row.try_get(0)?), expired: unsigned(row.try_get(1)?) })
}

/// Rows ever inserted, from the tables' own sequences, and ever removed. Exact: a rolled back insert takes its
/// number back, and rows that came and went between two polls count.
async fn throughput(
    connection: &mut SqliteConnection,
    orchestrator: &QueueStats,
    worker: &QueueStats,
    timer: &QueueStats,
) -> Result<([Option<u64>; 3], [Option<u64>; 3]), Failure> {
    let mut enqueued = [None; 3];
    let mut dequeued = [None; 3];
    let rows = |stats: &QueueStats| stats.messages.iter().flatten().sum::<u64>();
    for (queue, table, rows) in [
        (Queue::Orchestrator, "orchestrator_queue", rows(orchestrator) + rows(timer)),
        (Queue::Worker, "worker_queue", rows(worker)),
    ] {
        let sequence: i64 =
            sqlx::query_scalar("SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = ?")
                .bind(table)
                .fetch_one(&mut *connection)
                .await?;
        let inserted = unsigned(sequence);
        if let (Some(enqueued), Some(dequeued)) =
            (enqueued.get_mut(queue.index()), dequeued.get_mut(queue.index()))
        {
            *enqueued = Some(inserted);
            *dequeued = Some(inserted.saturating_sub(rows));
        }
    }
    Ok((enqueued, dequeued))
}
