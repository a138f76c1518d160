//! Which tables and columns a store has. Probed, not deduced from version numbers: the framework's migrations
//! and its fallback that creates the tables directly differ, and newer ones are unknown to us.

use std::collections::HashSet;

use sqlx::sqlite::SqliteConnection;

use super::sql;
use crate::labels::FailureReason;
use crate::store::database::failure::StoreError;

/// The parts of the schema that differ between versions of the framework.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Schema {
    /// SQLite's counter of schema changes: the probe is repeated when it moves.
    cookie: i64,
    /// Newest migration, or empty for a store that was created without migrations.
    pub(super) migration: String,
    /// When each migration was run: no two stores have that in common, but for copies. `None` without migrations.
    pub(super) identity: Option<String>,
    /// When the first was. `None` without migrations.
    pub(super) made_ms: Option<i64>,
    pub(super) worker_visible_at: bool,
    pub(super) worker_tag: bool,
    pub(super) worker_identity: bool,
    pub(super) worker_session: bool,
    /// Whether the framework's indexes are there that tell of changes; see [`super::large`].
    pub(super) worker_tells: bool,
    pub(super) orchestrator_tells: bool,
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

/// Those that not every version has.
const OPTIONAL: [&str; 2] = ["sessions", "_sqlx_migrations"];

impl Schema {
    /// The schema of the open snapshot; `known` is reused while nothing changed.
    pub(super) async fn probe(
        connection: &mut SqliteConnection,
        known: Option<Self>,
    ) -> Result<Self, StoreError> {
        // Reading the schema itself is what takes the snapshot; the pragma alone would not.
        sqlx::query("SELECT COUNT(*) FROM sqlite_schema").fetch_one(&mut *connection).await?;
        let cookie = sqlx::query("PRAGMA schema_version").fetch_one(&mut *connection).await?;
        let cookie = sql::number(&cookie, 0)?.unwrap_or(0);
        match known {
            Some(schema) if schema.cookie == cookie => Ok(schema),
            _ => Self::read(connection, cookie).await,
        }
    }

    async fn read(connection: &mut SqliteConnection, cookie: i64) -> Result<Self, StoreError> {
        // Only ours: a table of the application's own may need what SQLite does not have here.
        let ours: Vec<&str> = REQUIRED.iter().map(|(table, _)| *table).chain(OPTIONAL).collect();
        let rows = sqlx::query(
            "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c \
             WHERE t.type = 'table' AND t.name IN (SELECT value FROM json_each(?))",
        )
        .bind(serde_json::to_string(&ours).unwrap_or_default())
        .fetch_all(&mut *connection)
        .await?;
        let mut columns = HashSet::new();
        for row in rows {
            columns
                .insert((sql::text(&row, 0)?.unwrap_or_default(), sql::text(&row, 1)?.unwrap_or_default()));
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
            return Err(StoreError::new(
                FailureReason::Schema,
                "it is a SQLite database, but not a duroxide store",
            ));
        }
        if !missing.is_empty() {
            return Err(StoreError::new(
                FailureReason::Schema,
                format!("the duroxide store lacks {}", missing.join(", ")),
            ));
        }
        let migration = if has("_sqlx_migrations", "version") {
            let newest = sqlx::query("SELECT MAX(version) FROM _sqlx_migrations");
            sql::text(&newest.fetch_one(&mut *connection).await?, 0)?.unwrap_or_default()
        } else {
            String::new()
        };
        // Only the first: a newer framework adds to them.
        let identity = if has("_sqlx_migrations", "installed_on") && has("_sqlx_migrations", "execution_time")
        {
            let first = "SELECT printf('%s %d', installed_on, execution_time), strftime('%s', installed_on) * 1000 \
                         FROM _sqlx_migrations ORDER BY version LIMIT 1";
            match sqlx::query(first).fetch_optional(&mut *connection).await? {
                Some(row) => Some((sql::text(&row, 0)?, sql::number(&row, 1)?)),
                None => None,
            }
        } else {
            None
        };
        let (identity, made_ms) = identity.unwrap_or_default();
        let indexes = indexes(connection).await?;
        Ok(Self {
            cookie,
            migration,
            identity,
            made_ms,
            worker_visible_at: has("worker_queue", "visible_at"),
            worker_tag: has("worker_queue", "tag"),
            worker_identity: has("worker_queue", "instance_id"),
            worker_session: has("worker_queue", "session_id"),
            worker_tells: has("worker_queue", "visible_at")
                && indexes.contains("idx_worker_available(lock_token,id)"),
            orchestrator_tells: indexes.contains("idx_orch_visible(visible_at,lock_token)"),
            sessions: has("sessions", "locked_until"),
            parents: has("instances", "parent_instance_id"),
            custom_status: has("instances", "custom_status"),
        })
    }
}

/// The indexes of the queues with their columns: those that hold every row, and texts as they are compared by default.
async fn indexes(connection: &mut SqliteConnection) -> Result<HashSet<String>, StoreError> {
    let rows = sqlx::query(
        "SELECT printf('%s(%s)', l.name, group_concat(c.name)) \
         FROM sqlite_schema t, pragma_index_list(t.name) l, pragma_index_xinfo(l.name) c \
         WHERE t.type = 'table' AND t.name IN ('orchestrator_queue', 'worker_queue') \
           AND NOT l.partial AND c.key AND c.coll = 'BINARY' GROUP BY l.name",
    )
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Ok(sql::text(row, 0)?.unwrap_or_default())).collect()
}
