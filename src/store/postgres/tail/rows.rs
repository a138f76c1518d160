//! Rows of `history`, page by page, and whether they count.
//!
//! Statements go by the primary key, instance by instance, and end where a page does: neither we nor the server ever hold
//! more than that, however long a history is. Long texts come by themselves, when it is their turn.

use futures_util::TryStreamExt;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::super::reader::Snapshot;
use super::super::schema::Schema;
use super::super::sql::{text, utf8};
use super::horizon::{Horizon, literal};
use super::position::{Cursor, Resumed, Sweep};
use super::writers::Writers;
use crate::history;
use crate::store::database::failure::StoreError;
use crate::store::database::fingerprint::fingerprint;
use crate::store::database::group::unsigned;
use crate::store::database::pieces::Pieces;

/// A step ends after so many events or bytes.
const STEP_EVENTS: u64 = 20_000;
const STEP_BYTES: usize = 8 << 20;

/// Rows of one statement.
const PAGE: i64 = 4_000;

/// Instances of one statement.
const INSTANCES: usize = 250;

/// Longer events are read by themselves.
const LONG: usize = 4 << 10;

/// Events above this are counted, but not looked at.
pub(super) const TOO_LONG: usize = 16 << 20;

/// So many of an instance's last rows are looked at, whatever wrote them; earlier ones only if that whole lot is new. The
/// framework writes the turns of an instance one after the other, for it holds the instance's lock meanwhile.
const RECENT: i64 = 1_000;

/// Which rows are new.
#[derive(Debug, Clone, Copy)]
pub(super) enum Range {
    /// Of this transaction and all later ones.
    From(u64),
    /// Those of a sweep: of one transaction (or the first of all) and later ones, up to a horizon.
    Sweep { from: Option<u64>, to: u64 },
}

/// What a step has read so far.
pub(super) struct Step<'a, 'b> {
    pub(super) pieces: Pieces<'a, 'b>,
    /// Rows that were left because there is no room to remember them.
    pub(super) left: u64,
    /// Rows that were there before, and were written anew since.
    pub(super) rewritten: u64,
    writers: Writers,
}

/// A row.
struct Row {
    /// Which of the instances.
    instance: usize,
    execution: i64,
    event: i64,
    age: i64,
    size: usize,
    /// When it was written, in seconds, by the clock of the worker that did.
    time: f64,
    /// Whether that is after the last read that left nothing.
    recent: bool,
    /// `None`: a long one.
    text: Option<String>,
    /// Of one that is too long to be read: what its beginning says. The column says the same of all.
    event_type: Option<String>,
}

impl<'a, 'b> Step<'a, 'b> {
    pub(super) fn new(pieces: Pieces<'a, 'b>) -> Self {
        Self { pieces, left: 0, rewritten: 0, writers: Writers::default() }
    }

    /// Whether it is time to end.
    pub(super) fn is_full(&self) -> bool {
        self.pieces.events >= STEP_EVENTS || self.pieces.bytes >= STEP_BYTES
    }

    /// Hands over the rows of these instances that are in the range and were not counted, until the step is full.
    /// `after`: up to where the first was read. Answers how many instances it is through with, and up to where it read
    /// the next.
    pub(super) async fn read(
        &mut self,
        snapshot: &mut Snapshot,
        instances: &[String],
        mut after: Option<(i64, i64)>,
        range: Range,
        horizon: &Horizon,
        cursor: &mut Cursor,
    ) -> Result<(usize, Option<(i64, i64)>), StoreError> {
        let mut done = 0;
        while let Some(rest) = instances.get(done..).filter(|rest| !rest.is_empty() && !self.is_full()) {
            let some = rest.get(..INSTANCES).unwrap_or(rest);
            let (mut rows, more) = page(snapshot, some, after, range, horizon, cursor).await?;
            // The last one may have more.
            let last = rows.last().filter(|_| more);
            let (through, next) =
                last.map_or((some.len(), None), |last| (last.instance, Some((last.execution, last.event))));
            for row in &rows {
                self.writers.add(horizon.transaction(row.age), done + row.instance, row.time);
            }
            rows.retain(|row| self.counts(row, some, range, horizon, cursor));
            fetch_long(snapshot, some, &mut rows).await?;
            for row in &rows {
                self.pieces.push(history::Row {
                    instance_id: some.get(row.instance).map_or("", |id| id),
                    execution_id: unsigned(row.execution),
                    event_id: unsigned(row.event),
                    event_type: row.event_type.as_deref().unwrap_or_default(),
                    text: row.text.as_deref(),
                });
            }
            done += through;
            after = next;
        }
        Ok((done, after))
    }

