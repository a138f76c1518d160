//! Deleting what has ended, on a primary, through the schema's own `delete_instances_atomic`.
//!
//! The only part of this backend that writes. A batch is locked, looked at once more and deleted in one transaction, so
//! that no turn, and no child whose start is queued, comes in between.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use duroxide::providers::WorkItem;
use sqlx::Row;

use super::connection::{Begin, Connection, Purpose, Transaction};
use super::schema::Schema;
use super::sql::{millis, moment, text, time, within_reach};
use crate::labels::{FailureReason, InstanceStatus};
use crate::management::{
    ManagementError, PurgeBackend, PurgeReport, PurgeRequest, Timestamp, TreeMember, purge,
};
use crate::store::database::failure::StoreError;
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
    let mut connection = Connection::new(url.clone());
    let found = find(&mut connection, limit).await.map_err(|failure| failure.answer(&place, limit))?;
    let Some(schema) = found else {
        return Err(ManagementError::ReadOnly { method: "purge_completed" });
    };
    let mut primary = Primary { connection, schema, place, limit };
    let report = purge(&mut primary, request).await;
    primary.connection.close().await;
    report
}

/// The store; `None` on a standby.
async fn find(connection: &mut Connection, limit: Duration) -> Result<Option<Schema>, StoreError> {
    let mut transaction = begin(connection, limit).await?;
    let standby: bool = sqlx::query_scalar("SELECT pg_is_in_recovery()").fetch_one(&mut transaction).await?;
    if standby {
        return Ok(None);
    }
    let schema = Schema::probe(&mut transaction, connection.url().schema()).await?;
    connection.roll_back(transaction).await;
    Ok(Some(schema))
}

async fn begin(connection: &mut Connection, limit: Duration) -> Result<Transaction, StoreError> {
    let deadline = Instant::now() + limit;
    connection.begin(Begin { purpose: Purpose::Write, deadline, lock: LOCK_TIMEOUT }).await
}

/// The primary of a store.
struct Primary {
    connection: Connection,
    /// As it was when the purge began.
    schema: Schema,
    place: String,
    limit: Duration,
}

/// One look: `look!(primary, transaction => statement)`, in a transaction of its own.
macro_rules! look {
    ($primary:expr, $transaction:ident => $statement:expr) => {{
        let look = async {
            let mut $transaction = begin(&mut $primary.connection, $primary.limit).await?;
            let found = $statement.await;
            $primary.connection.roll_back($transaction).await;
            Ok::<_, StoreError>(found?)
        };
        look.await.map_err(|failure| failure.answer(&$primary.place, $primary.limit))
    }};
}

impl Primary {
    async fn try_to_delete(
        &mut self,
        instances: &[String],
        older_than: Timestamp,
    ) -> Result<Result<(), ManagementError>, StoreError> {
        let mut transaction = begin(&mut self.connection, self.limit).await?;
        let deleted = self.delete_in(&mut transaction, instances, older_than).await;
        match &deleted {
            Ok(Ok(())) => self.connection.commit(transaction).await?,
            _ => self.connection.roll_back(transaction).await,
        }
        deleted
    }

    async fn delete_in(
        &self,
        transaction: &mut Transaction,
        instances: &[String],
        older_than: Timestamp,
    ) -> Result<Result<(), ManagementError>, StoreError> {
        let schema = &self.schema;
        let lock = format!(
            "SELECT 1 FROM {schema}.instances WHERE instance_id = ANY($1) ORDER BY instance_id FOR UPDATE"
        );
        sqlx::query(&lock).bind(instances).execute(&mut *transaction).await?;
        // What is locked stays; before, a pooler may have led elsewhere, or somebody put another schema in its place.
        if Schema::probe(transaction, &schema.name).await? != *schema {
            return Err(StoreError::new(
                FailureReason::Replaced,
                "the schema is another than the one that this purge began with",
            ));
        }
        if let Err(refusal) = look_again(transaction, schema, instances, older_than).await? {
            return Ok(Err(refusal));
        }
        let delete = format!("SELECT * FROM {schema}.delete_instances_atomic($1, false)");
        sqlx::query(&delete).bind(instances).execute(transaction).await?;
        Ok(Ok(()))
    }
}

