//! Instances: a page of them, how many.
//!
//! Lists are ordered by creation and id. Workers write the time of creation, in milliseconds, and it never changes.

use std::collections::BTreeMap;
use std::time::Instant;

use futures_util::TryStreamExt;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{Arguments, Row};

use super::super::reader::Snapshot;
use super::super::schema::Schema;
use super::super::sql::{self, Text, millis, text, time, while_there_is_room};
use crate::labels::InstanceStatus;
use crate::management::{
    InstanceCounts, InstanceFilter, InstanceGroup, InstanceInfo, ManagementError, Page, PageRequest,
    Timestamp,
};
use crate::store::database::budget::{Budget, Room};
use crate::store::database::keys::{self, List};
use crate::store::database::reading::QueryResult;

/// Instances that the first window of a list by status looks at. Each window costs a look at every row of `instances`, so
/// each is larger than the one before.
const WINDOW: i64 = 10_000;
const WINDOW_GROWS: i64 = 4;

/// The order of lists.
pub(super) const NEWEST_FIRST: &str = "i.created_at DESC, i.instance_id COLLATE \"C\" DESC";

/// Instances with their current execution.
pub(super) fn with_status(schema: &Schema) -> String {
    joined(schema, &format!("{schema}.instances"))
}

fn joined(schema: &Schema, instances: &str) -> String {
    format!(
        "FROM {instances} i \
         LEFT JOIN {schema}.executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id"
    )
}

/// The columns that [`read`] reads.
pub(super) fn columns(schema: &Schema) -> String {
    columns_with(if schema.custom_status { "i.custom_status" } else { "NULL::text" })
}

fn columns_with(custom_status: &str) -> String {
    format!(
        "i.instance_id, i.orchestration_name, i.orchestration_version, i.current_execution_id, e.status, {created}, \
         {updated}, i.parent_instance_id, {custom_status}, {MICROS}",
        created = millis("i.created_at"),
        updated = millis("i.updated_at"),
    )
}

/// The time of creation as page keys have it. Nobody is created at infinity, but a page key has to be a number.
pub(super) const MICROS: &str = "(extract(epoch FROM CASE WHEN isfinite(i.created_at) THEN i.created_at ELSE '9999-12-31' END) * 1000000)::int8";

/// An instance.
pub(super) fn read(row: &PgRow) -> Result<InstanceInfo, sqlx::Error> {
    Ok(InstanceInfo {
        instance_id: text(row, 0)?.unwrap_or_default(),
        orchestration_name: text(row, 1)?.unwrap_or_default(),
        orchestration_version: text(row, 2)?.unwrap_or_default(),
        current_execution_id: u64::try_from(row.try_get::<i64, _>(3)?).unwrap_or(0),
        status: InstanceStatus::from_framework(text(row, 4)?.as_deref()),
        created_at: time(row, 5)?,
        updated_at: time(row, 6)?,
        parent_instance_id: text(row, 7)?,
        custom_status: text(row, 8)?,
    })
}

/// Where an instance stands in the order of lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PageKey {
    micros: i64,
    id: String,
}

impl PageKey {
    pub(super) fn new(micros: i64, id: String) -> Self {
        Self { micros, id }
    }

    /// From a page key.
    pub(super) fn parse(list: List, after: Option<&str>) -> Result<Option<Self>, ManagementError> {
        let Some(place) = list.place(after)? else { return Ok(None) };
        let (micros, id) = place.split_once('.').ok_or_else(keys::refused)?;
        let micros = micros.parse().map_err(|_| keys::refused())?;
        if id.contains('\0') {
            return Err(keys::refused());
        }
        Ok(Some(Self { micros, id: id.to_owned() }))
    }

    pub(super) fn key(&self, list: List) -> String {
        let Self { micros, id } = self;
        list.key(format_args!("{micros}.{id}"))
    }
}

/// SQL that grows together with its parameters.
#[derive(Default)]
pub(super) struct Statement {
    arguments: PgArguments,
}

impl Statement {
    /// The placeholder of a value.
    pub(super) fn bind<'q, T>(&mut self, value: T) -> QueryResult<String>
    where
        T: sqlx::Encode<'q, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + 'q,
    {
        self.arguments.add(value).map_err(sqlx::Error::Encode)?;
        Ok(format!("${}", self.arguments.len()))
    }

