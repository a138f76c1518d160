//! Deleting what has ended, on a primary, through the schema's own `delete_instances_atomic`.
//!
//! The only part of this backend that writes. A batch is locked, looked at once more and deleted in one transaction, so
//! that no turn, and no child whose start is queued, comes in between.

use std::collections::HashSet;
use std::time::Duration;

use duroxide::providers::WorkItem;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor, Postgres, Row, Transaction};

use super::open::open;
use super::schema::Schema;
use super::sql::{millis, moment, text, time, within_reach};
use crate::labels::InstanceStatus;
use crate::management::{Grove, ManagementError, Member, PurgeReport, PurgeRequest, Timestamp, purge};
use crate::store::database::failure::Failure;
use crate::store::url::PostgresUrl;

/// A turn that is being acknowledged holds its instance for milliseconds.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// Deletes trees of the store at `url`; each statement within `limit`.
pub(super) async fn purge_completed(
    url: &PostgresUrl,
    limit: Duration,
    request: &PurgeRequest,
) -> Result<PurgeReport, ManagementError> {
    let place = url.to_string();
    let connection = connect(url, limit).await.map_err(|failure| failure.answer(&place, limit))?;
    let Some(connection) = connection else {
        return Err(ManagementError::ReadOnly { method: "purge_completed" });
    };
    let mut primary = Primary { connection, place, limit };
    let report = purge(&mut primary, request).await;
    // Closed by the server if not by us.
    let _ = primary.connection.close().await;
    report
}

/// `None` on a standby.
async fn connect(url: &PostgresUrl, limit: Duration) -> Result<Option<PgConnection>, Failure> {
    let mut connection = open(url, limit).await?;
    let standby: bool =
        sqlx::query_scalar("SELECT pg_is_in_recovery()").persistent(false).fetch_one(&mut connection).await?;
    if standby {
        return Ok(None);
    }
    let mut transaction = connection.begin().await?;
    let schema = Schema::probe(&mut transaction, url.schema()).await?;
    transaction.rollback().await?;
    let settings = format!(
        "SET search_path = \"{}\", pg_temp; SET statement_timeout = {}; SET lock_timeout = {}",
        schema.name,
        limit.as_millis().max(1),
        LOCK_TIMEOUT.as_millis(),
    );
    connection.execute(sqlx::raw_sql(&settings)).await?;
    Ok(Some(connection))
}

/// The primary of a store.
struct Primary {
    connection: PgConnection,
    place: String,
    limit: Duration,
}

impl Primary {
    fn explain(&self, failure: impl Into<Failure>) -> ManagementError {
        failure.into().answer(&self.place, self.limit)
    }

    async fn try_to_delete(
        &mut self,
        instances: &[String],
        older_than: Timestamp,
    ) -> Result<Result<(), ManagementError>, Failure> {
        let mut transaction = self.connection.begin().await?;
        sqlx::query("SELECT 1 FROM instances WHERE instance_id = ANY($1) ORDER BY instance_id FOR UPDATE")
            .persistent(false)
            .bind(instances)
            .execute(&mut *transaction)
            .await?;
        if let Err(refusal) = look_again(&mut transaction, instances, older_than).await? {
            transaction.rollback().await?;
            return Ok(Err(refusal));
        }
        sqlx::query("SELECT * FROM delete_instances_atomic($1, false)")
            .persistent(false)
            .bind(instances)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Ok(()))
    }
}

