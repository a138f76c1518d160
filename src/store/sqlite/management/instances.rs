//! Instances: one, a page of them, how many.

use std::collections::BTreeMap;
use std::time::Instant;

use futures_util::TryStreamExt;
use sqlx::Arguments;
use sqlx::sqlite::{SqliteArguments, SqliteRow};

use super::super::reader::Snapshot;
use super::super::schema::Schema;
use super::super::sql::{self, millis, number, text, time};
use crate::labels::InstanceStatus;
use crate::management::{
    InstanceCounts, InstanceFilter, InstanceGroup, InstanceInfo, ManagementError, Page, PageRequest,
};
use crate::store::database::budget::{Budget, Room};
use crate::store::database::keys::{self, List};
use crate::store::database::reading::QueryResult;

/// Instances looked at between two looks at the clock.
const WINDOW: i64 = 10_000;

/// A window of all instances, for what an index finds without looking at the others.
const ALL: i64 = i64::MAX;

/// Instances with their current execution.
pub(super) const FROM: &str = "FROM instances i \
     LEFT JOIN executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id";

/// The columns that [`read`] reads.
pub(super) fn columns(schema: &Schema) -> String {
    format!(
        "i.rowid, i.instance_id, i.orchestration_name, i.orchestration_version, \
         CAST(i.current_execution_id AS INTEGER), e.status, {created}, \
         (SELECT {event} FROM history h WHERE h.instance_id = i.instance_id AND h.execution_id = i.current_execution_id \
          ORDER BY h.event_id DESC LIMIT 1), \
         {parent}, {status}",
        created = millis("i.created_at"),
        event = millis("h.created_at"),
        parent = if schema.parents { "i.parent_instance_id" } else { "NULL" },
        status = if schema.custom_status { "i.custom_status" } else { "NULL" },
    )
}

/// An instance and its rowid, by which lists are ordered: newer instances have greater ones.
pub(super) fn read(row: &SqliteRow) -> Result<(i64, InstanceInfo), sqlx::Error> {
    let status = text(row, 5)?;
    let info = InstanceInfo {
        instance_id: text(row, 1)?.unwrap_or_default(),
        orchestration_name: text(row, 2)?.unwrap_or_default(),
        orchestration_version: text(row, 3)?.unwrap_or_default(),
        current_execution_id: sql::count(row, 4)?,
        status: InstanceStatus::from_framework(status.as_deref()),
        created_at: time(row, 6)?,
        updated_at: time(row, 7)?,
        parent_instance_id: text(row, 8)?,
        custom_status: text(row, 9)?,
    };
    Ok((number(row, 0)?.unwrap_or(0), info))
}

/// A filter as SQL.
struct Conditions {
    sql: String,
    filter: InstanceFilter,
    /// Instances looked at at a time.
    window: i64,
}

impl Conditions {
    fn new(filter: &InstanceFilter, schema: &Schema) -> QueryResult<Self> {
        let InstanceFilter { status, orchestration, created_after, created_before, parent_instance_id } =
            filter;
        let mut sql = String::new();
        match status {
            None => {}
            Some(InstanceStatus::Running) => sql += " AND e.status IN ('Running', 'ContinuedAsNew')",
            Some(InstanceStatus::Completed) => sql += " AND e.status = 'Completed'",
            Some(InstanceStatus::Failed) => sql += " AND e.status = 'Failed'",
            Some(InstanceStatus::Unknown) => {
                sql +=
                    " AND COALESCE(e.status, '') NOT IN ('Running', 'ContinuedAsNew', 'Completed', 'Failed')";
            }
        }
        if orchestration.is_some() {
            sql += " AND i.orchestration_name = ?";
        }
        if created_after.is_some() {
            sql += &format!(" AND {} >= ?", millis("i.created_at"));
        }
        if created_before.is_some() {
            sql += &format!(" AND {} < ?", millis("i.created_at"));
        }
        if parent_instance_id.is_some() {
            if !schema.parents {
                return Err(
                    ManagementError::unsupported("a list by parent (the schema is older than that)").into()
                );
            }
            sql += " AND i.parent_instance_id = ?";
        }
        Ok(Self {
            window: if filter.is_empty() || parent_instance_id.is_some() { ALL } else { WINDOW },
            sql,
            filter: filter.clone(),
        })
    }

