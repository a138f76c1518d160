//! The workload really brings about everything it claims: asked of the database, not of the workload.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail loudly")]

use std::{collections::BTreeSet, str::FromStr as _};

use scenarios::{files::Scratch, workload};
use sqlx::{ConnectOptions as _, Executor as _, SqliteConnection, sqlite::SqliteConnectOptions};

#[tokio::test(flavor = "multi_thread")]
async fn the_workload_writes_every_work_item_and_every_event() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let store = workload::open(&path).await;
    let mut connection = SqliteConnectOptions::from_str(&format!("sqlite:{}", path.display()))
        .unwrap()
        .connect()
        .await
        .unwrap();
    // Work items come and go between two looks: only triggers see all of them.
    for table in ["orchestrator_queue", "worker_queue"] {
        let trigger = format!(
            "CREATE TABLE IF NOT EXISTS seen_work_items (kind TEXT PRIMARY KEY) WITHOUT ROWID;
             CREATE TRIGGER see_{table} AFTER INSERT ON {table} BEGIN
                 INSERT OR IGNORE INTO seen_work_items
                     SELECT key FROM json_each(NEW.work_item);
             END;"
        );
        connection.execute(sqlx::raw_sql(&trigger)).await.unwrap();
    }

    let runtime = workload::start_runtime(&store).await;
    workload::run(&store, &path).await;
    runtime.shutdown(Some(0)).await;

    let work_items = texts(&mut connection, "SELECT kind FROM seen_work_items").await;
    assert_eq!(work_items, set(&workload::WORK_ITEMS));
    let events = texts(&mut connection, "SELECT DISTINCT event_data ->> 'type' FROM history").await;
    assert_eq!(events, set(&workload::EVENTS));
    let statuses = texts(&mut connection, "SELECT DISTINCT status FROM executions").await;
    assert_eq!(statuses, set(&["Completed", "ContinuedAsNew", "Failed", "Running"]));
}

async fn texts(connection: &mut SqliteConnection, sql: &str) -> BTreeSet<String> {
    sqlx::query_scalar(sql).fetch_all(connection).await.unwrap().into_iter().collect()
}

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}
