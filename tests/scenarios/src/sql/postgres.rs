//! Postgres: connections, and how the same statements are made to fit.

use std::str::FromStr as _;

use sqlx::{ConnectOptions as _, Executor as _, PgConnection, postgres::PgConnectOptions};

use crate::store::Postgres;

/// A connection whose unqualified names are those of the store's schema.
pub async fn connect(store: &Postgres) -> PgConnection {
    let options = PgConnectOptions::from_str(&store.database)
        .expect("the URL of a database")
        .options([("search_path", store.schema.as_str())]);
    options.connect().await.expect("a connection to the store")
}

/// A moment for a statement.
pub fn moment(ms: i64) -> String {
    format!("({}{ms}))", MOMENT)
}

/// What `MOMENT(` stands for. Without a function, which a standby could not create.
pub(super) const MOMENT: &str = "TIMESTAMPTZ 'epoch' + INTERVAL '1 millisecond' * (";

/// The tables have no default times: the framework always tells them. With these (and one for a column that SQLite has
/// no more), rows by hand may leave them out
/// as they may on SQLite.
pub async fn accept_rows_by_hand(store: &Postgres) {
    let mut connection = connect(store).await;
    let mut statements = String::new();
    for (table, column) in [
        ("instances", "created_at"),
        ("instances", "updated_at"),
        ("executions", "started_at"),
        ("history", "created_at"),
        ("orchestrator_queue", "created_at"),
        ("worker_queue", "created_at"),
    ] {
        statements += &format!(
            "ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT date_trunc('milliseconds', clock_timestamp());"
        );
    }
    statements += "ALTER TABLE kv_store ALTER COLUMN execution_id SET DEFAULT 1;";
    connection.execute(sqlx::raw_sql(&statements)).await.expect("defaults");
}