    /// The parameters of [`Self::sql`], in order, behind those of the window.
    fn arguments(&self, newest: i64, oldest: i64) -> QueryResult<SqliteArguments<'_>> {
        let InstanceFilter { status: _, orchestration, created_after, created_before, parent_instance_id } =
            &self.filter;
        let mut arguments = SqliteArguments::default();
        let bound = [Ok(()), arguments.add(newest), arguments.add(oldest)]
            .into_iter()
            .chain(orchestration.as_deref().map(|name| arguments.add(name)))
            .chain(created_after.map(|time| arguments.add(time.unix_millis())))
            .chain(created_before.map(|time| arguments.add(time.unix_millis())))
            .chain(parent_instance_id.as_deref().map(|id| arguments.add(id)))
            .collect::<Result<(), _>>();
        bound.map_err(sqlx::Error::Encode)?;
        Ok(arguments)
    }
}

/// The next stretch of instances to look at, newest first.
pub(super) struct Windows {
    newest: i64,
    size: i64,
    done: bool,
}

impl Windows {
    /// Those older than the instance at `after`, so many at a time; [`ALL`]: in one.
    pub(super) fn after(after: Option<i64>, size: i64) -> Self {
        Self { newest: after.map_or(i64::MAX, |rowid| rowid.saturating_sub(1)), size, done: false }
    }

    /// The rowids of the next window, newest and oldest.
    pub(super) async fn next(&mut self, snapshot: &mut Snapshot) -> QueryResult<Option<(i64, i64)>> {
        if self.done {
            return Ok(None);
        }
        let newest = self.newest;
        let oldest: Option<i64> = if self.size == ALL {
            None
        } else {
            sqlx::query_scalar(
                "SELECT rowid FROM instances WHERE rowid <= ? ORDER BY rowid DESC LIMIT 1 OFFSET ?",
            )
            .bind(newest)
            .bind(self.size - 1)
            .fetch_optional(snapshot.connection())
            .await?
        };
        let oldest = oldest.unwrap_or(i64::MIN);
        self.done = oldest == i64::MIN;
        self.newest = oldest.saturating_sub(1);
        Ok(Some((newest, oldest)))
    }
}

pub(super) async fn page(
    snapshot: &mut Snapshot,
    filter: &InstanceFilter,
    request: &PageRequest,
    budget: Budget,
) -> QueryResult<Page<InstanceInfo>> {
    let after = keys::position(List::Instances, request)?;
    let conditions = Conditions::new(filter, &snapshot.schema)?;
    let sql = format!(
        "SELECT {} {FROM} WHERE i.rowid <= ? AND i.rowid >= ? {} ORDER BY i.rowid DESC",
        columns(&snapshot.schema),
        conditions.sql
    );
    let deadline = budget.deadline();
    let mut room = Room::new(request.limit);
    let mut items = Vec::new();
    let mut windows = Windows::after(after, conditions.window);
    while let Some((newest, oldest)) = windows.next(snapshot).await? {
        let arguments = conditions.arguments(newest, oldest)?;
        let mut last = None;
        let mut rows = sqlx::query_with(&sql, arguments).fetch(snapshot.connection());
        while let Some(row) = rows.try_next().await? {
            // There is one more, which the next page begins with.
            if room.is_full() {
                return Ok(Page {
                    items,
                    next: last.map(|rowid| List::Instances.key(rowid)),
                    partial: false,
                });
            }
            let (rowid, instance) = read(&row)?;
            room.take(instance.custom_status.as_ref().map_or(0, String::len) + instance.instance_id.len());
            items.push(instance);
            last = Some(rowid);
        }
        drop(rows);
        if oldest == i64::MIN {
            break;
        }
        if room.is_full() || Instant::now() >= deadline {
            return Ok(Page { items, next: Some(List::Instances.key(oldest)), partial: !room.is_full() });
        }
    }
    Ok(Page::whole(items))
}

