//! What is in the schema, and what we may read of it. Columns are probed, not deduced from version numbers; numbers of
//! migrations are only shown.

use std::collections::HashSet;
use std::fmt::{self, Display, Formatter};

use sqlx::Row;

use super::connection::Transaction;
use super::rights::{self, Missing};
use crate::labels::FailureReason;
use crate::store::database::failure::StoreError;

/// Which of the framework's providers made the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Provider {
    Pg,
    PgOpt,
}

impl Provider {
    /// Name of its crate.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pg => "duroxide-pg",
            Self::PgOpt => "duroxide-pg-opt",
        }
    }

    /// The newest migration that this version was tried with.
    fn newest_known(self) -> i64 {
        match self {
            Self::Pg => 26,
            Self::PgOpt => 11,
        }
    }
}

/// The parts of the schema that differ between versions of the framework. Shown as statements name it: quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Schema {
    pub(super) name: String,
    /// Who reads.
    pub(super) role: String,
    pub(super) provider: Provider,
    /// Newest migration; 0 when the list of migrations is empty.
    pub(super) migration: i64,
    /// When its first migration was run: no two stores have that in common, but for copies.
    pub(super) identity: Option<String>,
    /// When the first of its migrations was run, by the database's clock.
    pub(super) made_ms: Option<i64>,
    pub(super) tables: Tables,
    /// Whether the queue tables' sequences may be read.
    pub(super) sequences: bool,
    pub(super) worker_tag: bool,
    /// Whether a column tells whose an activity is.
    pub(super) worker_identity: bool,
    pub(super) custom_status: bool,
}

/// Numbers of tables. One changes when its table is made anew: what was remembered of its rows is void.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tables {
    pub(super) instances: i64,
    pub(super) history: i64,
    pub(super) orchestrator_queue: i64,
    pub(super) worker_queue: i64,
}

/// Tables without which nothing can be said, with the columns that are read. All are there since sessions are.
const REQUIRED: &[(&str, &[&str])] = &[
    (
        "instances",
        &[
            "instance_id",
            "orchestration_name",
            "orchestration_version",
            "current_execution_id",
            "created_at",
            "updated_at",
            "parent_instance_id",
        ],
    ),
    ("executions", &["instance_id", "execution_id", "status", "output", "started_at", "completed_at"]),
    ("history", &["instance_id", "execution_id", "event_id", "event_type", "event_data", "created_at"]),
    (
        "orchestrator_queue",
        &[
            "id",
            "instance_id",
            "work_item",
            "visible_at",
            "lock_token",
            "locked_until",
            "created_at",
            "attempt_count",
        ],
    ),
    (
        "worker_queue",
        &["id", "work_item", "visible_at", "lock_token", "locked_until", "created_at", "attempt_count"],
    ),
    ("instance_locks", &["instance_id", "lock_token", "locked_until", "locked_at"]),
    ("sessions", &["session_id", "locked_until", "last_activity_at"]),
    (MIGRATIONS, &["version", "name"]),
];

const MIGRATIONS: &str = "_duroxide_migrations";

impl Schema {
    /// The schema `name`, as the transaction sees it.
    pub(super) async fn probe(transaction: &mut Transaction, name: &str) -> Result<Self, StoreError> {
        // A database without an encoding holds any bytes, and would refuse to send them as UTF-8.
        let rights = sqlx::query(
            "SELECT current_user::text, has_schema_privilege(oid, 'USAGE'), \
                    CASE current_setting('server_encoding') \
                      WHEN 'SQL_ASCII' THEN set_config('client_encoding', 'SQL_ASCII', true) END \
             FROM (SELECT 1) AS one LEFT JOIN pg_namespace ON nspname = $1",
        )
        .bind(name)
        .fetch_one(&mut *transaction)
        .await?;
        let role: String = rights.try_get(0)?;
        let Some(usage) = rights.try_get::<Option<bool>, _>(1)? else {
            return Err(no_store(transaction, format!("there is no schema {name}")).await);
        };

        let rows = sqlx::query(
            "SELECT c.oid::int8, c.relname::text, c.relkind::text, \
                    CASE c.relkind WHEN 'S' THEN has_sequence_privilege(c.oid, 'SELECT') \
                                   ELSE has_table_privilege(c.oid, 'SELECT') END, \
                    array(SELECT a.attname::text FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
                          WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
                            AND t.typnamespace = 'pg_catalog'::regnamespace) \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')",
        )
        .bind(name)
        .fetch_all(&mut *transaction)
        .await?;
        let mut columns = HashSet::new();
        let mut closed = HashSet::new();
        let mut sequences = 0;
        let mut tables = Tables::default();
        for row in rows {
            let (oid, relation): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
            let readable: bool = row.try_get(3)?;
            match row.try_get(2)? {
                "S" => {
                    sequences += usize::from(readable && SEQUENCES.contains(&relation.as_str()));
                    continue;
                }
                "r" | "p" => {}
                _ if REQUIRED.iter().any(|(table, _)| *table == relation) => {
                    return Err(no_table(name, &relation));
                }
                _ => continue,
            }
            match relation.as_str() {
                "instances" => tables.instances = oid,
                "history" => tables.history = oid,
                "orchestrator_queue" => tables.orchestrator_queue = oid,
                "worker_queue" => tables.worker_queue = oid,
                _ => {}
            }
            if !readable {
                closed.insert(relation.clone());
            }
            for column in row.try_get::<Vec<String>, _>(4)? {
                columns.insert((relation.clone(), column));
            }
        }
        let has = |table: &str, column: &str| columns.contains(&(table.to_owned(), column.to_owned()));

