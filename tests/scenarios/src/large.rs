//! Large stores, written by SQL: what matters is how many rows there are, not how they came about.

use std::path::Path;

use crate::{
    sql::{self, Connection},
    store::Store,
    workload,
};

/// One in so many instances failed.
pub const RARE: u64 = 5_000;

/// Creates a SQLite store with the instances `order-00000001` to `n`, each with an execution and two events: one in
/// [`RARE`] failed, one in a hundred is running, the others completed.
pub async fn create(path: &Path, n: u64) {
    let provider = workload::open(path).await;
    provider.get_pool().close().await;
    let mut connection = Connection::Sqlite(sql::connect(path).await);
    connection.run("PRAGMA synchronous = OFF").await;
    add(&mut connection, 1, n).await;
    if let Connection::Sqlite(connection) = &mut connection {
        assert!(sql::checkpoint(connection).await, "nobody else is there");
    }
    connection.close().await;
}

/// Fills a store that is there with the same.
pub async fn fill(store: &Store, n: u64) {
    let mut connection = store.connect().await;
    add(&mut connection, 1, n).await;
    connection.close().await;
}

/// Adds the instances `first` to `last` to a store of any kind.
pub async fn add(connection: &mut Connection, first: u64, last: u64) {
    let numbers = format!(
        "WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last}), \
         o(i, id) AS (SELECT i, 'order-' || substr(CAST(100000000 + i AS TEXT), 2) FROM n)"
    );
    let status = format!(
        "CASE WHEN i % {RARE} = 0 THEN 'Failed' WHEN i % 100 = 0 THEN 'Running' ELSE 'Completed' END"
    );
    let event = |number: u64, what: &str| {
        format!(
            "'{{\"event_id\":{number},\"source_event_id\":null,\"instance_id\":\"' || id || '\",\"execution_id\":1,\
             \"timestamp_ms\":1795408935949,\"duroxide_version\":\"0.1.32\",\"type\":{what}}}'"
        )
    };
    let started = event(
        1,
        r#""OrchestrationStarted","name":"Order","version":"1.0.0","input":"x","parent_instance":null,"parent_id":null"#,
    );
    let ended = event(2, r#""OrchestrationCompleted","output":"done""#);
    connection
        .run(&format!(
            "BEGIN; \
             {numbers} INSERT INTO instances (instance_id, orchestration_name, orchestration_version, current_execution_id) \
               SELECT id, 'Orchestration' || (i % 40), '1.0.' || (i % 3), 1 FROM o; \
             {numbers} INSERT INTO executions (instance_id, execution_id, status, output, completed_at) \
               SELECT id, 1, {status}, 'done', CASE WHEN {status} <> 'Running' THEN MOMENT(1795408936476) END FROM o; \
             {numbers} INSERT INTO history (instance_id, execution_id, event_id, event_type, event_data) \
               SELECT id, 1, 1, 'OrchestrationStarted', {started} FROM o; \
             {numbers} INSERT INTO history (instance_id, execution_id, event_id, event_type, event_data) \
               SELECT id, 1, 2, 'OrchestrationCompleted', {ended} FROM o WHERE {status} = 'Completed'; \
             COMMIT"
        ))
        .await;
}
