//! Rows that the runtime does not write, or only when something goes wrong.

use crate::{sql::Connection, store::Store};

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

/// Written in 2001.
const OLD_MS: i64 = 981_173_106_000;

/// Writes them. The store holds no foreign keys on this connection: orphans can be written.
pub(super) async fn write(store: &Store) {
    let mut connection = store.connect().await;
    instance(&mut connection, "mixed", "Running").await;
    for (id, (column_type, data)) in (1..).zip(MIXED) {
        write_event(&mut connection, "mixed", id, column_type, data).await;
    }
    // The sentinel that the framework uses for a history it cannot read.
    let poison = br#"{"event_id":99999,"source_event_id":null,"instance_id":"mixed","execution_id":1,"timestamp_ms":1795408935953,"duroxide_version":"0.1.32","type":"CustomStatusUpdated","status":null}"#;
    write_event(&mut connection, "mixed", 99_999, "CustomStatusUpdated", poison).await;

    // Legal in JSON, and no text of Postgres can hold what it stands for.
    instance(&mut connection, "nul", "Running").await;
    for (id, fields) in [
        (
            1,
            r#""OrchestrationStarted","name":"By\u0000Hand","version":"1.0.0","input":"nul \u0000 inside","parent_instance":null,"parent_id":null"#,
        ),
        (2, r#""ActivityScheduled","name":"Gr\u0000eet","input":"\u0000","tag":"t\u0000""#),
        (3, r#""CustomStatusUpdated","status":"\u0000\u0000""#),
    ] {
        let event = format!(
            r#"{{"event_id":{id},"source_event_id":null,"instance_id":"nul","execution_id":1,"timestamp_ms":1795408935949,"duroxide_version":"0.1.32","type":{fields}}}"#
        );
        write_event(&mut connection, "nul", id, "Event", event.as_bytes()).await;
    }

    for (id, details) in FAILURES {
        instance(&mut connection, id, "Failed").await;
        let event = format!(
            r#"{{"event_id":2,"source_event_id":null,"instance_id":"{id}","execution_id":1,"timestamp_ms":1795408935949,"duroxide_version":"0.1.32","type":"OrchestrationFailed","details":{details}}}"#
        );
        write_event(&mut connection, id, 2, "OrchestrationFailed", event.as_bytes()).await;
    }
    // A message that looks like another kind of failure.
    connection
        .run("UPDATE executions SET output = 'canceled: not really' WHERE instance_id = 'unknown-details'")
        .await;
    instance(&mut connection, "no-events", "Failed").await;
    instance(&mut connection, "no-date", "Completed").await;
    instance(&mut connection, "old", "Completed").await;
    instance(&mut connection, "orphan-of-nobody", "Completed").await;
    connection
        .run(&format!(
            "UPDATE instances SET created_at = {} WHERE instance_id = 'old';
             UPDATE instances SET parent_instance_id = 'a parent that is gone' WHERE instance_id = 'orphan-of-nobody';
             INSERT INTO instances (instance_id, orchestration_name, orchestration_version, current_execution_id)
               VALUES ('chain', 'Chain', '1.0.0', 120);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120)
               INSERT INTO executions (instance_id, execution_id, status, output, completed_at)
               SELECT 'chain', i, CASE WHEN i < 120 THEN 'ContinuedAsNew' ELSE 'Completed' END, CAST(i + 1 AS TEXT),
                 MOMENT(1795408936476 + i) FROM n;
             INSERT INTO executions (instance_id, execution_id, status) VALUES ('phantom', 2, 'Completed');",
            store.time(OLD_MS)
        ))
        .await;
    connection.run(if store.is_postgres() { TIMES_OF_POSTGRES } else { TIMES_OF_SQLITE }).await;
    connection.close().await;
}

/// Times are texts.
const TIMES_OF_SQLITE: &str =
    "UPDATE instances SET created_at = 'no time at all' WHERE instance_id = 'no-date'";

/// Times have microseconds, and any number of instances may have the same one.
const TIMES_OF_POSTGRES: &str = "
    UPDATE instances SET created_at = created_at + INTERVAL '999 microseconds', updated_at = updated_at + INTERVAL '1 hour 999 microseconds'
      WHERE instance_id IN ('no-events', 'chain', 'old', 'dead');
    UPDATE executions SET started_at = started_at + INTERVAL '999 microseconds', completed_at = completed_at + INTERVAL '999 microseconds'
      WHERE instance_id IN ('no-events', 'chain');
    UPDATE instances SET created_at = TIMESTAMPTZ '2026-11-24 01:02:03.456+00'
      WHERE orchestration_name IN ('ByHand', 'Echo') AND instance_id NOT IN ('no-events', 'old');
    UPDATE instances SET created_at = created_at + INTERVAL '1 microsecond' WHERE instance_id = 'configuration';
";

async fn instance(connection: &mut Connection, id: &str, status: &str) {
    let ended = if status == "Running" { "NULL, NULL" } else { "'by hand', MOMENT(1795408936476)" };
    connection
        .run(&format!(
            "INSERT INTO instances (instance_id, orchestration_name, orchestration_version, current_execution_id)
               VALUES ('{id}', 'ByHand', '0.0.1', 1);
             INSERT INTO executions (instance_id, execution_id, status, output, completed_at)
               VALUES ('{id}', 1, '{status}', {ended});"
        ))
        .await;
}

/// One history row of execution 1, whatever its bytes; none where they cannot be stored.
async fn write_event(connection: &mut Connection, instance: &str, id: i64, column_type: &str, data: &[u8]) {
    let Some(data) = connection.text(data) else { return };
    connection
        .run(&format!(
            "INSERT INTO history (instance_id, execution_id, event_id, event_type, event_data)
               VALUES ('{instance}', 1, {id}, '{column_type}', {data})"
        ))
        .await;
}
