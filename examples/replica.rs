//! Two sources: the runtime works on the primary, management reads a replica, here a copy of the file such as a backup
//! makes. Whoever watches costs the primary nothing, and sees what the replica has.
//!
//! `cargo run -p scenarios --example replica` (it is declared there: the framework's SQLite provider is no dependency
//! of the exporter).

#![expect(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::{Runtime, registry::ActivityRegistry};
use duroxide::{OrchestrationContext, OrchestrationRegistry};
use duroxide_exporter::{Client, connect};
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let primary = folder.path().join("primary.db");
    let replica = folder.path().join("replica.db");
    let provider =
        Arc::new(SqliteProvider::new(&format!("sqlite:{}?mode=rwc", primary.display()), None).await?);
    let orchestrations = OrchestrationRegistry::builder()
        .register("Order", async |_: OrchestrationContext, item: String| Ok(item))
        .build();
    let runtime =
        Runtime::start_with_store(provider.clone(), ActivityRegistry::builder().build(), orchestrations)
            .await;

    let order = async |client: &Client, id: &str| -> anyhow::Result<()> {
        client.start_orchestration(id, "Order", "paper").await?;
        client.wait_for_orchestration(id, Duration::from_secs(30)).await?;
        Ok(())
    };
    order(&Client::new(provider.clone()), "before").await?;
    copy(&primary, &replica).await?;

    let management = connect(&format!("sqlite:{}", replica.display()))?;
    let client = Client::with_management(provider, management);
    order(&client, "after").await?;
    println!("primary: {:?}", client.get_orchestration_status("after").await?);
    println!("replica: {:?}", client.list_all_instances().await?);
    if let Err(error) = client.get_instance_info("after").await {
        println!("replica: {error}");
    }
    runtime.shutdown(None).await;
    Ok(())
}

/// A copy as SQLite makes it, of a store that is being written to.
async fn copy(primary: &Path, replica: &Path) -> anyhow::Result<()> {
    let options = SqliteConnectOptions::new().filename(primary);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    sqlx::query("VACUUM INTO ?").bind(replica.display().to_string()).execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}
