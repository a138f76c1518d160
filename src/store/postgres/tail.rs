//! The history as it grows, by the transactions that wrote it.
//!
//! Nothing in a history is numbered in the order of commits, and the times in it are those of workers' clocks, taken before
//! the commit. What orders it is the number of the transaction that wrote a row (`xmin`): below the oldest transaction that
//! still runs, everything has been decided. So a position is that horizon, and marks of what above it was already to be
//! seen (a standby does not tell which transactions run; it tells the horizon). A row counts when its transaction is at or
//! above the horizon before, and it is not marked. No clock takes part.
//!
//! Which histories changed is told by `instances`, whose row every ack of a turn writes anew: one look at that table, then
//! the rows of those histories by their primary key. Where many changed, as after a time away, it goes on by instance in
//! steps, each a short transaction. When no transaction has written anything since, there is nothing to look at.
//!
//! Everything visible of a transaction becomes visible at once. So a read that went to its end marks whole transactions,
//! not rows, and an instance whose row is of such a transaction has nothing new: while a transaction runs for hours and
//! holds the horizon back, marks are one a turn and looks stay cheap. On a primary one of another database holds nothing
//! back, for it has no part in this store. `marks` says where memory ends; what is beyond waits and is told as backlog.
//!
//! Two things are taken from how the framework writes. The turns of an instance follow each other under its lock, so that
//! later events are those of later transactions: of long histories only the end is looked at, and a sweep that stops at a
//! horizon leaves no gap. And a row that was written a whole round of 2³² transactions ago has a number that comes again:
//! on servers that are through one round, a row also has to be younger than a day before the last read.
//!
//! A third is that nothing of a history is ever written again. Where somebody does (a migration that rewrites the table, an
//! UPDATE, a dump that is loaded) it shows: see `writers`. Of what such a transaction wrote, that counts which is from after
//! the last read, by the clocks of the workers.
//!
//! What cannot be known: an instance, or an execution, that was written and deleted between two reads leaves no trace; so
//! nothing is ever told as missed. Nor does a server that was set back to an earlier moment and has since used as many
//! transactions as before (a failover to a standby that was behind is the same): what was written from there on up to the
//! old number is not counted. A server that was set back and has not, tables that were made anew, and another store are
//! noticed, and counting goes on by time, by the clocks of the workers, until transactions are beyond all that were counted: so
//! nothing counts again on a server that returns to where it was, but rows from around that moment may count twice or never. A single turn that is written anew by itself counts twice.

mod horizon;
mod marks;
mod position;
mod recall;
mod rows;
mod writers;

use sqlx::Row;

use super::instances;
use super::reader::Snapshot;
use super::sql::{Text, millis};
use crate::source::{Batch, Chunk, ExecutionKey, Position, Start, Take};
use crate::store::database::failure::StoreError;
use crate::store::database::pieces::Pieces;
use horizon::{Horizon, Origin};
use marks::Marks;
use position::{Cursor, Resumed, Sweep, SweepKey};
use rows::{Range, Step};

/// A step ends after so many instances.
const STEP_INSTANCES: i64 = 5_000;

/// More changed instances than these are not listed at once.
const LISTED: i64 = 100_000;

/// Executions that one statement recalls.
const RECALLED: usize = 250;

/// The instances that were written since some transaction.
#[derive(Debug, Clone, Default)]
struct Changed {
    /// In the order of the database.
    ids: Vec<String>,
    /// Which transactions wrote them last.
    transactions: Vec<u64>,
    newest_ms: Option<i64>,
}