    /// Whether a row of the range was not counted before; then it counts as counted.
    fn counts(
        &mut self,
        row: &Row,
        instances: &[String],
        range: Range,
        horizon: &Horizon,
        cursor: &mut Cursor,
    ) -> bool {
        let transaction = horizon.transaction(row.age);
        let instance = instances.get(row.instance).map_or("", |id| id);
        let mark = mark(instance, row.execution, row.event);
        if cursor.marks.is_counted(transaction, mark) {
            return false;
        }
        let remembered = match range {
            Range::From(_) => transaction < horizon.oldest || cursor.marks.add(transaction, mark),
            Range::Sweep { .. } => true,
        };
        self.left += u64::from(!remembered);
        let rewritten = !row.recent && self.writers.wrote_several(transaction);
        self.rewritten += u64::from(remembered && rewritten);
        remembered && !rewritten
    }
}

/// The next rows, and whether there may be more of them.
async fn page(
    snapshot: &mut Snapshot,
    instances: &[String],
    after: Option<(i64, i64)>,
    range: Range,
    horizon: &Horizon,
    cursor: &Cursor,
) -> Result<(Vec<Row>, bool), StoreError> {
    let sql = statement(&snapshot.schema, range, horizon, cursor);
    let (execution, event) = after.unzip();
    let connection = snapshot.allow().await?;
    let mut found = sqlx::query(&sql).bind(instances).bind(execution).bind(event).fetch(connection);
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while let Some(row) = found.try_next().await? {
        let row = Row::read(&row)?;
        bytes += row.size.min(TOO_LONG);
        rows.push(row);
        if bytes >= STEP_BYTES {
            return Ok((rows, true));
        }
    }
    let more = i64::try_from(rows.len()).unwrap_or(i64::MAX) >= PAGE;
    Ok((rows, more))
}

/// What tells a row from others of the same transaction.
pub(super) fn mark(instance: &str, execution: i64, event: i64) -> u64 {
    // What differs most comes first, for only the beginning is looked at.
    fingerprint(format!("{execution} {event} {instance}").as_bytes())
}

impl Row {
    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        let number = |column| row.try_get::<i64, _>(column);
        Ok(Self {
            instance: usize::try_from(number(0)? - 1).unwrap_or(0),
            execution: number(1)?,
            event: number(2)?,
            age: number(3)?,
            size: usize::try_from(number(4)?).unwrap_or(0),
            time: row.try_get(5)?,
            recent: row.try_get(6)?,
            text: utf8(row, 7)?.map(str::to_owned),
            event_type: text(row, 8)?,
        })
    }

    fn is_long(&self) -> bool {
        self.text.is_none() && self.size <= TOO_LONG
    }
}