pub(super) async fn count(
    snapshot: &mut Snapshot,
    filter: &InstanceFilter,
    budget: Budget,
) -> QueryResult<InstanceCounts> {
    let conditions = Conditions::new(filter, &snapshot.schema)?;
    let sql = format!(
        "SELECT i.orchestration_name, i.orchestration_version, e.status, COUNT(*) \
         {FROM} WHERE i.rowid <= ? AND i.rowid >= ? {} GROUP BY i.orchestration_name, i.orchestration_version, e.status",
        conditions.sql
    );
    let deadline = budget.deadline();
    let mut groups: BTreeMap<(String, String, InstanceStatus), u64> = BTreeMap::new();
    let mut windows = Windows::after(None, if filter.is_empty() { WINDOW } else { conditions.window });
    let mut partial = false;
    while let Some((newest, oldest)) = windows.next(snapshot).await? {
        if Instant::now() >= deadline {
            partial = true;
            break;
        }
        let arguments = conditions.arguments(newest, oldest)?;
        let mut rows = sqlx::query_with(&sql, arguments).fetch(snapshot.connection());
        while let Some(row) = rows.try_next().await? {
            let status = InstanceStatus::from_framework(text(&row, 2)?.as_deref());
            let group = (text(&row, 0)?.unwrap_or_default(), text(&row, 1)?.unwrap_or_default(), status);
            *groups.entry(group).or_default() += sql::count(&row, 3)?;
        }
    }
    let group = |((orchestration_name, orchestration_version, status), count)| InstanceGroup {
        orchestration_name,
        orchestration_version,
        status,
        count,
    };
    Ok(InstanceCounts { groups: groups.into_iter().map(group).collect(), partial })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use sqlx::ConnectOptions as _;
    use sqlx::sqlite::SqliteConnectOptions;

    use super::super::super::super::connect::Deployment;
    use super::super::super::reader::{Reader, StoreLocation};
    use super::*;

    const STORE: &str = "
        CREATE TABLE instances (instance_id TEXT PRIMARY KEY, orchestration_name, orchestration_version, current_execution_id, created_at);
        CREATE TABLE executions (instance_id, execution_id, status, output, started_at, completed_at);
        CREATE TABLE history (instance_id, execution_id, event_id, event_type, event_data, created_at);
        CREATE TABLE orchestrator_queue (id INTEGER PRIMARY KEY AUTOINCREMENT, instance_id, work_item, visible_at, lock_token, created_at, attempt_count);
        CREATE TABLE worker_queue (id INTEGER PRIMARY KEY AUTOINCREMENT, work_item, lock_token, locked_until, created_at, attempt_count);
        CREATE TABLE instance_locks (instance_id, lock_token, locked_until, locked_at);
        CREATE INDEX one_execution ON executions (instance_id, execution_id);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000)
        INSERT INTO instances SELECT 'i-' || i, CASE i % 9000 WHEN 1 THEN 'Rare' ELSE 'Usual' END, '1', 1, i FROM n;";

    #[tokio::test]
    async fn without_time_a_page_is_partial_and_the_next_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql(STORE).execute(&mut connection).await.unwrap();
        sqlx::Connection::close(connection).await.unwrap();

        let place = StoreLocation { path, replica: None, deployment: Deployment::Sidecar };
        let mut reader = Reader::new(place, Arc::default());
        let mut snapshot = reader.begin(Duration::from_secs(30)).await.unwrap();
        let filter = InstanceFilter { orchestration: Some("Rare".to_owned()), ..InstanceFilter::default() };
        let (mut found, mut partial, mut request) = (Vec::new(), 0, PageRequest::first(100));
        loop {
            let no_time = Budget::list(Duration::ZERO);
            let Ok(page) = page(&mut snapshot, &filter, &request, no_time).await else { panic!("no page") };
            found.extend(page.items.into_iter().map(|instance| instance.instance_id));
            partial += usize::from(page.partial);
            assert_eq!(page.partial, page.next.is_some());
            let Some(next) = page.next else { break };
            request = PageRequest::first(100).after(next);
        }
        assert_eq!((found, partial), (["i-18001", "i-9001", "i-1"].map(str::to_owned).to_vec(), 2));
    }
}