/// A step along the history; and when the newest of the instances that changed was written, by the clock of the worker that
/// did.
pub(super) async fn step(snapshot: &mut Snapshot, start: &Start) -> Result<(Batch, Option<i64>), StoreError> {
    let mut horizon = Horizon::read(snapshot).await?;
    let now_ms = snapshot.moment.now_ms;
    let identity = snapshot.schema.identity.clone();
    let origin = Origin::read(snapshot).await?;
    let standby = snapshot.moment.replication.is_some();
    let fresh = |from, sweep| Cursor {
        from,
        marks: Marks::default(),
        resumed: None,
        sweep,
        read_ms: now_ms,
        complete_ms: None,
        identity: identity.clone(),
        origin: origin.clone(),
    };
    let (cursor, lost) = match start {
        Start::Now { since_ms } if !snapshot.made_since(*since_ms) => {
            let cursor = Cursor { complete_ms: Some(now_ms), ..fresh(Some(horizon.oldest), None) };
            return now(snapshot, cursor, &horizon).await;
        }
        Start::Now { .. } | Start::Beginning => {
            let total = instances::total(snapshot).await?;
            (fresh(None, Some(Sweep::to(horizon.oldest, now_ms, total))), None)
        }
        Start::After(position) => {
            let cursor = Cursor::of(position)?;
            match cursor.trouble(&horizon, identity.as_deref(), &origin, standby) {
                None => {
                    // What was decided once is. A standby may be behind the server that was read before; and of a
                    // transaction that has just ended is not known any more that it was of another database.
                    horizon.oldest = horizon.oldest.max(cursor.from.unwrap_or(0));
                    (cursor, None)
                }
                Some(why) => {
                    let total = instances::total(snapshot).await?;
                    let sweep = Sweep::to(horizon.oldest, now_ms, total);
                    let resumed =
                        Some(Resumed { since_ms: cursor.read_ms, until: cursor.until().max(horizon.next) });
                    (Cursor { resumed, ..fresh(None, Some(sweep)) }, Some(why))
                }
            }
        }
    };
    let (mut batch, newest_ms) = match cursor.sweep.clone() {
        Some(sweep) => (sweep_on(snapshot, cursor, sweep, &horizon).await?, None),
        None => follow(snapshot, cursor, &horizon).await?,
    };
    batch.lost = lost;
    Ok((batch, newest_ms))
}

/// Hands over the events of executions that were counted up to a position.
pub(super) async fn recall(
    snapshot: &mut Snapshot,
    executions: &[ExecutionKey],
    position: &Position,
    take: &mut Take<'_>,
) -> Result<(), StoreError> {
    let cursor = Cursor::of(position)?;
    let horizon = Horizon::read(snapshot).await?;
    for some in executions.chunks(RECALLED) {
        let mut pieces = Pieces::new(take);
        recall::of_executions(snapshot, some, &cursor, &horizon, &mut pieces).await?;
        pieces.finish();
    }
    Ok(())
}

/// One look at every instance. What only one scan's condition needs costs half of what counting them as well would.
async fn changed(
    snapshot: &mut Snapshot,
    from: u64,
    cursor: &Cursor,
    horizon: &Horizon,
    limit: i64,
) -> Result<Changed, StoreError> {
    let schema = &snapshot.schema;
    let sql = format!(
        "SELECT array_agg(id ORDER BY id), array_agg(age ORDER BY id), {newest} FROM ( \
           SELECT i.instance_id AS id, age(i.xmin)::int8 AS age, i.updated_at FROM {schema}.instances i WHERE {new} LIMIT {limit}) AS i",
        newest = millis("MAX(updated_at)"),
        new = horizon.since("i", "updated_at", from, cursor.read_ms),
    );
    let connection = snapshot.allow().await?;
    let row = sqlx::query(&sql).fetch_one(connection).await?;
    let (ids, ages): (Option<Vec<Text>>, Option<Vec<i64>>) = (row.try_get(0)?, row.try_get(1)?);
    Ok(Changed {
        ids: ids.unwrap_or_default().into_iter().map(|Text(id)| id).collect(),
        transactions: ages.unwrap_or_default().into_iter().map(|age| horizon.transaction(age)).collect(),
        newest_ms: row.try_get(2)?,
    })
}

/// Behind everything that is to be seen: what is above the horizon is there already, so it is not new.
async fn now(
    snapshot: &mut Snapshot,
    mut cursor: Cursor,
    horizon: &Horizon,
) -> Result<(Batch, Option<i64>), StoreError> {
    if horizon.oldest < horizon.next {
        let changed = changed(snapshot, horizon.oldest, &cursor, horizon, i64::MAX).await?;
        let written = rows::transactions(snapshot, &changed.ids, horizon, cursor.read_ms).await?;
        cursor.marks.add_whole(changed.transactions.into_iter().chain(written));
    }
    let position = cursor.position();
    Ok((batch(Vec::new(), position.clone(), position, 0), None))
}