/// Whether all of them have still ended, and none is about to get a child.
async fn look_again(
    transaction: &mut Transaction<'_, Postgres>,
    instances: &[String],
    older_than: Timestamp,
) -> Result<Result<(), ManagementError>, Failure> {
    let sql = format!(
        "SELECT COUNT(*) FROM instances i \
         JOIN executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id \
         WHERE i.instance_id = ANY($2) AND e.status IN ('Completed', 'Failed') AND e.completed_at < {}",
        moment(1)
    );
    let ended: i64 = sqlx::query_scalar(&sql)
        .persistent(false)
        .bind(within_reach(older_than))
        .bind(instances)
        .fetch_one(&mut **transaction)
        .await?;
    if usize::try_from(ended) != Ok(instances.len()) {
        return Ok(Err(ManagementError::Failed("it changed since it was looked at".to_owned())));
    }
    let starts: Vec<String> = sqlx::query_scalar(
        "SELECT work_item FROM orchestrator_queue \
         WHERE starts_with(work_item, '{\"StartOrchestration\"') AND work_item ~ '\"parent_instance\": ?\"'",
    )
    .persistent(false)
    .fetch_all(&mut **transaction)
    .await?;
    let doomed: HashSet<&str> = instances.iter().map(String::as_str).collect();
    for start in starts {
        if let Ok(WorkItem::StartOrchestration { parent_instance: Some(parent), .. }) =
            serde_json::from_str(&start)
            && doomed.contains(parent.as_str())
        {
            return Ok(Err(ManagementError::Failed("a child of it is about to start".to_owned())));
        }
    }
    Ok(Ok(()))
}

#[async_trait::async_trait]
impl Grove for Primary {
    async fn ended(&mut self) -> Result<Vec<String>, ManagementError> {
        let ended = sqlx::query_scalar(
            "SELECT i.instance_id FROM instances i \
             JOIN executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id \
             WHERE e.status IN ('Completed', 'Failed') ORDER BY i.created_at, i.instance_id COLLATE \"C\"",
        )
        .persistent(false)
        .fetch_all(&mut self.connection)
        .await;
        ended.map_err(|error| self.explain(error))
    }

    async fn find(&mut self, instance: &str) -> Result<Option<Member>, ManagementError> {
        let found = sqlx::query(
            "SELECT i.instance_id, i.parent_instance_id, e.status, i.current_execution_id FROM instances i \
             LEFT JOIN executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id \
             WHERE i.instance_id = $1",
        )
        .persistent(false)
        .bind(instance)
        .fetch_optional(&mut self.connection)
        .await;
        let member = |row| {
            Ok(Member {
                id: text(&row, 0)?.unwrap_or_default(),
                parent: text(&row, 1)?,
                status: InstanceStatus::from_framework(text(&row, 2)?.as_deref()),
                execution_id: u64::try_from(row.try_get::<i64, _>(3)?).unwrap_or(0),
            })
        };
        found.and_then(|row| row.map(member).transpose()).map_err(|error: sqlx::Error| self.explain(error))
    }

    async fn ended_at(&mut self, member: &Member) -> Result<Option<Timestamp>, ManagementError> {
        let sql = format!(
            "SELECT {} FROM executions WHERE instance_id = $1 AND execution_id = $2 \
             AND status IN ('Completed', 'Failed')",
            millis("completed_at")
        );
        let row = sqlx::query(&sql)
            .persistent(false)
            .bind(&member.id)
            .bind(i64::try_from(member.execution_id).unwrap_or(i64::MAX))
            .fetch_optional(&mut self.connection)
            .await;
        let at = row.and_then(|row| row.map_or(Ok(None), |row| time(&row, 0)));
        at.map_err(|error| self.explain(error))
    }

    async fn children(&mut self, instance: &str) -> Result<Vec<String>, ManagementError> {
        let children = sqlx::query_scalar(
            "SELECT instance_id FROM instances WHERE parent_instance_id = $1 ORDER BY created_at, instance_id COLLATE \"C\"",
        )
        .persistent(false)
        .bind(instance)
        .fetch_all(&mut self.connection)
        .await;
        children.map_err(|error| self.explain(error))
    }

    async fn delete(&mut self, instances: &[String], older_than: Timestamp) -> Result<(), ManagementError> {
        match self.try_to_delete(instances, older_than).await {
            Ok(deleted) => deleted,
            Err(failure) => Err(self.explain(failure)),
        }
    }
}
