//! Searching instances. SQL finds candidates; what matched in a history is told by its decoded events, for in their
//! JSON the names of fields and the envelope would match, too.

use std::time::Instant;

use futures_util::TryStreamExt;

use super::super::reader::Snapshot;
use super::super::schema::Schema;
use super::super::sql;
use super::history;
use super::instances::{self, FROM, Windows, columns};
use crate::management::{InstanceInfo, ManagementError, SearchField, SearchHit, SearchQuery, SearchResults};
use crate::store::database::budget::{Budget, Room};
use crate::store::database::keys::{self, List};
use crate::store::database::needle::Needle;
use crate::store::database::reading::QueryResult;

/// Instances searched between two looks at the clock; with their payloads there is far more of each.
const WINDOW: i64 = 5_000;
const WINDOW_OF_PAYLOADS: i64 = 50;

/// What the candidates' columns say, in their order.
const FIELDS: [SearchField; 5] = [
    SearchField::InstanceId,
    SearchField::OrchestrationName,
    SearchField::CustomStatus,
    SearchField::Output,
    SearchField::History,
];

pub(super) async fn search(
    snapshot: &mut Snapshot,
    query: &SearchQuery,
    budget: Budget,
) -> QueryResult<SearchResults> {
    let SearchQuery { text, payloads, limit, after } = query;
    if text.is_empty() {
        let why = "it is empty: to see all instances, list them".to_owned();
        return Err(ManagementError::InvalidArgument { name: "text", why }.into());
    }
    keys::check_limit(*limit)?;
    let after = List::Search.number(after.as_deref())?;
    let needle = Needle::new(text);
    let candidates = candidates(&snapshot.schema, *payloads);
    let candidate = format!("SELECT {} {FROM} WHERE i.rowid = ?", columns(&snapshot.schema));

    let deadline = budget.deadline();
    let mut room = Room::new(*limit);
    let mut items = Vec::new();
    let mut windows = Windows::after(after, if *payloads { WINDOW_OF_PAYLOADS } else { WINDOW });
    while let Some((newest, oldest)) = windows.next(snapshot).await? {
        let rows = sqlx::query(&candidates)
            .bind(newest)
            .bind(oldest)
            .bind(&needle.text)
            .bind(&needle.json)
            .fetch_all(snapshot.connection())
            .await?;
        for row in rows {
            let rowid = sql::number(&row, 0)?.unwrap_or(0);
            if room.is_full() {
                let next = Some(List::Search.key(rowid.saturating_add(1)));
                return Ok(SearchResults { items, next, partial: false });
            }
            let found = sqlx::query(&candidate).bind(rowid).fetch_one(snapshot.connection()).await?;
            let (_, instance) = instances::read(&found)?;
            let mut matched = Vec::new();
            for (column, field) in FIELDS.into_iter().enumerate() {
                let here = sql::flag(&row, column + 1)?;
                if here
                    && (field != SearchField::History || is_in_history(snapshot, &needle, &instance).await?)
                {
                    matched.push(field);
                }
            }
            if !matched.is_empty() {
                room.take(instance.custom_status.as_ref().map_or(0, String::len));
                items.push(SearchHit { instance, matched });
            }
            if Instant::now() >= deadline {
                let next = Some(List::Search.key(rowid));
                return Ok(SearchResults { items, next, partial: true });
            }
        }
        if oldest == i64::MIN {
            break;
        }
        if room.is_full() || Instant::now() >= deadline {
            let next = Some(List::Search.key(oldest));
            return Ok(SearchResults { items, next, partial: !room.is_full() });
        }
    }
    Ok(SearchResults { items, next: None, partial: false })
}

/// Finds the instances of a window that may match: their rowids, and a truth value for each of [`FIELDS`].
fn candidates(schema: &Schema, payloads: bool) -> String {
    let contains = |column: &str| format!("COALESCE(instr(lower({column}), ?3) > 0, 0)");
    let fields = [
        contains("i.instance_id"),
        contains("i.orchestration_name"),
        if schema.custom_status { contains("i.custom_status") } else { "0".to_owned() },
        if payloads { contains("e.output") } else { "0".to_owned() },
        if payloads {
            "EXISTS (SELECT 1 FROM history h WHERE h.instance_id = i.instance_id \
               AND h.execution_id = i.current_execution_id AND instr(lower(h.event_data), ?4) > 0)"
                .to_owned()
        } else {
            // The parameter has to be used.
            "?4 IS NULL".to_owned()
        },
    ];
    let [id, name, status, output, history] = fields;
    format!(
        "SELECT * FROM (SELECT i.rowid, {id} AS a, {name} AS b, {status} AS c, {output} AS d, {history} AS e \
           {FROM} WHERE i.rowid <= ?1 AND i.rowid >= ?2 ORDER BY i.rowid DESC) \
         WHERE a OR b OR c OR d OR e"
    )
}

async fn is_in_history(
    snapshot: &mut Snapshot,
    needle: &Needle,
    instance: &InstanceInfo,
) -> QueryResult<bool> {
    let execution = keys::execution(&instance.instance_id, instance.current_execution_id)?;
    let sql = history::select() + " AND instr(lower(event_data), ?) > 0";
    let mut rows = sqlx::query(&sql)
        .bind(&instance.instance_id)
        .bind(execution)
        .bind(&needle.json)
        .fetch(snapshot.connection());
    while let Some(row) = rows.try_next().await? {
        let (_, event, _) = history::read(&row, &instance.instance_id, execution)?;
        if needle.is_in(&event) {
            return Ok(true);
        }
    }
    Ok(false)
}
