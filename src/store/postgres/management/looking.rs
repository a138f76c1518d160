//! What single instances are, out of a snapshot.

use std::collections::HashMap;

use futures_util::TryStreamExt;

use super::super::reader::Snapshot;
use super::super::sql::count;
use super::instances::{NEWEST_FIRST, columns, read, with_status};
use super::{executions, history, waits};
use crate::history::Event;
use crate::management::{ExecutionInfo, InstanceInfo, Page, PageRequest};
use crate::store::database::look::{InstanceState, Look, OpenWaitReader, RowSink};
use crate::store::database::reading::QueryResult;

impl Look for Snapshot {
    async fn find(&mut self, instance: &str) -> QueryResult<Option<InstanceInfo>> {
        // Postgres holds no NUL, and refuses to compare with one.
        if instance.contains('\0') {
            return Ok(None);
        }
        let sql = format!(
            "SELECT {} {} WHERE i.instance_id = $1",
            columns(&self.schema),
            with_status(&self.schema)
        );
        let row = sqlx::query(&sql).bind(instance).fetch_optional(self.transaction()).await?;
        Ok(row.map(|row| read(&row)).transpose()?)
    }

    async fn children(&mut self, parent: &str, most: usize) -> QueryResult<Vec<InstanceInfo>> {
        let sql = format!(
            "SELECT {} {} WHERE i.parent_instance_id = $1 ORDER BY {NEWEST_FIRST} LIMIT {most}",
            columns(&self.schema),
            with_status(&self.schema)
        );
        let connection = self.allow().await?;
        let rows = sqlx::query(&sql).bind(parent).fetch_all(connection).await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    async fn executions(&mut self, instance: &str, page: &PageRequest) -> QueryResult<Page<ExecutionInfo>> {
        executions::page(self, instance, page).await
    }

    async fn events(&mut self, instance: &str, execution: i64) -> QueryResult<Vec<Event>> {
        let sql = history::select(&self.schema, "event_data") + " ORDER BY event_id";
        let connection = self.allow().await?;
        let mut rows = sqlx::query(&sql).bind(instance).bind(execution).fetch(connection);
        let mut events = Vec::new();
        while let Some(row) = rows.try_next().await? {
            events.push(history::read(&row, instance, execution)?.1);
        }
        Ok(events)
    }

    async fn stored_bytes(&mut self, instance: &str) -> QueryResult<u64> {
        let schema = &self.schema;
        let sql = format!(
            "SELECT (SELECT COALESCE(SUM(octet_length(event_data)), 0)::int8 FROM {schema}.history WHERE instance_id = $1) \
                  + (SELECT COALESCE(SUM(octet_length(output)), 0)::int8 FROM {schema}.executions WHERE instance_id = $1)"
        );
        let row = sqlx::query(&sql).bind(instance).fetch_one(self.allow().await?).await?;
        Ok(count(&row, 0)?)
    }

    async fn now_ms(&mut self) -> QueryResult<i64> {
        Ok(self.moment.now_ms)
    }

    async fn standings(&mut self, instances: &[String]) -> QueryResult<HashMap<String, InstanceState>> {
        waits::standings(self, instances).await
    }

    async fn past(&mut self, instance: &str, execution: i64, past: &mut OpenWaitReader) -> QueryResult<()> {
        waits::past(self, instance, execution, past).await
    }

    async fn messages(
        &mut self,
        instances: &[String],
        now_ms: i64,
        take: &mut RowSink<'_>,
    ) -> QueryResult<()> {
        waits::messages(self, instances, now_ms, take).await
    }

    async fn activities(&mut self, instance: &str, now_ms: i64, take: &mut RowSink<'_>) -> QueryResult<()> {
        waits::activities(self, instance, now_ms, take).await
    }
}
