//! Plain SQL on a store: for what the framework would not write.

use std::{path::Path, time::Duration};

use sqlx::{Connection as _, Executor as _, Row as _, SqliteConnection, sqlite::SqliteConnectOptions};

/// A connection that may write, and creates the file if there is none.
pub async fn connect(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .foreign_keys(false)
        .busy_timeout(Duration::from_secs(10));
    SqliteConnection::connect_with(&options).await.expect("a connection to the store")
}

/// Executes statements on a connection.
pub async fn run(connection: &mut SqliteConnection, statements: &str) {
    if let Err(error) = connection.execute(sqlx::raw_sql(statements)).await {
        panic!("{error} in {statements}");
    }
}

/// Executes statements on a connection of their own.
pub async fn execute(path: &Path, statements: &str) {
    let mut connection = connect(path).await;
    run(&mut connection, statements).await;
    connection.close().await.expect("the connection closes");
}

/// Moves everything into the main file and empties the `-wal`. Whether nobody stood in the way.
pub async fn checkpoint(connection: &mut SqliteConnection) -> bool {
    let row =
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(connection).await.expect("a checkpoint");
    row.get::<i64, _>(0) == 0
}
