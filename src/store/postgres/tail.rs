//! The history as it grows, by the transactions that wrote it.
//!
//! Nothing in a history is numbered in the order of commits, and the times in it are those of workers' clocks, taken before
//! the commit. What orders it is the number of the transaction that wrote a row (`xmin`): below the oldest transaction that
//! still runs, everything has been decided. So a position is that horizon, and marks of the rows above it that were already
//! to be seen (a standby does not tell which transactions run; it tells the horizon). A row counts when its transaction is
//! at or above the horizon before, and it is not marked. No clock takes part.
//!
//! Which histories changed is told by `instances`, whose row every ack of a turn writes anew: one look at that table, then
//! the rows of those histories by their primary key. Where many changed, as after a time away, it goes on by instance in
//! steps, each a short transaction.
//!
//! What cannot be known: an instance, or an execution, that was written and deleted between two reads leaves no trace. Nor
//! does a server that was set back to an earlier moment and has since used as many transactions as before: what was written
//! from there on is not counted. A server that was set back and has not is noticed, and counting goes on by time.

mod position;
mod rows;

use std::collections::BTreeSet;

use sqlx::Row;

use super::reader::Snapshot;
use super::sql::{count, millis};
use crate::source::{Batch, Chunk, ExecutionKey, Position, Start, Take};
use crate::store::database::failure::Failure;
use crate::store::database::pieces::Pieces;
use position::{Cursor, Sweep};
use rows::Range;

/// A step ends after so many instances, events or bytes.
const STEP_INSTANCES: i64 = 5_000;
const STEP_EVENTS: u64 = 20_000;
const STEP_BYTES: usize = 8 << 20;

/// Instances whose events one statement reads.
const INSTANCES: usize = 250;

/// A position older than this is followed by instance, for many may have changed.
const FRESH_MS: i64 = 120_000;

/// What one look at `instances` tells.
#[derive(Debug, Clone, Default)]
pub(super) struct Look {
    pub(super) total: u64,
    /// When the newest of them was written, by the clock of the worker that did.
    pub(super) newest_ms: Option<i64>,
    /// Those that may have changed since the position, in the order of the database; `None` where that was not asked.
    changed: Option<Vec<String>>,
}

/// A step along the history, and the look at `instances` that a census needs as well.
pub(super) async fn step(snapshot: &mut Snapshot, start: &Start) -> Result<(Batch, Look), Failure> {
    let mut horizon = Horizon::read(snapshot).await?;
    let now_ms = snapshot.moment.clock_ms;
    let identity = snapshot.schema.identity.clone();
    let fresh = |from, sweep| Cursor {
        from,
        marks: BTreeSet::new(),
        sweep,
        read_ms: now_ms,
        identity: identity.clone(),
    };
    let (cursor, lost) = match start {
        Start::Now => {
            let position = fresh(Some(horizon.oldest), None);
            // What is above the horizon and to be seen is there already: it is not new.
            let look = look(snapshot, Some(horizon.age(horizon.oldest))).await?;
            return now(snapshot, position, &horizon, look).await;
        }
        Start::Beginning => (fresh(None, Some(Sweep::to(horizon.oldest))), None),
        Start::After(position) => {
            let cursor = Cursor::of(position)?;
            match cursor.trouble(&horizon, identity.as_deref(), snapshot.moment.replication.is_some()) {
                None => {
                    // A standby may be behind the server that was read before.
                    horizon.oldest = horizon.oldest.max(cursor.from.unwrap_or(0));
                    (cursor, None)
                }
                Some(why) => {
                    let since_ms = cursor.read_ms;
                    let sweep = Sweep { since_ms: Some(since_ms), ..Sweep::to(horizon.oldest) };
                    (fresh(None, Some(sweep)), Some(why))
                }
            }
        }
    };
    let cursor = match cursor {
        Cursor { sweep: None, read_ms, .. } if now_ms.saturating_sub(read_ms) > FRESH_MS => {
            Cursor { sweep: Some(Sweep::to(horizon.oldest)), ..cursor }
        }
        cursor => cursor,
    };
    let (mut batch, look) = match cursor.sweep.clone() {
        Some(sweep) => sweep_on(snapshot, cursor, sweep, &horizon).await?,
        None => follow(snapshot, cursor, &horizon).await?,
    };
    batch.lost = lost;
    Ok((batch, look))
}

