//! What people may ask, and what may happen to a store while they do: the answer is right, or an error that says so.

mod broken;
mod crowd;
mod ids;
mod large;
mod numbers;
mod vanishing;

use std::{path::Path, sync::Arc};

use duroxide_exporter::{Capability, ManagementAPI};
use sqlx::SqliteConnection;

/// Whether a backend offers all of this.
fn offers(api: &Arc<dyn ManagementAPI>, capabilities: &[Capability]) -> bool {
    capabilities.iter().all(|capability| api.capabilities().has(*capability))
}

/// The instance `id`, completed, with an output and a first event of its own.
async fn insert(connection: &mut SqliteConnection, id: &str, parent: Option<&str>) {
    let started = serde_json::json!({
        "event_id": 1, "source_event_id": null, "instance_id": id, "execution_id": 1, "timestamp_ms": 1_795_408_935_949_u64,
        "duroxide_version": "0.1.32", "type": "OrchestrationStarted", "name": name(id), "version": "1.0.0", "input": "",
        "parent_instance": parent, "parent_id": null,
    });
    for (sql, values) in [
        (
            "INSERT INTO instances (instance_id, orchestration_name, orchestration_version, current_execution_id, \
             parent_instance_id) VALUES (?1, ?2, '1.0.0', 1, ?3)",
            [Some(id), Some(name(id).as_str()), parent],
        ),
        (
            "INSERT INTO executions (instance_id, execution_id, status, output, completed_at) \
             VALUES (?1, 1, 'Completed', ?2, coalesce(?3, 1795408936476))",
            [Some(id), Some(output(id).as_str()), None],
        ),
        (
            "INSERT INTO history (instance_id, execution_id, event_id, event_type, event_data) \
             VALUES (?1, 1, 1, coalesce(?3, 'OrchestrationStarted'), ?2)",
            [Some(id), Some(started.to_string().as_str()), None],
        ),
    ] {
        let mut query = sqlx::query(sql);
        for value in values {
            query = query.bind(value);
        }
        query.execute(&mut *connection).await.unwrap_or_else(|error| panic!("{error} in {sql}"));
    }
}

fn name(id: &str) -> String {
    format!("Name of {id}")
}

fn output(id: &str) -> String {
    format!("Output of {id}")
}

/// A store with the instances of these ids.
async fn store(path: &Path, ids: &[&str]) -> Arc<duroxide::providers::sqlite::SqliteProvider> {
    let provider = scenarios::workload::open(path).await;
    let mut connection = scenarios::sql::connect(path).await;
    for id in ids {
        insert(&mut connection, id, None).await;
    }
    provider
}