    pub(super) fn arguments(self) -> PgArguments {
        self.arguments
    }

    /// A condition: older than `place`.
    pub(super) fn behind(&mut self, place: Option<&PageKey>) -> QueryResult<String> {
        let Some(PageKey { micros, id }) = place else { return Ok("true".to_owned()) };
        let at = format!("('epoch'::timestamptz + {} * interval '1 microsecond')", self.bind(*micros)?);
        let id = self.bind(id.clone())?;
        // So that an index an operator may have made leads there.
        Ok(format!("i.created_at <= {at} AND (i.created_at < {at} OR i.instance_id COLLATE \"C\" < {id})"))
    }

    /// The part of a filter that is told by `instances` alone.
    fn filter(&mut self, filter: &InstanceFilter) -> QueryResult<String> {
        let InstanceFilter { status: _, orchestration, created_after, created_before, parent_instance_id } =
            filter;
        let mut sql = String::from("true");
        for (column, value) in
            [("orchestration_name", orchestration), ("parent_instance_id", parent_instance_id)]
        {
            if let Some(value) = value {
                sql += &format!(" AND i.{column} = {}", self.bind(value.clone())?);
            }
        }
        for (compared, time) in [(">=", created_after), ("<", created_before)] {
            if let Some(time) = time {
                sql += &format!(" AND i.created_at {compared} {}", self.moment(*time)?);
            }
        }
        Ok(sql)
    }

    fn moment(&mut self, time: Timestamp) -> QueryResult<String> {
        let ms = self.bind(sql::within_reach(time))?;
        Ok(format!("('epoch'::timestamptz + {ms} * interval '1 millisecond')"))
    }
}

/// The part of a filter that is told by the current execution.
fn status(filter: &InstanceFilter) -> &'static str {
    match filter.status {
        None => "true",
        Some(InstanceStatus::Running) => "e.status IN ('Running', 'ContinuedAsNew')",
        Some(InstanceStatus::Completed) => "e.status = 'Completed'",
        Some(InstanceStatus::Failed) => "e.status = 'Failed'",
        Some(InstanceStatus::Unknown) => {
            "COALESCE(e.status, '') NOT IN ('Running', 'ContinuedAsNew', 'Completed', 'Failed')"
        }
    }
}

/// Postgres holds no NUL, and refuses to compare with one: nothing is equal to such a text.
fn nothing_can_match(filter: &InstanceFilter) -> bool {
    let texts = [&filter.orchestration, &filter.parent_instance_id];
    texts.into_iter().flatten().any(|text| text.contains('\0'))
}

/// One look at the newest instances of a list.
struct Window {
    items: Vec<InstanceInfo>,
    /// Of the last of [`Self::items`].
    last: Option<PageKey>,
    /// There are more that match in this window.
    more: bool,
    /// The oldest instance looked at, if there may be older ones.
    oldest: Option<PageKey>,
}

impl Window {
    async fn read(
        snapshot: &mut Snapshot,
        filter: &InstanceFilter,
        after: Option<&PageKey>,
        size: i64,
        room: &mut Room,
    ) -> QueryResult<Self> {
        let schema = &snapshot.schema;
        let mut statement = Statement::default();
        let behind = statement.behind(after)?;
        let matches = statement.filter(filter)?;
        let size_parameter = statement.bind(size)?;
        let most = statement.bind(room.entries_left() + 1)?;
        let columns = if schema.custom_status {
            let bytes = statement.bind(room.bytes_left())?;
            columns_with(&while_there_is_room("i.custom_status", NEWEST_FIRST, &bytes))
        } else {
            columns(schema)
        };
        let sql = format!(
            "WITH w AS MATERIALIZED ( \
               SELECT * FROM {schema}.instances i WHERE {behind} AND {matches} ORDER BY {NEWEST_FIRST} LIMIT {size_parameter}), \
             bounds AS (SELECT (SELECT COUNT(*) FROM w) AS rows, \
               (SELECT {MICROS} FROM w AS i ORDER BY i.created_at, i.instance_id COLLATE \"C\" LIMIT 1) AS micros, \
               (SELECT i.instance_id FROM w AS i ORDER BY i.created_at, i.instance_id COLLATE \"C\" LIMIT 1) AS id) \
             SELECT f.*, bounds.rows, bounds.micros, bounds.id FROM bounds LEFT JOIN ( \
               SELECT {columns} {from} WHERE {status} ORDER BY {NEWEST_FIRST} LIMIT {most}) AS f(a, b, c, d, e, f, g, h, i, j) \
             ON true ORDER BY f.j DESC, f.a COLLATE \"C\" DESC",
            from = joined(schema, "w"),
            status = status(filter),
        );
        let connection = snapshot.allow().await?;
        let mut rows = sqlx::query_with(&sql, statement.arguments()).fetch(connection);
        let mut window = Self { items: Vec::new(), last: None, more: false, oldest: None };
        while let Some(row) = rows.try_next().await? {
            if row.try_get::<i64, _>(10)? == size {
                window.oldest = Some(PageKey::new(row.try_get(11)?, text(&row, 12)?.unwrap_or_default()));
            }
            if row.try_get::<Option<Text>, _>(0)?.is_none() {
                break;
            }
            if room.is_full() {
                window.more = true;
                continue;
            }
            let instance = read(&row)?;
            room.take(instance.custom_status.as_ref().map_or(0, String::len) + instance.instance_id.len());
            window.last = Some(PageKey::new(row.try_get(9)?, instance.instance_id.clone()));
            window.items.push(instance);
        }
        Ok(window)
    }
}

