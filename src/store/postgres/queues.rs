//! The queue census: every row of the queue tables, once, in one state.
//!
//! The states are those of DESIGN: what the provider hands out is exactly ready + lease_expired. Both providers lease an
//! instance by `instance_locks` and its rows by their own token; they hand out a row when its instance is not locked, it
//! is visible, and it has no token or one whose time is over.

mod rows;

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::items::{self, QueueItems};
use super::reader::Snapshot;
use super::schema::{SEQUENCES, Schema};
use super::sql::{Text, count, moment, name_prefix, orchestrator_state, text, worker_state};
use crate::labels::name::shorten;
use crate::labels::{MessageState, Queue};
use crate::management::QueueDepths;
use crate::source::{Leases, QueueCensus, QueueDetail, QueueStats, Waiting};
use crate::store::database::backlog::{self, Worker};
use crate::store::database::failure::StoreError;
use crate::store::database::group::{self, unsigned};
use crate::store::database::items::{Item, Items, START_PREFIXES, TIMER_PREFIX};
use rows::Rows;

/// How far the queue tables' sequences had come, by [`Queue::index`].
pub(super) type Sequences = [Option<i64>; 3];

/// A census and what the next one needs of it.
pub(super) struct Counted {
    pub(super) census: QueueCensus,
    pub(super) waiting: Waiting,
    pub(super) sequences: Sequences,
}

/// `before`: of the census before, if there was one.
pub(super) async fn census(
    snapshot: &mut Snapshot,
    items: &mut QueueItems,
    before: &Sequences,
) -> Result<Counted, StoreError> {
    let schema = snapshot.schema.clone();
    // For the census after this one.
    let sequences = sequences(snapshot, &schema).await?;
    let orchestrator = orchestrator(snapshot, &mut items.orchestrator, Decoded::All).await?;
    let (worker, worker_ids) = worker(snapshot, &schema, &mut items.worker).await?;
    let mut waiting = orchestrator.waiting;
    waiting.executing = executing(snapshot).await?;
    waiting.activities = worker.waiting;
    waiting.retrying.extend(worker.retrying);
    let detail = QueueDetail {
        ready_instances: ready_instances(snapshot).await?,
        enqueued: sequences.map(|last| last.map(unsigned)),
        dequeued: [
            dequeued(before, &sequences, Queue::Orchestrator, &orchestrator.ids),
            dequeued(before, &sequences, Queue::Worker, &worker_ids),
            None,
        ],
        activities: worker.activities,
        locks: leases(snapshot, "instance_locks").await?,
        sessions: Some(leases(snapshot, "sessions").await?),
    };
    let queues = [orchestrator.queue, worker.queue, orchestrator.timer];
    Ok(Counted { census: QueueCensus { queues, detail: Some(detail) }, waiting, sequences })
}

/// Rows that were there and are gone, of those that had been enqueued by the census before.
///
/// A sequence is ahead of what its transactions have committed: by the numbers of now, what is being enqueued would be
/// gone. By those of the census before, it is there by now, or rolled back. So the total never falls.
fn dequeued(before: &Sequences, now: &Sequences, queue: Queue, ids: &[i64]) -> Option<u64> {
    let [last, newest] = [before, now].map(|last| last.get(queue.index()).copied().flatten());
    // One that went back is that of another store.
    let last = last.filter(|last| newest.is_some_and(|newest| *last <= newest))?;
    let left = ids.iter().filter(|id| **id <= last).count();
    Some(unsigned(last).saturating_sub(left as u64))
}

/// `None` where they tell nothing: on a standby they are ahead by as many as a crash may cost, and a role may not be
/// allowed to look.
async fn sequences(snapshot: &mut Snapshot, schema: &Schema) -> Result<Sequences, StoreError> {
    let mut last = [None; 3];
    if snapshot.moment.replication.is_some() || !schema.sequences {
        return Ok(last);
    }
    // They are read outside of the snapshot, as they are now.
    for (queue, sequence) in [Queue::Orchestrator, Queue::Worker].into_iter().zip(SEQUENCES) {
        let sql = format!("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {schema}.{sequence}");
        let value = sqlx::query_scalar(&sql).fetch_one(snapshot.transaction()).await?;
        if let Some(last) = last.get_mut(queue.index()) {
            *last = Some(value);
        }
    }
    Ok(last)
}

