//! Searching instances.

use std::time::Instant;

use futures_util::TryStreamExt;
use sqlx::Row;

use super::super::reader::Snapshot;
use super::super::schema::Schema;
use super::super::sql::Text;
use super::history;
use super::instances::{MICROS, NEWEST_FIRST, PageKey, Statement, with_status};
use crate::management::{InstanceInfo, ManagementError, SearchField, SearchHit, SearchQuery, SearchResults};
use crate::store::database::budget::{Budget, Room};
use crate::store::database::keys::{self, List};
use crate::store::database::look::Look;
use crate::store::database::needle::Needle;
use crate::store::database::reading::QueryResult;

/// Instances searched in one statement. Each costs a look at every row of `instances`, so each is larger than the one
/// before; with their payloads, the instances of a window are gone through step by step.
const WINDOW: i64 = 20_000;
const WINDOW_OF_PAYLOADS: i64 = 2_000;
const WINDOW_GROWS: i64 = 4;
const STEP: usize = 50;

/// An instance that may match, and in which of the fields of `instances` it does.
struct Candidate {
    place: PageKey,
    id: String,
    matched: Vec<SearchField>,
}

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
    let mut after = PageKey::parse(List::Search, after.as_deref())?;
    let needle = Needle::new(text);
    let deadline = budget.deadline();
    let mut room = Room::new(*limit);
    let mut items = Vec::new();
    let mut size = if *payloads { WINDOW_OF_PAYLOADS } else { WINDOW };
    loop {
        let (mut candidates, oldest) = candidates(snapshot, &needle, *payloads, after.as_ref(), size).await?;
        for step in candidates.chunks_mut(STEP) {
            if *payloads {
                look_into_payloads(snapshot, &needle, step).await?;
            }
            for candidate in step.iter_mut().filter(|candidate| !candidate.matched.is_empty()) {
                if room.is_full() {
                    // The place before this one.
                    let next = after.map(|place| place.key(List::Search));
                    return Ok(SearchResults { items, next, partial: false });
                }
                let found = snapshot.instance(&candidate.id).await?;
                if candidate.matched.last() == Some(&SearchField::History)
                    && !is_in_history(snapshot, &needle, &found).await?
                {
                    candidate.matched.pop();
                }
                after = Some(candidate.place.clone());
                if !candidate.matched.is_empty() {
                    room.take(found.custom_status.as_ref().map_or(0, String::len));
                    items
                        .push(SearchHit { instance: found, matched: std::mem::take(&mut candidate.matched) });
                }
            }
            if let Some(last) = step.last() {
                after = Some(last.place.clone());
            }
            if Instant::now() >= deadline {
                let next = after.map(|place| place.key(List::Search));
                return Ok(SearchResults { items, next, partial: true });
            }
        }
        let Some(oldest) = oldest else { return Ok(SearchResults { items, next: None, partial: false }) };
        if room.is_full() || Instant::now() >= deadline {
            let next = Some(oldest.key(List::Search));
            return Ok(SearchResults { items, next, partial: !room.is_full() });
        }
        after = Some(oldest);
        size = size.saturating_mul(WINDOW_GROWS);
    }
}

