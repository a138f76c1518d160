//! Rows that the runtime does not write, or only when something goes wrong.

use std::path::Path;

use sqlx::{Connection as _, SqliteConnection};

use crate::sql;

/// Events of `mixed`: sound ones and, in the middle, every kind of damage.
const MIXED: [(&str, &[u8]); 9] = [
    ("OrchestrationStarted", br#"{"event_id":1,"source_event_id":null,"instance_id":"mixed","execution_id":1,"timestamp_ms":1795408935949,"duroxide_version":"0.1.32","type":"OrchestrationStarted","name":"Mixed","version":"1.0.0","input":"i","parent_instance":null,"parent_id":null}"#),
    ("ActivityScheduled", b"no JSON at all, but SecretPayload"),
    ("ActivityScheduled", br#"{"SecretPayload":"JSON without an envelope"}"#),
    ("FromTheFuture", br#"{"event_id":4,"source_event_id":null,"instance_id":"mixed","execution_id":1,"timestamp_ms":1795408935950,"duroxide_version":"9.9.9","type":"FromTheFuture","news":{"deep":[1,2.5,null]}}"#),
    ("ActivityScheduled", b"{\"event_id\":5,\"SecretPayload\":\"\xff\xfe no UTF-8\"}"),
    ("ActivityScheduled", br#"{"event_id":6,"source_event_id":null,"instance_id":"mixed","execution_id":1,"timestamp_ms":1795408935951,"duroxide_version":"0.1.32","type":"ActivityScheduled","name":"Greet","input":"nul \u0000 inside"}"#),
    ("ActivityCompleted", br#"{"event_id":"SecretPayload","instance_id":"mixed","execution_id":1,"timestamp_ms":1,"type":"ActivityCompleted"}"#),
    ("", b""),
    ("TimerCreated", br#"{"event_id":9,"source_event_id":null,"instance_id":"mixed","execution_id":1,"timestamp_ms":1795408935952,"duroxide_version":"0.1.32","type":"TimerCreated","fire_at_ms":4102444800000}"#),
];

/// Failed executions, by the details of their last event.
const FAILURES: [(&str, &str); 4] = [
    (
        "infrastructure",
        r#"{"Infrastructure":{"operation":"ack_orchestration_item","message":"m","retryable":false}}"#,
    ),
    (
        "configuration",
        r#"{"Configuration":{"kind":"UnregisteredOrchestration","resource":"r","message":null}}"#,
    ),
    ("unknown-details", r#"{"FromTheFuture":{"message":"canceled: not really"}}"#),
    ("no-details", "null"),
];

/// Writes them. The store holds no foreign keys on this connection: orphans can be written.
pub async fn write(path: &Path) {
    let mut connection = sql::connect(path).await;
    instance(&mut connection, "mixed", "Running").await;
    for (id, (column_type, data)) in (1..).zip(MIXED) {
        write_event(&mut connection, "mixed", id, column_type, data).await;
    }
    // The sentinel that the framework uses for a history it cannot read.
    let poison = br#"{"event_id":99999,"source_event_id":null,"instance_id":"mixed","execution_id":1,"timestamp_ms":1795408935953,"duroxide_version":"0.1.32","type":"CustomStatusUpdated","status":null}"#;
    write_event(&mut connection, "mixed", 99_999, "CustomStatusUpdated", poison).await;

    for (id, details) in FAILURES {
        instance(&mut connection, id, "Failed").await;
        let event = format!(
            r#"{{"event_id":2,"source_event_id":null,"instance_id":"{id}","execution_id":1,"timestamp_ms":1795408935949,"duroxide_version":"0.1.32","type":"OrchestrationFailed","details":{details}}}"#
        );
        write_event(&mut connection, id, 2, "OrchestrationFailed", event.as_bytes()).await;
    }
    // A message that looks like another kind of failure.
    sql::run(
        &mut connection,
        "UPDATE executions SET output = 'canceled: not really' WHERE instance_id = 'unknown-details'",
    )
    .await;
    instance(&mut connection, "no-events", "Failed").await;
    instance(&mut connection, "no-date", "Completed").await;
    instance(&mut connection, "old", "Completed").await;
    instance(&mut connection, "orphan-of-nobody", "Completed").await;
    sql::run(
        &mut connection,
        "UPDATE instances SET created_at = 'no time at all' WHERE instance_id = 'no-date';
         UPDATE instances SET created_at = '2001-02-03 04:05:06' WHERE instance_id = 'old';
         UPDATE instances SET parent_instance_id = 'a parent that is gone' WHERE instance_id = 'orphan-of-nobody';
         INSERT INTO instances (instance_id, orchestration_name, orchestration_version, current_execution_id)
           VALUES ('chain', 'Chain', '1.0.0', 120);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120)
           INSERT INTO executions (instance_id, execution_id, status, output, completed_at)
           SELECT 'chain', i, CASE WHEN i < 120 THEN 'ContinuedAsNew' ELSE 'Completed' END, i + 1, 1795408936476 + i FROM n;
         INSERT INTO executions (instance_id, execution_id, status) VALUES ('phantom', 2, 'Completed');",
    )
    .await;
    connection.close().await.expect("the connection closes");
}

async fn instance(connection: &mut SqliteConnection, id: &str, status: &str) {
    sqlx::query(
        "INSERT INTO instances (instance_id, orchestration_name, orchestration_version, current_execution_id) \
         VALUES (?, 'ByHand', '0.0.1', 1)",
    )
    .bind(id)
    .execute(&mut *connection)
    .await
    .expect("an instance");
    sqlx::query("INSERT INTO executions (instance_id, execution_id, status, output, completed_at) VALUES (?, 1, ?, ?, ?)")
        .bind(id)
        .bind(status)
        .bind((status != "Running").then_some("by hand"))
        .bind((status != "Running").then_some(1_795_408_936_476_i64))
        .execute(connection)
        .await
        .expect("its execution");
}

/// One history row of execution 1, whatever its bytes.
pub async fn write_event(
    connection: &mut SqliteConnection,
    instance: &str,
    id: i64,
    column_type: &str,
    data: &[u8],
) {
    sqlx::query(
        "INSERT INTO history (instance_id, execution_id, event_id, event_type, event_data) \
         VALUES (?, 1, ?, ?, CAST(? AS TEXT))",
    )
    .bind(instance)
    .bind(id)
    .bind(column_type)
    .bind(data)
    .execute(connection)
    .await
    .expect("an event");
}