/// `$1`: instances, in order; `$2`, `$3`: up to which execution and event the first was read.
fn statement(schema: &Schema, range: Range, horizon: &Horizon, cursor: &Cursor) -> String {
    let new = |of, from| horizon.since(of, "created_at", from, cursor.read_ms);
    let (mut condition, old) = match range {
        Range::From(from) => {
            let old = format!(
                "LEFT JOIN LATERAL ( \
                   SELECT p.execution_id, p.event_id, {new} AS new FROM {schema}.history p WHERE p.instance_id = c.id \
                   ORDER BY p.execution_id DESC, p.event_id DESC OFFSET {RECENT} LIMIT 1) AS old ON NOT old.new",
                new = new("p", from),
            );
            (new("h", from), old)
        }
        Range::Sweep { from, to } => {
            let earlier = horizon.before("h", "created_at", to, cursor.read_ms);
            let from = from.map_or_else(|| "true".to_owned(), |from| new("h", from));
            let none = "CROSS JOIN (SELECT NULL::int8 AS execution_id, NULL::int8 AS event_id) AS old";
            (format!("{earlier} AND {from}"), none.to_owned())
        }
    };
    if let Some(Resumed { since_ms, .. }) = cursor.resumed {
        condition += &format!(" AND h.created_at > {}", literal(since_ms));
    }
    // Inside there is an order and a limit: so the condition cannot lead the database away from the primary key, and no
    // history is read further than the page goes.
    format!(
        "SELECT c.n, h.execution_id, h.event_id, h.age, h.size, COALESCE(date_part('epoch', h.created_at), 0), \
                COALESCE({recent}, true), \
                CASE WHEN h.size <= {LONG} THEN h.event_data END, {too_long} \
         FROM unnest($1::text[]) WITH ORDINALITY AS c(id, n) {old} \
         CROSS JOIN LATERAL ( \
           SELECT h.execution_id, h.event_id, age(h.xmin)::int8 AS age, octet_length(h.event_data)::int8 AS size, h.event_data, h.created_at \
           FROM {schema}.history h WHERE h.instance_id = c.id \
             AND (h.execution_id, h.event_id) > ( \
               CASE WHEN c.n = 1 THEN COALESCE($2::int8, old.execution_id, {first}) ELSE COALESCE(old.execution_id, {first}) END, \
               CASE WHEN c.n = 1 THEN COALESCE($3::int8, old.event_id, {first}) ELSE COALESCE(old.event_id, {first}) END) \
             AND {condition} \
           ORDER BY h.execution_id, h.event_id LIMIT {PAGE}) AS h \
         ORDER BY c.n, h.execution_id, h.event_id LIMIT {PAGE}",
        first = "(-9223372036854775808)::int8",
        recent = cursor
            .complete_ms
            .map_or_else(|| "true".to_owned(), |ms| format!("h.created_at > {}", literal(ms))),
        too_long = type_of_too_long("h.size", "h.event_data"),
    )
}

/// SQL: the type of an event that is too long to be read. The framework writes it before what is large; inside a JSON string
/// the quotes would be escaped, so the first of these is the event's own.
pub(super) fn type_of_too_long(size: &str, text: &str) -> String {
    format!(
        "CASE WHEN {size} > {TOO_LONG} THEN substring(left({text}, 4096) from '\"type\": ?\"([A-Za-z]+)\"') END"
    )
}

/// Reads the texts that the page left out, those of about a step's size at once.
async fn fetch_long(
    snapshot: &mut Snapshot,
    instances: &[String],
    rows: &mut [Row],
) -> Result<(), StoreError> {
    let mut long: Vec<&mut Row> = rows.iter_mut().filter(|row| row.is_long()).collect();
    let mut rest = long.as_mut_slice();
    let sql = format!(
        "SELECT c.n, h.event_data FROM unnest($1::text[], $2::int8[], $3::int8[]) WITH ORDINALITY AS c(id, execution, event, n) \
         CROSS JOIN LATERAL (SELECT h.event_data FROM {}.history h \
           WHERE h.instance_id = c.id AND h.execution_id = c.execution AND h.event_id = c.event OFFSET 0) AS h",
        snapshot.schema
    );
    while !rest.is_empty() {
        let mut bytes = 0;
        let room = |row: &&mut &mut Row| {
            let before = bytes;
            bytes += row.size;
            before < STEP_BYTES
        };
        let some = rest.iter_mut().take_while(room).count();
        let (now, later) = rest.split_at_mut(some);
        let ids: Vec<&str> =
            now.iter().map(|row| instances.get(row.instance).map_or("", |id| id.as_str())).collect();
        let executions: Vec<i64> = now.iter().map(|row| row.execution).collect();
        let events: Vec<i64> = now.iter().map(|row| row.event).collect();
        let connection = snapshot.allow().await?;
        let mut texts = sqlx::query(&sql).bind(ids).bind(executions).bind(events).fetch(connection);
        while let Some(text) = texts.try_next().await? {
            let at = usize::try_from(text.try_get::<i64, _>(0)? - 1).unwrap_or(usize::MAX);
            if let Some(row) = now.get_mut(at) {
                row.text = utf8(&text, 1)?.map(str::to_owned);
            }
        }
        rest = later;
    }
    Ok(())
}

