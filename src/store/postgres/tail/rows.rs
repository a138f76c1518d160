//! Rows of `history`, and whether they count.

use futures_util::TryStreamExt;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::super::reader::Snapshot;
use super::position::{Cursor, Sweep};
use super::{Horizon, before, since};
use crate::source::ExecutionKey;
use crate::store::database::failure::Failure;
use crate::store::database::fingerprint::fingerprint;
use crate::store::database::pieces::Pieces;

/// Events above this are counted, but not looked at.
const TOO_LONG: usize = 16 << 20;

/// Which rows are new.
#[derive(Debug, Clone, Copy)]
pub(super) enum Range {
    /// Of the transaction of this age and all later ones.
    From(i64),
    /// Of transactions from that of one age (or the first of all) to before that of another.
    Between {
        from: Option<i64>,
        to: i64,
        /// Only what was written after this moment.
        since_ms: Option<i64>,
    },
}

impl Range {
    fn condition(self) -> String {
        match self {
            Self::From(from) => since("h.xmin", from),
            Self::Between { from, to, since_ms } => {
                let mut condition = before("h.xmin", to);
                if let Some(from) = from {
                    condition += &format!(" AND {}", since("h.xmin", from));
                }
                if let Some(since_ms) = since_ms {
                    condition += &format!(" AND h.created_at > {}", literal(since_ms));
                }
                condition
            }
        }
    }
}

/// SQL for a moment.
fn literal(ms: i64) -> String {
    format!("to_timestamp({ms}::int8 / 1000.0)")
}

/// What every statement reads of a row `h`, whose transaction has the number `x`.
fn columns() -> String {
    format!(
        "h.instance_id, h.execution_id, h.event_id, h.x::text::int8, \
         CASE WHEN octet_length(h.event_data) <= {TOO_LONG} THEN h.event_data END"
    )
}

/// A row, and what tells it from every other.
struct Event<'a> {
    /// The lower half of the number of its transaction.
    transaction: u32,
    mark: u64,
    text: Option<&'a str>,
}

impl<'a> Event<'a> {
    fn read(row: &'a PgRow) -> Result<Self, sqlx::Error> {
        let (instance, execution, event): (&str, i64, i64) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let transaction = u32::try_from(row.try_get::<i64, _>(3)?).unwrap_or(0);
        // What differs most comes first, for only the beginning is looked at.
        let mark = fingerprint(format!("{execution} {event} {transaction} {instance}").as_bytes());
        Ok(Self { transaction, mark, text: row.try_get(4)? })
    }

    /// The whole number of its transaction, which is not far from another.
    fn near(&self, other: u64) -> u64 {
        let ahead = self.transaction.wrapping_sub(u32::try_from(other & 0xffff_ffff).unwrap_or(0));
        // As two's complement: what is behind is negative.
        other.wrapping_add_signed(i64::from(ahead.cast_signed()))
    }
}

/// Hands over the rows of some instances that are in the range and were not counted; those at or above `horizon` are marked.
pub(super) async fn of_instances(
    snapshot: &mut Snapshot,
    instances: &[String],
    range: Range,
    horizon: u64,
    cursor: &mut Cursor,
    pieces: &mut Pieces<'_, '_>,
) -> Result<(), Failure> {
    // Behind OFFSET 0 the condition cannot lead the database away from the primary key.
    let sql = format!(
        "SELECT {columns} FROM unnest($1::text[]) WITH ORDINALITY AS c(id, n) \
         CROSS JOIN LATERAL (SELECT h.*, h.xmin AS x FROM history h WHERE h.instance_id = c.id AND {condition} OFFSET 0) AS h \
         ORDER BY c.n, h.execution_id, h.event_id",
        columns = columns(),
        condition = range.condition(),
    );
    let connection = snapshot.allow().await?;
    let mut rows = sqlx::query(&sql).persistent(false).bind(instances).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let event = Event::read(&row)?;
        let transaction = event.near(horizon);
        if cursor.is_marked(transaction, event.mark) {
            continue;
        }
        if transaction < horizon || cursor.mark(transaction, event.mark) {
            pieces.push(event.text.map(str::as_bytes));
        }
    }
    Ok(())
}

/// Hands over what was counted of some executions.
pub(super) async fn of_executions(
    snapshot: &mut Snapshot,
    executions: &[ExecutionKey],
    cursor: &Cursor,
    horizon: &Horizon,
    pieces: &mut Pieces<'_, '_>,
) -> Result<(), Failure> {
    let (ids, numbers): (Vec<&str>, Vec<i64>) = executions
        .iter()
        .map(|key| (&*key.instance_id, i64::try_from(key.execution_id).unwrap_or(i64::MAX)))
        .unzip();
    let mut counted = match cursor.from {
        Some(from) => before("h.x", horizon.age(from)),
        None => "false".to_owned(),
    };
    // With a sweep: what it has passed.
    counted += " OR (h.instance_id <= $3::text";
    if let Some(Sweep { to, since_ms, .. }) = &cursor.sweep {
        let to = horizon.age(*to);
        counted += &format!(" AND {})", before("h.x", to));
        if let Some(since_ms) = since_ms {
            counted += &format!(" OR ({} AND h.created_at <= {})", before("h.x", to), literal(*since_ms));
        }
    } else {
        counted += ")";
    }
    let after = cursor.sweep.as_ref().and_then(|sweep| sweep.after.as_deref());
    let sql = format!(
        "SELECT {columns}, COALESCE({counted}, false) FROM unnest($1::text[], $2::int8[]) WITH ORDINALITY AS c(id, execution, n) \
         CROSS JOIN LATERAL (SELECT h.*, h.xmin AS x FROM history h WHERE h.instance_id = c.id AND h.execution_id = c.execution OFFSET 0) AS h \
         ORDER BY c.n, h.event_id",
        columns = columns(),
    );
    let near = cursor.from.or(cursor.sweep.as_ref().map(|sweep| sweep.to)).unwrap_or(0);
    let connection = snapshot.allow().await?;
    let mut rows = sqlx::query(&sql).persistent(false).bind(ids).bind(numbers).bind(after).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let event = Event::read(&row)?;
        if row.try_get::<bool, _>(5)? || cursor.is_marked(event.near(near), event.mark) {
            pieces.push(event.text.map(str::as_bytes));
        }
    }
    Ok(())
}

/// The next instances of a sweep in the order of the database, and whether there may be more.
pub(super) async fn next_instances(
    snapshot: &mut Snapshot,
    cursor: &Cursor,
    sweep: &Sweep,
    horizon: &Horizon,
    limit: i64,
) -> Result<(Vec<String>, bool), Failure> {
    let mut condition = match cursor.from {
        Some(from) => since("i.xmin", horizon.age(from)),
        None => "true".to_owned(),
    };
    if let Some(since_ms) = sweep.since_ms {
        // Workers' clocks may go differently: a day is more than they do.
        condition += &format!(" AND i.updated_at > {} - interval '1 day'", literal(since_ms));
    }
    let sql = format!(
        "SELECT i.instance_id FROM instances i WHERE {condition} AND ($1::text IS NULL OR i.instance_id > $1) \
         ORDER BY i.instance_id LIMIT $2"
    );
    let connection = snapshot.allow().await?;
    let rows = sqlx::query(&sql)
        .persistent(false)
        .bind(sweep.after.as_deref())
        .bind(limit)
        .fetch_all(connection)
        .await?;
    let instances = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
    let more = i64::try_from(instances.len()).unwrap_or(i64::MAX) >= limit;
    Ok((instances, more))
}
