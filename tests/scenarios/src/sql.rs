//! Plain SQL on a store: for what the framework would not write.

pub mod postgres;

use std::{path::Path, time::Duration};

use sqlx::{
    Connection as _, Executor as _, PgConnection, Row as _, SqliteConnection, sqlite::SqliteConnectOptions,
};

use crate::store::Store;

/// A connection to a store of any kind.
#[derive(Debug)]
pub enum Connection {
    /// To a file.
    Sqlite(SqliteConnection),
    /// To a schema.
    Postgres(PgConnection),
}

impl Connection {
    /// Executes statements. `MOMENT(1000)` in them is a moment in milliseconds, as the queues store it.
    pub async fn run(&mut self, statements: &str) {
        self.attempt(statements).await.unwrap_or_else(|error| panic!("{error} in {statements}"));
    }

    /// The same, for statements that may fail.
    pub async fn attempt(&mut self, statements: &str) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(connection) => {
                connection.execute(sqlx::raw_sql(&statements.replace("MOMENT(", "("))).await?;
            }
            Self::Postgres(connection) => {
                let statements = statements.replace("MOMENT(", postgres::MOMENT);
                connection.execute(sqlx::raw_sql(&statements)).await?;
            }
        }
        Ok(())
    }

    /// A text with these bytes for a statement; `None` where it could not be stored.
    pub fn text(&self, bytes: &[u8]) -> Option<String> {
        match self {
            Self::Sqlite(_) => {
                let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                Some(format!("CAST(x'{digits}' AS TEXT)"))
            }
            Self::Postgres(_) if bytes.contains(&0) => None,
            Self::Postgres(_) => std::str::from_utf8(bytes).ok().map(quoted),
        }
    }

    /// Ends it, so that nobody waits for its locks.
    pub async fn close(self) {
        match self {
            Self::Sqlite(connection) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
        }
        .expect("the connection closes");
    }
}

/// A text for a statement.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A connection to a file that may write, and creates the file if there is none.
pub async fn connect(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .foreign_keys(false)
        .busy_timeout(Duration::from_secs(10));
    SqliteConnection::connect_with(&options).await.expect("a connection to the store")
}

/// Executes statements on a connection to a file.
pub async fn run(connection: &mut SqliteConnection, statements: &str) {
    if let Err(error) = connection.execute(sqlx::raw_sql(statements)).await {
        panic!("{error} in {statements}");
    }
}

/// Executes statements on a connection of their own.
pub async fn execute(store: impl Into<Store>, statements: &str) {
    let mut connection = store.into().connect().await;
    connection.run(statements).await;
    connection.close().await;
}

/// The number that a statement tells.
pub async fn number(store: impl Into<Store>, statement: &str) -> i64 {
    let mut connection = store.into().connect().await;
    let number = match &mut connection {
        Connection::Sqlite(connection) => sqlx::query_scalar(statement).fetch_one(connection).await,
        Connection::Postgres(connection) => sqlx::query_scalar(statement).fetch_one(connection).await,
    };
    connection.close().await;
    number.unwrap_or_else(|error| panic!("{error} in {statement}"))
}

/// Moves everything into the main file and empties the `-wal`. Whether nobody stood in the way.
pub async fn checkpoint(connection: &mut SqliteConnection) -> bool {
    let row =
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(connection).await.expect("a checkpoint");
    row.get::<i64, _>(0) == 0
}