/// One look at every instance: how many there are, and which may have changed.
/// `age`: of the first transaction whose changes are asked for.
pub(super) async fn look(snapshot: &mut Snapshot, age: Option<i64>) -> Result<Look, Failure> {
    let ids = match age {
        Some(age) => {
            format!("array_agg(instance_id ORDER BY instance_id) FILTER (WHERE {})", since("xmin", age))
        }
        None => "NULL::text[]".to_owned(),
    };
    let sql = format!("SELECT COUNT(*), {newest}, {ids} FROM instances", newest = millis("MAX(updated_at)"));
    let connection = snapshot.allow().await?;
    let row = sqlx::query(&sql).persistent(false).fetch_one(connection).await?;
    let ids: Option<Vec<String>> = row.try_get(2)?;
    Ok(Look {
        total: count(&row, 0)?,
        newest_ms: row.try_get(1)?,
        changed: age.map(|_| ids.unwrap_or_default()),
    })
}

/// Hands over the events of executions that were counted up to a position.
pub(super) async fn recall(
    snapshot: &mut Snapshot,
    executions: &[ExecutionKey],
    position: &Position,
    take: &mut Take<'_>,
) -> Result<(), Failure> {
    let cursor = Cursor::of(position)?;
    let horizon = Horizon::read(snapshot).await?;
    for some in executions.chunks(INSTANCES) {
        let mut pieces = Pieces::new(take);
        rows::of_executions(snapshot, some, &cursor, &horizon, &mut pieces).await?;
        pieces.finish();
    }
    Ok(())
}

/// The transactions of a snapshot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Horizon {
    /// All below have ended.
    oldest: u64,
    /// None at or above had begun.
    next: u64,
    /// What the database's age() says of it.
    age_of_next: i64,
}

impl Horizon {
    async fn read(snapshot: &mut Snapshot) -> Result<Self, Failure> {
        let row = sqlx::query(
            "SELECT txid_snapshot_xmin(s), txid_snapshot_xmax(s), \
                    age((txid_snapshot_xmax(s) & 4294967295)::text::xid)::int8 \
             FROM txid_current_snapshot() AS s",
        )
        .persistent(false)
        .fetch_one(snapshot.connection())
        .await?;
        Ok(Self { oldest: count(&row, 0)?, next: count(&row, 1)?, age_of_next: row.try_get(2)? })
    }

    /// What the database's age() says of a transaction in this snapshot. Rows hold the lower half of its number alone.
    fn age(&self, transaction: u64) -> i64 {
        let before_next = i64::try_from(i128::from(self.next) - i128::from(transaction)).unwrap_or(i64::MAX);
        self.age_of_next.saturating_add(before_next)
    }
}

/// SQL: that a row was written by a transaction of this age or a later one. Rows that were frozen long ago have any age;
/// below 0 are those that seem to be of the future.
fn since(xmin: &str, age: i64) -> String {
    // In this order: for most rows the first decides.
    format!("age({xmin}) <= {age} AND age({xmin}) >= 0")
}

/// SQL: that a row was written by an earlier transaction than that of this age.
fn before(xmin: &str, age: i64) -> String {
    format!("(age({xmin}) > {age} OR age({xmin}) < 0)")
}