        if !has(MIGRATIONS, "version") {
            let words = match name {
                "df" => "schema df is pg_durable's own; SELECT df.duroxide_schema() tells where its duroxide store is".to_owned(),
                _ => format!("schema {name} is not a duroxide store: it has no table {MIGRATIONS}"),
            };
            return Err(no_store(transaction, words).await);
        }
        let wanted =
            || REQUIRED.iter().flat_map(|(table, names)| names.iter().map(move |name| (*table, *name)));
        let missing: Vec<String> = wanted()
            .filter(|(table, column)| !has(table, column))
            .map(|(table, column)| format!("{table}.{column}"))
            .collect();
        if !missing.is_empty() {
            return Err(StoreError::new(
                FailureReason::Schema,
                format!("the duroxide store in schema {name} lacks {}", missing.join(", ")),
            )
            .advise(
                "Stores of duroxide-pg and duroxide-pg-opt can be read since they have worker sessions: let the \
                 application run with a provider that new, so that it migrates its tables. A migration may also be \
                 under way right now.",
            ));
        }
        let closed =
            REQUIRED.iter().map(|(table, _)| (*table).to_owned()).filter(|table| closed.contains(table));
        let missing = Missing { usage: !usage, tables: closed.collect() };
        if !missing.is_empty() {
            return Err(StoreError::new(FailureReason::Permission, missing.words(&role, name))
                .advise(rights::grants(&role, name)));
        }

        let migration = sqlx::query(&format!(
            "SELECT COALESCE(MAX(version), 0)::int8, \
                        COALESCE(bool_or(version = 2 AND name LIKE '%stored_procedures%'), false), \
                        COALESCE(bool_or(version = 2 AND name LIKE '%deletion_and_pruning%'), false), \
                        {} \
                 FROM {}._duroxide_migrations",
            if has(MIGRATIONS, "applied_at") {
                "floor(extract(epoch FROM MIN(applied_at)) * 1000000)::int8::text"
            } else {
                "NULL::text"
            },
            quoted(name)
        ))
        .fetch_one(&mut *transaction)
        .await?;
        // Should the names ever change: only duroxide-pg has the columns.
        let pg = migration.try_get::<bool, _>(1)?
            || (!migration.try_get::<bool, _>(2)? && has("worker_queue", "instance_id"));
        let made: Option<String> = migration.try_get(3)?;
        Ok(Self {
            name: name.to_owned(),
            role,
            provider: if pg { Provider::Pg } else { Provider::PgOpt },
            migration: migration.try_get(0)?,
            made_ms: made.as_ref().and_then(|made| Some(made.parse::<i64>().ok()? / 1000)),
            identity: made.map(|made| format!("{name} {made}")),
            tables,
            sequences: sequences == SEQUENCES.len(),
            worker_tag: has("worker_queue", "tag"),
            worker_identity: has("worker_queue", "instance_id"),
            custom_status: has("instances", "custom_status"),
        })
    }

    /// As people and the label know it: provider and newest migration.
    pub(super) fn version(&self) -> String {
        format!("{} {}", self.provider.name(), self.migration)
    }

    pub(super) fn is_newer_than_known(&self) -> bool {
        self.migration > self.provider.newest_known()
    }
}

impl Display for Schema {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&quoted(&self.name))
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Where the queue tables take their ids from.
pub(super) const SEQUENCES: [&str; 2] = ["orchestrator_queue_id_seq", "worker_queue_id_seq"];

/// A view runs functions of its owner, with the rights of whoever reads it.
fn no_table(schema: &str, relation: &str) -> StoreError {
    StoreError::new(FailureReason::Schema, format!("{relation} in schema {schema} is no table")).advise(
        "The framework makes tables. A view in the place of one would run functions of its owner with the rights of the \
         exporter's role, so it is not read.",
    )
}

/// There is no store here; perhaps there are some elsewhere.
async fn no_store(transaction: &mut Transaction, words: String) -> StoreError {
    let found: Result<Vec<String>, _> = sqlx::query_scalar(
        "SELECT n.nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relname = $1 ORDER BY 1 LIMIT 20",
    )
    .bind(MIGRATIONS)
    .fetch_all(transaction)
    .await;
    let advice = match found.unwrap_or_default().as_slice() {
        [] => "No schema of this database is a duroxide store: check the database in the URL. The application makes its \
               tables when it first starts."
            .to_owned(),
        schemas => format!(
            "duroxide stores are in: {}. Say which with ?schema=NAME at the end of the URL.",
            schemas.iter().map(|name| rights::quoted(name)).collect::<Vec<_>>().join(", ")
        ),
    };
    StoreError::new(FailureReason::Schema, words).advise(advice)
}