/// Queue depths for the `ManagementAPI`.
pub(super) async fn depths(snapshot: &mut Snapshot) -> Result<QueueDepths, StoreError> {
    let schema = snapshot.schema.clone();
    // Of timers alone it matters which execution they are of.
    let Orchestrator { queue, timer, pending_timers, .. } =
        orchestrator(snapshot, &mut Items::default(), Decoded::Timers).await?;
    let mut worker = group::empty();
    for rows in worker_rows(snapshot, &schema).await? {
        rows.group.add_to(&mut worker);
    }
    Ok(QueueDepths {
        orchestrator_queue: queue.fetchable.unwrap_or(0) + timer.fetchable.unwrap_or(0),
        worker_queue: worker.fetchable.unwrap_or(0),
        timer_queue: Some(pending_timers),
    })
}

/// Which rows of the orchestrator table are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decoded {
    All,
    Timers,
}

/// When a row became visible: it waits since the later of its creation and its visibility. Somebody may have put it off
/// to infinity, which is no number of milliseconds.
fn since() -> &'static str {
    "GREATEST(LEAST(GREATEST(q.created_at, q.visible_at), '9999-12-31'::timestamptz), '0001-01-01'::timestamptz)"
}

fn begins_with(column: &str, prefix: &str) -> String {
    // Only the beginning is taken out of where large values are kept.
    format!("left({column}, {}) = '{prefix}'", prefix.len())
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
    ids: Vec<i64>,
    /// Instances that wait for these rows; none for activities.
    waiting: Waiting,
}