/// Those of the window that may match; when payloads are searched, all of them. And the oldest looked at, if there may be
/// older ones.
async fn candidates(
    snapshot: &mut Snapshot,
    needle: &Needle,
    payloads: bool,
    after: Option<&PageKey>,
    size: i64,
) -> QueryResult<(Vec<Candidate>, Option<PageKey>)> {
    let mut statement = Statement::default();
    let behind = statement.behind(after)?;
    let limit = statement.bind(size)?;
    let text = statement.bind(storable(&needle.text))?;
    let schema = &snapshot.schema;
    let [id, name, status] = fields(schema, &text);
    let sql = format!(
        "SELECT id, micros, a, b, c, n FROM ( \
           SELECT i.instance_id AS id, {MICROS} AS micros, {id} AS a, {name} AS b, {status} AS c, \
                  row_number() OVER (ORDER BY {NEWEST_FIRST}) AS n FROM ( \
             SELECT * FROM {schema}.instances i WHERE {behind} ORDER BY {NEWEST_FIRST} LIMIT {limit}) AS i) AS found \
         WHERE a OR b OR c OR n = {limit} OR {payloads} ORDER BY n"
    );
    let connection = snapshot.allow().await?;
    let mut rows = sqlx::query_with(&sql, statement.arguments()).fetch(connection);
    let mut found = Vec::new();
    let mut oldest = None;
    while let Some(row) = rows.try_next().await? {
        let Text(id) = row.try_get(0)?;
        let place = PageKey::new(row.try_get(1)?, id.clone());
        let mut matched = Vec::new();
        let told = [SearchField::InstanceId, SearchField::OrchestrationName, SearchField::CustomStatus];
        for (column, field) in (2..).zip(told) {
            if row.try_get(column)? {
                matched.push(field);
            }
        }
        if row.try_get::<i64, _>(5)? == size {
            oldest = Some(place.clone());
        }
        if payloads || !matched.is_empty() {
            found.push(Candidate { place, id, matched });
        }
    }
    Ok((found, oldest))
}

/// Adds what matches in outputs, and what may match in histories, the latter last.
async fn look_into_payloads(
    snapshot: &mut Snapshot,
    needle: &Needle,
    candidates: &mut [Candidate],
) -> QueryResult<()> {
    let ids: Vec<String> = candidates.iter().map(|candidate| candidate.id.clone()).collect();
    let schema = &snapshot.schema;
    let sql = format!(
        "SELECT i.instance_id, {output}, EXISTS ( \
           SELECT 1 FROM {schema}.history h WHERE h.instance_id = i.instance_id AND h.execution_id = i.current_execution_id \
             AND {event}) \
         {from} WHERE i.instance_id = ANY($1)",
        from = with_status(schema),
        output = contains("e.output", "$2"),
        event = contains("h.event_data", "$3"),
    );
    let connection = snapshot.allow().await?;
    let rows = sqlx::query(&sql)
        .bind(ids)
        .bind(storable(&needle.text))
        .bind(needle.json.as_str())
        .fetch_all(connection)
        .await?;
    for row in rows {
        let Text(id) = row.try_get(0)?;
        let Some(candidate) = candidates.iter_mut().find(|candidate| candidate.id == id) else { continue };
        for (column, field) in (1..).zip([SearchField::Output, SearchField::History]) {
            if row.try_get(column)? {
                candidate.matched.push(field);
            }
        }
    }
    Ok(())
}

async fn is_in_history(
    snapshot: &mut Snapshot,
    needle: &Needle,
    instance: &InstanceInfo,
) -> QueryResult<bool> {
    let execution = keys::execution(&instance.instance_id, instance.current_execution_id)?;
    let sql =
        format!("{} AND {}", history::select(&snapshot.schema, "event_data"), contains("event_data", "$3"));
    let connection = snapshot.allow().await?;
    let mut rows =
        sqlx::query(&sql).bind(&instance.instance_id).bind(execution).bind(&needle.json).fetch(connection);
    let mut found = false;
    while let Some(row) = rows.try_next().await? {
        let (_, event, _) = history::read(&row, &instance.instance_id, execution)?;
        found |= needle.is_in(&event);
    }
    Ok(found)
}

fn fields(schema: &Schema, text: &str) -> [String; 3] {
    [
        contains("i.instance_id", text),
        contains("i.orchestration_name", text),
        if schema.custom_status { contains("i.custom_status", text) } else { "false".to_owned() },
    ]
}

/// Letters are compared as ASCII, whatever the language of the database.
fn contains(column: &str, parameter: &str) -> String {
    format!("COALESCE(strpos(lower({column} COLLATE \"C\"), {parameter}::text) > 0, false)")
}

/// Postgres holds no NUL: a text with one is in no column.
fn storable(text: &str) -> Option<String> {
    (!text.contains('\0')).then(|| text.to_owned())
}
