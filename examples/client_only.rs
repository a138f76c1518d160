//! A client without management: the runtime half works, the guards keep it working, and management calls say what is
//! missing instead of failing in some other way.
//!
//! `cargo run -p scenarios --example client_only` (it is declared there: the framework's SQLite provider is no
//! dependency of the exporter).

#![expect(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::{Runtime, registry::ActivityRegistry};
use duroxide::{OrchestrationContext, OrchestrationRegistry};
use duroxide_exporter::Client;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite:{}?mode=rwc", folder.path().join("store.db").display());
    let provider = Arc::new(SqliteProvider::new(&url, None).await?);
    let orchestrations = OrchestrationRegistry::builder()
        .register("Approve", async |c: OrchestrationContext, order: String| {
            Ok(format!("{order}: {}", c.schedule_wait("Decision").await))
        })
        .build();
    let runtime =
        Runtime::start_with_store(provider.clone(), ActivityRegistry::builder().build(), orchestrations)
            .await;

    let client = Client::new(provider);
    // To the framework's own client this is no mistake, and a SQLite store would never take another turn.
    if let Err(error) = client.cancel_instance("order-0", "changed my mind").await {
        println!("cancel: {error}");
    }
    client.start_orchestration("order-1", "Approve", "order-1").await?;
    // An instance exists from its first turn on.
    while client.raise_event("order-1", "Decision", "approved").await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let output: Result<String, String> =
        client.wait_for_orchestration_typed("order-1", Duration::from_secs(30)).await?;
    println!("{output:?}");

    if let Err(error) = client.list_all_instances().await {
        println!("list: {error}");
    }
    runtime.shutdown(None).await;
    Ok(())
}