/// Whether all of them have still ended, and none is about to get a child.
async fn look_again(
    transaction: &mut Transaction,
    schema: &Schema,
    instances: &[String],
    older_than: Timestamp,
) -> Result<Result<(), ManagementError>, StoreError> {
    let sql = format!(
        "SELECT COUNT(*) FROM {schema}.instances i \
         JOIN {schema}.executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id \
         WHERE i.instance_id = ANY($2) AND e.status IN ('Completed', 'Failed') AND e.completed_at < {}",
        moment(1)
    );
    let ended: i64 = sqlx::query_scalar(&sql)
        .bind(within_reach(older_than))
        .bind(instances)
        .fetch_one(&mut *transaction)
        .await?;
    if usize::try_from(ended) != Ok(instances.len()) {
        return Ok(Err(ManagementError::Failed("it changed since it was looked at".to_owned())));
    }
    let sql = format!(
        "SELECT work_item FROM {schema}.orchestrator_queue \
         WHERE starts_with(work_item, '{{\"StartOrchestration\"') AND work_item ~ '\"parent_instance\": ?\"'"
    );
    let starts: Vec<String> = sqlx::query_scalar(&sql).fetch_all(transaction).await?;
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
impl PurgeBackend for Primary {
    async fn ended(&mut self) -> Result<Vec<String>, ManagementError> {
        let sql = format!(
            "SELECT i.instance_id FROM {schema}.instances i \
             JOIN {schema}.executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id \
             WHERE e.status IN ('Completed', 'Failed') ORDER BY i.created_at, i.instance_id COLLATE \"C\"",
            schema = self.schema
        );
        look!(self, transaction => sqlx::query_scalar(&sql).fetch_all(&mut transaction))
    }

    async fn find(&mut self, instance: &str) -> Result<Option<TreeMember>, ManagementError> {
        let sql = format!(
            "SELECT i.instance_id, i.parent_instance_id, e.status, i.current_execution_id FROM {schema}.instances i \
             LEFT JOIN {schema}.executions e ON e.instance_id = i.instance_id AND e.execution_id = i.current_execution_id \
             WHERE i.instance_id = $1",
            schema = self.schema
        );
        let member = |row| {
            Ok::<_, sqlx::Error>(TreeMember {
                id: text(&row, 0)?.unwrap_or_default(),
                parent: text(&row, 1)?,
                status: InstanceStatus::from_framework(text(&row, 2)?.as_deref()),
                execution_id: u64::try_from(row.try_get::<i64, _>(3)?).unwrap_or(0),
            })
        };
        look!(self, transaction => async {
            let row = sqlx::query(&sql).bind(instance).fetch_optional(&mut transaction).await?;
            row.map(member).transpose()
        })
    }

    async fn ended_at(&mut self, member: &TreeMember) -> Result<Option<Timestamp>, ManagementError> {
        let sql = format!(
            "SELECT {} FROM {}.executions WHERE instance_id = $1 AND execution_id = $2 \
             AND status IN ('Completed', 'Failed')",
            millis("completed_at"),
            self.schema
        );
        let execution = i64::try_from(member.execution_id).unwrap_or(i64::MAX);
        look!(self, transaction => async {
            let query = sqlx::query(&sql).bind(&member.id).bind(execution);
            query.fetch_optional(&mut transaction).await?.map_or(Ok(None), |row| time(&row, 0))
        })
    }

    async fn children(&mut self, instance: &str) -> Result<Vec<String>, ManagementError> {
        let sql = format!(
            "SELECT instance_id FROM {}.instances WHERE parent_instance_id = $1 \
             ORDER BY created_at, instance_id COLLATE \"C\"",
            self.schema
        );
        look!(self, transaction => sqlx::query_scalar(&sql).bind(instance).fetch_all(&mut transaction))
    }

    async fn delete(&mut self, instances: &[String], older_than: Timestamp) -> Result<(), ManagementError> {
        match self.try_to_delete(instances, older_than).await {
            Ok(deleted) => deleted,
            Err(failure) => Err(failure.answer(&self.place, self.limit)),
        }
    }
}
