//! The tables of a Postgres schema.

use sqlx::{Connection as _, PgConnection, Row as _, postgres::PgRow};

use crate::{
    sql::postgres::connect,
    store::Postgres,
    truth::{EventRow, Execution, Instance, Truth},
};

/// A time as people are told it: in whole milliseconds, what is less is cut off.
fn millis(column: &str) -> String {
    format!("floor(extract(epoch FROM {column}) * 1000)::bigint AS {column}_ms")
}

pub(super) async fn read(store: &Postgres) -> Truth {
    let mut connection = connect(store).await;
    let mut truth = Truth::default();
    // Those of one moment in the order of the bytes of their ids, whatever the database's language.
    let instances = format!(
        "SELECT *, {}, {} FROM instances ORDER BY created_at, instance_id COLLATE \"C\"",
        millis("created_at"),
        millis("updated_at")
    );
    for row in all(&mut connection, &instances).await {
        truth.instances.push(Instance {
            id: row.get("instance_id"),
            orchestration: row.get("orchestration_name"),
            version: row.get::<Option<String>, _>("orchestration_version").unwrap_or_default(),
            current: row.get("current_execution_id"),
            created_ms: row.get("created_at_ms"),
            updated_ms: row.get("updated_at_ms"),
            parent: row.get("parent_instance_id"),
            custom_status: row.get("custom_status"),
        });
    }
    let executions =
        format!("SELECT *, {}, {} FROM executions", millis("started_at"), millis("completed_at"));
    for row in all(&mut connection, &executions).await {
        let execution = Execution {
            status: row.get("status"),
            output: row.get("output"),
            started_ms: row.get("started_at_ms"),
            completed_ms: row.get("completed_at_ms"),
        };
        truth.executions.insert((row.get("instance_id"), row.get("execution_id")), execution);
    }
    let history = format!("SELECT *, {} FROM history ORDER BY event_id", millis("created_at"));
    for row in all(&mut connection, &history).await {
        let event = EventRow {
            id: row.get("event_id"),
            column_type: row.get("event_type"),
            data: row.get::<String, _>("event_data").into_bytes(),
            committed_ms: row.get("created_at_ms"),
        };
        truth.history.entry((row.get("instance_id"), row.get("execution_id"))).or_default().push(event);
    }
    connection.close().await.expect("the connection closes");
    truth
}

async fn all(connection: &mut PgConnection, sql: &str) -> Vec<PgRow> {
    sqlx::query(sql).fetch_all(connection).await.unwrap_or_else(|error| panic!("{error} in {sql}"))
}