pub(super) async fn page(
    snapshot: &mut Snapshot,
    filter: &InstanceFilter,
    request: &PageRequest,
    budget: Budget,
) -> QueryResult<Page<InstanceInfo>> {
    keys::check_limit(request.limit)?;
    let mut after = PageKey::parse(List::Instances, request.after.as_deref())?;
    if nothing_can_match(filter) {
        return Ok(Page::whole(Vec::new()));
    }
    let deadline = budget.deadline();
    let mut room = Room::new(request.limit);
    let mut items = Vec::new();
    // Without a status the window is the page: what `instances` tells alone is filtered on the way.
    let mut size = match filter.status {
        None => room.entries_left() + 1,
        Some(_) => WINDOW.max(room.entries_left() + 1),
    };
    loop {
        let window = Window::read(snapshot, filter, after.as_ref(), size, &mut room).await?;
        items.extend(window.items);
        if window.more {
            let next = window.last.map(|place| place.key(List::Instances));
            return Ok(Page { items, next, partial: false });
        }
        let Some(oldest) = window.oldest else { return Ok(Page::whole(items)) };
        if room.is_full() || Instant::now() >= deadline {
            let next = Some(oldest.key(List::Instances));
            return Ok(Page { items, next, partial: !room.is_full() });
        }
        after = Some(oldest);
        size = size.saturating_mul(WINDOW_GROWS);
    }
}

async fn groups(
    snapshot: &mut Snapshot,
    filter: &InstanceFilter,
) -> QueryResult<BTreeMap<(String, String, InstanceStatus), u64>> {
    let mut groups = BTreeMap::new();
    if nothing_can_match(filter) {
        return Ok(groups);
    }
    let mut statement = Statement::default();
    let matches = statement.filter(filter)?;
    let sql = format!(
        "SELECT i.orchestration_name, i.orchestration_version, e.status, COUNT(*) {from} WHERE {matches} AND {status} \
         GROUP BY 1, 2, 3",
        from = with_status(&snapshot.schema),
        status = status(filter),
    );
    let connection = snapshot.allow().await?;
    let mut rows = sqlx::query_with(&sql, statement.arguments()).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let status = InstanceStatus::from_framework(text(&row, 2)?.as_deref());
        let group = (text(&row, 0)?.unwrap_or_default(), text(&row, 1)?.unwrap_or_default(), status);
        *groups.entry(group).or_default() += sql::count(&row, 3)?;
    }
    Ok(groups)
}

/// How many match. The server ends it with the whole call: it cannot be gone on with.
pub(super) async fn count(
    snapshot: &mut Snapshot,
    filter: &InstanceFilter,
    _budget: Budget,
) -> QueryResult<InstanceCounts> {
    let group = |((orchestration_name, orchestration_version, status), count)| InstanceGroup {
        orchestration_name,
        orchestration_version,
        status,
        count,
    };
    let groups = groups(snapshot, filter).await?;
    Ok(InstanceCounts { groups: groups.into_iter().map(group).collect(), partial: false })
}