/// Behind everything that is to be seen.
async fn now(
    snapshot: &mut Snapshot,
    mut cursor: Cursor,
    horizon: &Horizon,
    look: Look,
) -> Result<(Batch, Look), Failure> {
    let range = Range::From(horizon.age(horizon.oldest));
    let mut ignored = |_: &Chunk| {};
    for some in look.changed.as_deref().unwrap_or_default().chunks(INSTANCES) {
        let mut pieces = Pieces::new(&mut ignored);
        rows::of_instances(snapshot, some, range, horizon.oldest, &mut cursor, &mut pieces).await?;
    }
    let position = cursor.position();
    Ok((batch(Vec::new(), position.clone(), position, 0), look))
}

/// What changed since the last read.
async fn follow(
    snapshot: &mut Snapshot,
    mut cursor: Cursor,
    horizon: &Horizon,
) -> Result<(Batch, Look), Failure> {
    let began = cursor.position();
    let range = Range::From(horizon.age(cursor.from.unwrap_or(horizon.oldest)));
    let look = look(snapshot, Some(horizon.age(cursor.from.unwrap_or(horizon.oldest)))).await?;
    let changed = look.changed.clone().unwrap_or_default();
    let mut chunks = Vec::new();
    let mut collect = |chunk: &Chunk| chunks.push(chunk.clone());
    let mut pieces = Pieces::new(&mut collect);
    let (mut done, mut read) = (0, None);
    for some in changed.chunks(INSTANCES) {
        rows::of_instances(snapshot, some, range, horizon.oldest, &mut cursor, &mut pieces).await?;
        done += some.len();
        read = some.last().cloned();
        if pieces.events >= STEP_EVENTS || pieces.bytes >= STEP_BYTES {
            break;
        }
    }
    pieces.finish();
    let left = (changed.len() - done) as u64;
    if left > 0 {
        // The rest in steps; what is above the horizon waits until these are over.
        cursor.sweep = Some(Sweep { after: read, ..Sweep::to(horizon.oldest) });
    } else {
        cursor.settle(horizon.oldest);
    }
    cursor.read_ms = snapshot.moment.clock_ms;
    Ok((batch(chunks, began, cursor.position(), left), look))
}

/// One step by instance.
async fn sweep_on(
    snapshot: &mut Snapshot,
    mut cursor: Cursor,
    mut sweep: Sweep,
    horizon: &Horizon,
) -> Result<(Batch, Look), Failure> {
    let began = cursor.position();
    let look = look(snapshot, None).await?;
    let (instances, more) = rows::next_instances(snapshot, &cursor, &sweep, horizon, STEP_INSTANCES).await?;
    let range = Range::Between {
        from: cursor.from.map(|from| horizon.age(from)),
        to: horizon.age(sweep.to),
        since_ms: sweep.since_ms,
    };
    let mut chunks = Vec::new();
    let mut collect = |chunk: &Chunk| chunks.push(chunk.clone());
    let mut pieces = Pieces::new(&mut collect);
    let mut done = 0;
    for some in instances.chunks(INSTANCES) {
        rows::of_instances(snapshot, some, range, sweep.to, &mut cursor, &mut pieces).await?;
        done += some.len();
        sweep.after = some.last().cloned();
        if pieces.events >= STEP_EVENTS || pieces.bytes >= STEP_BYTES {
            break;
        }
    }
    let events = pieces.events;
    pieces.finish();
    let left = (instances.len() - done) as u64;
    // What came while it was under way is read next.
    let mut backlog = 1;
    if left > 0 || more {
        sweep.instances += done as u64;
        sweep.events += events;
        // As many as these instances had, each.
        let unread = look.total.saturating_sub(sweep.instances).max(left).max(1);
        backlog = unread.saturating_mul(sweep.events.max(1) / sweep.instances.max(1)).max(1);
        cursor.sweep = Some(sweep);
    } else {
        cursor.settle(sweep.to);
    }
    cursor.read_ms = snapshot.moment.clock_ms;
    Ok((batch(chunks, began, cursor.position(), backlog), look))
}

fn batch(chunks: Vec<Chunk>, began: Position, position: Position, backlog: u64) -> Batch {
    Batch { chunks, began, position, backlog, missed: 0, rewound: false, lost: None }
}