async fn orchestrator(
    snapshot: &mut Snapshot,
    items: &mut Items,
    decoded: Decoded,
) -> Result<Orchestrator, StoreError> {
    let schema = &snapshot.schema;
    let sql = format!(
        "SELECT {columns}, timer, SUM(orphan::int)::int8, ended, execution, array_agg(instance_id), array_agg(attempts > 0) \
         FROM ( \
           SELECT q.id, q.instance_id, {timer} AS timer, \
             {state} AS state, \
             {since} AS since, q.locked_until AS lease_end, q.attempt_count AS attempts, \
             i.instance_id IS NULL AND NOT {starts} AND started.instance_id IS NULL AS orphan, \
             COALESCE(e.status IN ('Completed', 'Failed', 'ContinuedAsNew'), false) AS ended, \
             CASE WHEN {timer} THEN i.current_execution_id END AS execution \
           FROM {schema}.orchestrator_queue q \
           LEFT JOIN {schema}.instance_locks il ON il.instance_id = q.instance_id \
           LEFT JOIN {schema}.instances i ON i.instance_id = q.instance_id \
           LEFT JOIN {schema}.executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id \
           LEFT JOIN (SELECT DISTINCT s.instance_id FROM {schema}.orchestrator_queue s \
                      WHERE s.visible_at <= {now} AND {batch_starts}) AS started ON started.instance_id = q.instance_id) AS q \
         GROUP BY state, timer, ended, execution",
        columns = Rows::columns(),
        since = since(),
        timer = begins_with("q.work_item", TIMER_PREFIX),
        now = moment(1),
        state = orchestrator_state(),
        starts = starts("q.work_item"),
        batch_starts = starts("s.work_item"),
    );
    let now_ms = snapshot.moment.now_ms;
    let connection = snapshot.allow().await?;
    let rows = sqlx::query(&sql).bind(now_ms).fetch_all(connection).await?;
    let groups = rows.iter().map(Rows::read).collect::<Result<Vec<_>, _>>()?;
    let timers = rows.iter().map(|row| row.try_get(Rows::COLUMNS)).collect::<Result<Vec<bool>, _>>()?;
    let wanted = groups.iter().zip(&timers).filter(|(_, timer)| decoded == Decoded::All || **timer);
    let ids: Vec<i64> = wanted.flat_map(|(rows, _)| rows.ids.iter().copied()).collect();
    items::update(items, snapshot, "orchestrator_queue", &ids).await?;

    let mut orchestrator = Orchestrator {
        queue: group::empty(),
        timer: group::empty(),
        pending_timers: 0,
        ids,
        waiting: Waiting::default(),
    };
    for ((row, Rows { group, ids, .. }), timer) in rows.iter().zip(&groups).zip(timers) {
        let orphans = count(row, Rows::COLUMNS + 1)?;
        let (ended, execution): (bool, Option<i64>) =
            (row.try_get(Rows::COLUMNS + 2)?, row.try_get(Rows::COLUMNS + 3)?);
        let of_another = |id: &&i64| match (items.get(**id), execution) {
            (Item::Timer(of), Some(current)) => ended || *of != current,
            _ => false,
        };
        let leftovers = ids.iter().filter(of_another).count() as u64;
        let bad = ids.iter().filter(|id| matches!(items.get(**id), Item::Bad(_))).count();
        // All lists are made in one pass over the rows, hence in the same order.
        let instances: Vec<Text> = row.try_get(Rows::COLUMNS + 4)?;
        let tried: Vec<bool> = row.try_get(Rows::COLUMNS + 5)?;
        for ((id, Text(instance)), tried) in ids.iter().zip(instances).zip(tried) {
            if of_another(&id) {
                continue;
            }
            let waiting = &mut orchestrator.waiting;
            let list = match (group.state, tried, timer) {
                (MessageState::Delayed, true, _) => &mut waiting.retrying,
                (MessageState::Delayed, false, true) => &mut waiting.timers,
                (MessageState::Delayed, false, false) => &mut waiting.delayed,
                _ => &mut waiting.ready,
            };
            list.push(instance.into_boxed_str());
        }
        let stats = if timer {
            if group.state == MessageState::Delayed {
                orchestrator.pending_timers += group.count.saturating_sub(leftovers);
            }
            &mut orchestrator.timer
        } else {
            &mut orchestrator.queue
        };
        group.add_to(stats);
        stats.orphans += orphans;
        stats.leftovers += leftovers;
        stats.undecodable += bad as u64;
    }
    Ok(orchestrator)
}

async fn worker(
    snapshot: &mut Snapshot,
    schema: &Schema,
    items: &mut Items,
) -> Result<(Worker, Vec<i64>), StoreError> {
    let rows = worker_rows(snapshot, schema).await?;
    let ids: Vec<i64> = rows.iter().flat_map(|rows| rows.ids.iter().copied()).collect();
    items::update(items, snapshot, "worker_queue", &ids).await?;
    Ok((Worker::of(&rows, items), ids))
}

/// The rows of the worker table by tag, by whether they were tried before, and by state.
async fn worker_rows(snapshot: &mut Snapshot, schema: &Schema) -> Result<Vec<backlog::Rows>, StoreError> {
    let sql = format!(
        "SELECT {columns}, tag, attempts > 0 \
         FROM ( \
           SELECT q.id, {state} AS state, \
             {since} AS since, q.locked_until AS lease_end, q.attempt_count AS attempts, \
             {tag} AS tag \
           FROM {schema}.worker_queue q) AS q \
         GROUP BY state, tag, attempts > 0",
        columns = Rows::columns(),
        since = since(),
        state = worker_state(),
        tag = if schema.worker_tag { name_prefix("q.tag") } else { "NULL::text".to_owned() },
    );
    let now_ms = snapshot.moment.now_ms;
    let connection = snapshot.allow().await?;
    let rows = sqlx::query(&sql).bind(now_ms).fetch_all(connection).await?;
    let read = |row: &PgRow| {
        let tag = shorten(&text(row, Rows::COLUMNS)?.unwrap_or_default());
        let Rows { group, ids, since_ms } = Rows::read(row)?;
        // Only the item tells on every schema whose it is.
        let instances = Vec::new();
        Ok(backlog::Rows { tag, tried: row.try_get(Rows::COLUMNS + 1)?, group, ids, since_ms, instances })
    };
    Ok(rows.iter().map(read).collect::<Result<_, sqlx::Error>>()?)
}

