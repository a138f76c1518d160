//! What single instances are, out of a snapshot.

use std::collections::HashMap;

use futures_util::TryStreamExt;

use super::super::reader::Snapshot;
use super::super::sql;
use super::instances::{FROM, columns, read};
use super::{executions, history, waits};
use crate::history::Event;
use crate::management::{ExecutionInfo, InstanceInfo, ManagementError, Page, PageRequest};
use crate::store::database::look::{InstanceState, Look, OpenWaitReader, RowSink};
use crate::store::database::reading::QueryResult;

impl Look for Snapshot {
    async fn find(&mut self, instance: &str) -> QueryResult<Option<InstanceInfo>> {
        let sql = format!("SELECT {} {FROM} WHERE i.instance_id = ?", columns(&self.schema));
        let row = sqlx::query(&sql).bind(instance).fetch_optional(self.connection()).await?;
        Ok(row.map(|row| read(&row)).transpose()?.map(|(_, info)| info))
    }

    async fn children(&mut self, parent: &str, most: usize) -> QueryResult<Vec<InstanceInfo>> {
        if !self.schema.parents {
            return Err(
                ManagementError::unsupported("get_instance_tree (the schema is older than that)").into()
            );
        }
        let sql = format!(
            "SELECT {} {FROM} WHERE i.parent_instance_id = ? ORDER BY i.rowid DESC LIMIT {most}",
            columns(&self.schema)
        );
        let rows = sqlx::query(&sql).bind(parent).fetch_all(self.connection()).await?;
        Ok(rows.iter().map(|row| Ok(read(row)?.1)).collect::<Result<_, sqlx::Error>>()?)
    }

    async fn executions(&mut self, instance: &str, page: &PageRequest) -> QueryResult<Page<ExecutionInfo>> {
        executions::page(self, instance, page).await
    }

    async fn events(&mut self, instance: &str, execution: i64) -> QueryResult<Vec<Event>> {
        let sql = history::select() + " ORDER BY event_id";
        let mut events = Vec::new();
        let mut rows = sqlx::query(&sql).bind(instance).bind(execution).fetch(self.connection());
        while let Some(row) = rows.try_next().await? {
            events.push(history::read(&row, instance, execution)?.1);
        }
        Ok(events)
    }

    async fn stored_bytes(&mut self, instance: &str) -> QueryResult<u64> {
        // The sizes are in the heads of the rows: none of the payload is read for them.
        let row = sqlx::query(
            "SELECT (SELECT COALESCE(SUM(octet_length(event_data)), 0) FROM history WHERE instance_id = ?1) \
                  + (SELECT COALESCE(SUM(octet_length(output)), 0) FROM executions WHERE instance_id = ?1)",
        )
        .bind(instance)
        .fetch_one(self.connection())
        .await?;
        Ok(sql::count(&row, 0)?)
    }

    async fn now_ms(&mut self) -> QueryResult<i64> {
        Ok(self.moment().await?.now_ms)
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
