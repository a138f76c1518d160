//! What was counted of some executions.

use futures_util::TryStreamExt;
use sqlx::Row as _;

use super::super::reader::Snapshot;
use super::super::sql::{Text, utf8};
use super::horizon::{Horizon, literal};
use super::position::{Cursor, Resumed};
use super::rows::{TOO_LONG, mark, type_of_too_long};
use crate::history;
use crate::source::ExecutionKey;
use crate::store::database::failure::StoreError;
use crate::store::database::group::unsigned;
use crate::store::database::pieces::Pieces;

/// Hands over what was counted of some executions up to a position.
pub(super) async fn of_executions(
    snapshot: &mut Snapshot,
    executions: &[ExecutionKey],
    cursor: &Cursor,
    horizon: &Horizon,
    pieces: &mut Pieces<'_, '_>,
) -> Result<(), StoreError> {
    let (ids, numbers): (Vec<&str>, Vec<i64>) = executions
        .iter()
        .map(|key| (&*key.instance_id, i64::try_from(key.execution_id).unwrap_or(i64::MAX)))
        .unzip();
    // Executions one by one, in order: only their events have to be sorted, which the primary key does.
    let schema = &snapshot.schema;
    let sql = format!(
        "SELECT h.instance_id, h.execution_id, h.event_id, h.age, \
                CASE WHEN octet_length(h.event_data) <= {TOO_LONG} THEN h.event_data END, COALESCE(h.counted, false), {too_long} \
         FROM unnest($1::text[], $2::int8[]) WITH ORDINALITY AS c(id, execution, n) \
         CROSS JOIN LATERAL ( \
           SELECT h.*, age(h.xmin)::int8 AS age, {counted} AS counted FROM {schema}.history h \
           WHERE h.instance_id = c.id AND h.execution_id = c.execution OFFSET 0) AS h \
         ORDER BY c.n, h.event_id",
        counted = counted(cursor, horizon),
        too_long = type_of_too_long("octet_length(h.event_data)", "h.event_data"),
    );
    let place = cursor.sweep.as_ref().and_then(|sweep| sweep.after.as_ref());
    let event = place.and_then(|place| place.event);
    let connection = snapshot.allow().await?;
    let mut rows = sqlx::query(&sql)
        .bind(ids)
        .bind(numbers)
        .bind(place.map(|place| place.instance.as_str()))
        .bind(event.map_or(i64::MAX, |(execution, _)| execution))
        .bind(event.map_or(i64::MAX, |(_, event)| event))
        .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let Text(instance_id) = row.try_get(0)?;
        let (execution, event): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
        let transaction = horizon.transaction(row.try_get(3)?);
        if row.try_get::<bool, _>(5)?
            || cursor.marks.is_counted(transaction, mark(&instance_id, execution, event))
        {
            pieces.push(history::Row {
                instance_id: &instance_id,
                execution_id: unsigned(execution),
                event_id: unsigned(event),
                event_type: utf8(&row, 6)?.unwrap_or_default(),
                text: utf8(&row, 4)?,
            });
        }
    }
    Ok(())
}

/// SQL: that a row was counted, marks aside. `$3`, `$4`, `$5`: how far a sweep has come.
fn counted(cursor: &Cursor, horizon: &Horizon) -> String {
    let before = |transaction| horizon.before("h", "created_at", transaction, cursor.read_ms);
    let below = cursor.from.map_or_else(|| "false".to_owned(), before);
    let passed = "(h.instance_id < $3::text \
                   OR (h.instance_id = $3::text AND (h.execution_id, h.event_id) <= ($4::int8, $5::int8)))";
    let sweep = cursor.sweep.as_ref().map_or_else(|| "false".to_owned(), |sweep| before(sweep.to));
    let earlier = match cursor.resumed {
        Some(Resumed { since_ms, until }) => {
            format!("({} AND h.created_at <= {})", before(until), literal(since_ms))
        }
        None => "false".to_owned(),
    };
    format!("({below} OR {earlier} OR ({sweep} AND {passed}))")
}