/// What changed since the last read.
async fn follow(
    snapshot: &mut Snapshot,
    mut cursor: Cursor,
    horizon: &Horizon,
) -> Result<(Batch, Option<i64>), StoreError> {
    let began = cursor.position();
    let now_ms = snapshot.moment.now_ms;
    let from = cursor.from.unwrap_or(horizon.oldest);
    if from >= horizon.next {
        // Whoever writes from now on is at or above it.
        (cursor.read_ms, cursor.complete_ms) = (now_ms, Some(now_ms));
        return Ok((batch(Vec::new(), began, cursor.position(), 0), None));
    }
    // Where the horizon does not move, a sweep up to it would lead nowhere.
    let sweepable = horizon.oldest > from;
    let limit = if sweepable { LISTED + 1 } else { i64::MAX };
    let Changed { ids, transactions, newest_ms } = changed(snapshot, from, &cursor, horizon, limit).await?;
    if sweepable && i64::try_from(ids.len()).unwrap_or(i64::MAX) > LISTED {
        let total = instances::total(snapshot).await?;
        let sweep = Sweep::to(horizon.oldest, now_ms, total);
        return Ok((sweep_on(snapshot, cursor, sweep, horizon).await?, newest_ms));
    }
    let new = ids.into_iter().zip(&transactions).filter(|(_, written)| !cursor.marks.is_whole(**written));
    let new: Vec<String> = new.map(|(id, _)| id).collect();
    let mut chunks = Vec::new();
    let mut collect = |chunk: &Chunk| chunks.push(chunk.clone());
    let mut step = Step::new(Pieces::new(&mut collect));
    let (done, event) = step.read(snapshot, &new, None, Range::From(from), horizon, &mut cursor).await?;
    let (waiting, rewritten) = (step.left, step.rewritten);
    step.pieces.finish();
    let left = (new.len() - done) as u64;
    if left == 0 {
        if waiting == 0 {
            cursor.marks.complete();
            cursor.marks.add_whole(transactions.into_iter());
            cursor.complete_ms = Some(now_ms);
        }
        cursor.settle(horizon.oldest, now_ms);
    } else if sweepable {
        // The rest in steps; what is above the horizon waits until these are over.
        let place = match event {
            Some(_) => new.get(done),
            None => done.checked_sub(1).and_then(|last| new.get(last)),
        };
        let after = place.map(|instance| SweepKey { instance: instance.clone(), event });
        cursor.sweep = Some(Sweep { after, sparse: true, ..Sweep::to(horizon.oldest, now_ms, left) });
    }
    let batch = batch(chunks, began, cursor.position(), left + waiting);
    Ok((Batch { rewritten, ..batch }, newest_ms))
}

/// One step by instance.
async fn sweep_on(
    snapshot: &mut Snapshot,
    mut cursor: Cursor,
    mut sweep: Sweep,
    horizon: &Horizon,
) -> Result<Batch, StoreError> {
    let began = cursor.position();
    if horizon.oldest < sweep.to {
        // A standby that is behind the server where this began: not everything is to be seen.
        return Ok(batch(Vec::new(), began.clone(), began, sweep.backlog()));
    }
    let (instances, after, more) =
        rows::next_instances(snapshot, &cursor, &sweep, horizon, STEP_INSTANCES).await?;
    let mut chunks = Vec::new();
    let mut collect = |chunk: &Chunk| chunks.push(chunk.clone());
    let mut step = Step::new(Pieces::new(&mut collect));
    let range = Range::Sweep { from: cursor.from, to: sweep.to };
    let (done, event) = step.read(snapshot, &instances, after, range, horizon, &mut cursor).await?;
    sweep.instances += done as u64;
    sweep.events += step.pieces.events;
    let rewritten = step.rewritten;
    step.pieces.finish();
    let place = match event {
        Some(_) => instances.get(done),
        None => done.checked_sub(1).and_then(|last| instances.get(last)),
    };
    if let Some(instance) = place {
        sweep.after = Some(SweepKey { instance: instance.clone(), event });
    }
    // What came while it was under way is read next.
    let mut backlog = 1;
    if done < instances.len() || more {
        backlog = sweep.backlog();
        cursor.sweep = Some(sweep);
    } else {
        cursor.settle(sweep.to, sweep.began_ms);
    }
    Ok(Batch { rewritten, ..batch(chunks, began, cursor.position(), backlog) })
}

fn batch(chunks: Vec<Chunk>, began: Position, position: Position, backlog: u64) -> Batch {
    Batch { chunks, began, position, backlog, missed: 0, rewritten: 0, rewound: false, lost: None }
}