/// The instances of which a runtime takes a turn.
async fn executing(snapshot: &mut Snapshot) -> Result<Vec<Box<str>>, StoreError> {
    let now_ms = snapshot.moment.now_ms;
    let sql = format!("SELECT instance_id FROM {}.instance_locks WHERE locked_until > $1", snapshot.schema);
    let ids: Vec<Text> = sqlx::query_scalar(&sql).bind(now_ms).fetch_all(snapshot.transaction()).await?;
    Ok(ids.into_iter().map(|Text(id)| id.into_boxed_str()).collect())
}

async fn ready_instances(snapshot: &mut Snapshot) -> Result<u64, StoreError> {
    let now_ms = snapshot.moment.now_ms;
    let schema = &snapshot.schema;
    let sql = format!(
        "SELECT COUNT(DISTINCT q.instance_id) FROM {schema}.orchestrator_queue q \
         LEFT JOIN {schema}.instance_locks il ON il.instance_id = q.instance_id AND il.locked_until > $1 \
         WHERE q.visible_at <= {now} AND il.instance_id IS NULL AND (q.lock_token IS NULL OR q.locked_until <= $1)",
        now = moment(1),
    );
    let connection = snapshot.allow().await?;
    let row = sqlx::query(&sql).bind(now_ms).fetch_one(connection).await?;
    Ok(count(&row, 0)?)
}

async fn leases(snapshot: &mut Snapshot, table: &'static str) -> Result<Leases, StoreError> {
    let now_ms = snapshot.moment.now_ms;
    let schema = &snapshot.schema;
    let sql = format!(
        "SELECT COUNT(*) FILTER (WHERE locked_until > $1), COUNT(*) FILTER (WHERE locked_until <= $1) FROM {schema}.{table}"
    );
    let row = sqlx::query(&sql).bind(now_ms).fetch_one(snapshot.transaction()).await?;
    Ok(Leases { active: count(&row, 0)?, expired: count(&row, 1)? })
}

/// The newest moment that a worker wrote into the tables of leases, by its own clock.
pub(super) async fn newest_lease(snapshot: &mut Snapshot) -> Result<Option<i64>, StoreError> {
    let schema = &snapshot.schema;
    let sql = format!(
        "SELECT GREATEST((SELECT MAX(locked_at) FROM {schema}.instance_locks), (SELECT MAX(last_activity_at) FROM {schema}.sessions))"
    );
    Ok(sqlx::query_scalar(&sql).fetch_one(snapshot.transaction()).await?)
}

/// Bytes of each of the store's tables, its indexes included.
pub(super) async fn sizes(
    snapshot: &mut Snapshot,
    schema: &Schema,
) -> Result<Vec<(&'static str, u64)>, StoreError> {
    const TABLES: [&str; 9] = [
        "executions",
        "history",
        "instance_locks",
        "instances",
        "kv_delta",
        "kv_store",
        "orchestrator_queue",
        "sessions",
        "worker_queue",
    ];
    let rows = sqlx::query(
        "SELECT c.relname::text, pg_total_relation_size(c.oid)::int8 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = $1 AND c.relkind = 'r' AND c.relname = ANY($2)",
    )
    .bind(&schema.name)
    .bind(TABLES.as_slice())
    .fetch_all(snapshot.transaction())
    .await?;
    let mut sizes = Vec::with_capacity(rows.len());
    for row in rows {
        let name: String = row.try_get(0)?;
        if let Some(table) = TABLES.into_iter().find(|table| *table == name) {
            sizes.push((table, count(&row, 1)?));
        }
    }
    sizes.sort_unstable();
    Ok(sizes)
}
