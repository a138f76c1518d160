//! One store for both roles: the runtime works on it, and management looks at it through the same provider.
//!
//! `cargo run -p scenarios --example both_roles` (it is declared there: the framework's SQLite provider is no
//! dependency of the exporter).

#![expect(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::{Runtime, registry::ActivityRegistry};
use duroxide::{ActivityContext, OrchestrationContext, OrchestrationRegistry};
use duroxide_exporter::{Client, InstanceFilter, InstanceStatus, PageRequest, PurgeRequest, Timestamp};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite:{}?mode=rwc", folder.path().join("store.db").display());
    let provider = Arc::new(SqliteProvider::new(&url, None).await?);
    let activities = ActivityRegistry::builder()
        .register("Greet", async |_: ActivityContext, name: String| Ok(format!("Hello, {name}!")))
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Hello", async |c: OrchestrationContext, name: String| {
            c.schedule_activity("Greet", name).await
        })
        .build();
    let runtime = Runtime::start_with_store(provider.clone(), activities, orchestrations).await;

    // The provider is the runtime's store and, because every provider is one, the management API.
    let client = Client::with_management(provider.clone(), provider);
    for name in ["Ada", "Grace"] {
        client.start_orchestration(format!("hello-{name}"), "Hello", name).await?;
        client.wait_for_orchestration(&format!("hello-{name}"), Duration::from_secs(30)).await?;
    }

    let completed = InstanceFilter { status: Some(InstanceStatus::Completed), ..InstanceFilter::default() };
    for instance in client.list_instances_filtered(completed, PageRequest::default()).await?.items {
        let execution =
            client.get_execution_metadata(&instance.instance_id, instance.current_execution_id).await?;
        println!(
            "{}: {} with {} events",
            instance.instance_id,
            execution.output.unwrap_or_default(),
            execution.event_count
        );
    }
    let minute_ahead = Timestamp::from_unix_millis(Timestamp::now().unix_millis() + 60_000);
    let report = client.purge_completed(PurgeRequest::older_than(minute_ahead)).await?;
    println!(
        "purged {} trees, {} instances left",
        report.trees_deleted,
        client.get_metrics().await?.total_instances
    );
    runtime.shutdown(None).await;
    Ok(())
}