/// The next instances of a sweep in the order of the database, up to where the first of them was read, and whether there
/// may be more.
pub(super) async fn next_instances(
    snapshot: &mut Snapshot,
    cursor: &Cursor,
    sweep: &Sweep,
    horizon: &Horizon,
    limit: i64,
) -> Result<(Vec<String>, Option<(i64, i64)>, bool), StoreError> {
    let mut condition = match cursor.from {
        Some(from) => horizon.since("i", "updated_at", from, cursor.read_ms),
        None => "true".to_owned(),
    };
    if let Some(Resumed { since_ms, .. }) = cursor.resumed {
        // Workers' clocks may go differently: a day is more than they do.
        condition += &format!(" AND i.updated_at > {} - interval '1 day'", literal(since_ms));
    }
    let half_read = sweep.after.as_ref().filter(|place| place.event.is_some());
    let from_there = if half_read.is_some() { ">=" } else { ">" };
    // Where few are in the range, every row is looked at once; otherwise the primary key leads to the next.
    let fence = if sweep.sparse { "OFFSET 0" } else { "" };
    let schema = &snapshot.schema;
    let sql = format!(
        "SELECT instance_id FROM ( \
           SELECT i.instance_id FROM {schema}.instances i \
           WHERE {condition} AND ($1::text IS NULL OR i.instance_id {from_there} $1) {fence}) AS i \
         ORDER BY instance_id LIMIT $2"
    );
    let connection = snapshot.allow().await?;
    let rows = sqlx::query(&sql)
        .bind(sweep.after.as_ref().map(|place| place.instance.as_str()))
        .bind(limit)
        .fetch_all(connection)
        .await?;
    let ids = rows.iter().map(|row| Ok(text(row, 0)?.unwrap_or_default()));
    let instances = ids.collect::<Result<Vec<String>, sqlx::Error>>()?;
    let more = i64::try_from(instances.len()).unwrap_or(i64::MAX) >= limit;
    let after = half_read.filter(|place| instances.first() == Some(&place.instance));
    Ok((instances, after.and_then(|place| place.event), more))
}

/// The transactions at or above the horizon that wrote the histories of these instances.
pub(super) async fn transactions(
    snapshot: &mut Snapshot,
    instances: &[String],
    horizon: &Horizon,
    read_ms: i64,
) -> Result<Vec<u64>, StoreError> {
    let schema = &snapshot.schema;
    let sql = format!(
        "SELECT DISTINCT h.age FROM unnest($1::text[]) AS c(id) CROSS JOIN LATERAL ( \
           SELECT age(h.xmin)::int8 AS age FROM {schema}.history h WHERE h.instance_id = c.id AND {new} OFFSET 0) AS h",
        new = horizon.since("h", "created_at", horizon.oldest, read_ms),
    );
    let connection = snapshot.allow().await?;
    let ages: Vec<i64> = sqlx::query_scalar(&sql).bind(instances).fetch_all(connection).await?;
    Ok(ages.into_iter().map(|age| horizon.transaction(age)).collect())
}
