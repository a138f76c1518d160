//! Which tables and columns a store has. Probed, not deduced from version numbers: the framework's migrations
//! and its fallback that creates the tables directly differ, and newer ones are unknown to us.

use std::collections::HashSet;

use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use crate::labels::FailureReason;
use crate::store::database::failure::Failure;

/// The parts of the schema that differ between versions of the framework.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Schema {
    /// SQLite's counter of schema changes: the probe is repeated when it moves.
    cookie: i64,
    /// Newest migration, or empty for a store that was created without migrations.
    pub(super) migration: String,
    /// When each migration was run: no two stores have that in common, but for copies. `None` without migrations.
    pub(super) identity: Option<String>,
    pub(super) worker_visible_at: bool,
    pub(super) worker_tag: bool,
    pub(super) worker_identity: bool,
    pub(super) sessions: bool,
    pub(super) parents: bool,
    pub(super) custom_status: bool,
}

/// Tables without which nothing can be said, with the columns that are read. All are there since duroxide 0.1.2.
const REQUIRED: &[(&str, &[&str])] = &[
    (
        "instances",
        &["instance_id", "orchestration_name", "orchestration_version", "current_execution_id", "created_at"],
    ),
    ("executions", &["instance_id", "execution_id", "status", "output", "started_at", "completed_at"]),
    ("history", &["instance_id", "execution_id", "event_id", "event_type", "event_data", "created_at"]),
    (
        "orchestrator_queue",
        &["id", "instance_id", "work_item", "visible_at", "lock_token", "created_at", "attempt_count"],
    ),
    ("worker_queue", &["id", "work_item", "lock_token", "locked_until", "created_at", "attempt_count"]),
    ("sqlite_sequence", &["name", "seq"]),
    ("instance_locks", &["instance_id", "lock_token", "locked_until", "locked_at"]),
];

impl Schema {
    /// The schema of the open snapshot; `known` is reused while nothing changed.
    pub(super) async fn probe(
        connection: &mut SqliteConnection,
        known: Option<Self>,
    ) -> Result<Self, Failure> {
        // Reading the schema itself is what takes the snapshot; the pragma alone would not.
        let _: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM sqlite_schema").fetch_one(&mut *connection).await?;
        let cookie: i64 = sqlx::query_scalar("PRAGMA schema_version").fetch_one(&mut *connection).await?;
        match known {
            Some(schema) if schema.cookie == cookie => Ok(schema),
            _ => Self::read(connection, cookie).await,
        }
    }

    async fn read(connection: &mut SqliteConnection, cookie: i64) -> Result<Self, Failure> {
        let rows = sqlx::query(
            "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table'",
        )
        .fetch_all(&mut *connection)
        .await?;
        let mut columns = HashSet::new();
        for row in rows {
            columns.insert((row.try_get::<String, _>(0)?, row.try_get::<String, _>(1)?));
        }
        let has = |table: &str, column: &str| columns.contains(&(table.to_owned(), column.to_owned()));

        let missing: Vec<String> = REQUIRED
            .iter()
            .flat_map(|(table, columns)| columns.iter().map(move |column| (*table, *column)))
            .filter(|(table, column)| !has(table, column))
            .map(|(table, column)| format!("{table}.{column}"))
            .collect();
        let wanted: usize = REQUIRED.iter().map(|(_, columns)| columns.len()).sum();
        if missing.len() == wanted {
            return Err(Failure::new(
                FailureReason::Schema,
                "it is a SQLite database, but not a duroxide store",
            ));
        }
        if !missing.is_empty() {
            return Err(Failure::new(
                FailureReason::Schema,
                format!("the duroxide store lacks {}", missing.join(", ")),
            ));
        }
        let migration = if has("_sqlx_migrations", "version") {
            sqlx::query_scalar::<_, Option<i64>>("SELECT MAX(version) FROM _sqlx_migrations")
                .fetch_one(&mut *connection)
                .await?
                .map_or_else(String::new, |version| version.to_string())
        } else {
            String::new()
        };
        // Only the first: a newer framework adds to them.
        let identity = if has("_sqlx_migrations", "installed_on") && has("_sqlx_migrations", "execution_time")
        {
            sqlx::query_scalar::<_, Option<String>>(
                "SELECT printf('%s %d', installed_on, execution_time) FROM _sqlx_migrations ORDER BY version LIMIT 1",
            )
            .fetch_optional(&mut *connection)
            .await?
            .flatten()
        } else {
            None
        };
        Ok(Self {
            cookie,
            migration,
            identity,
            worker_visible_at: has("worker_queue", "visible_at"),
            worker_tag: has("worker_queue", "tag"),
            worker_identity: has("worker_queue", "instance_id"),
            sessions: has("sessions", "locked_until"),
            parents: has("instances", "parent_instance_id"),
            custom_status: has("instances", "custom_status"),
        })
    }
}
