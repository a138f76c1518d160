//! A management API of one's own, with a question the trait does not have. It passes on what it does not know better,
//! leaves out what it does not offer, and whoever speaks the trait only need not know of the rest.
//!
//! `cargo run -p scenarios --example custom_management` (it is declared there: the framework's SQLite provider is no
//! dependency of the exporter).

#![expect(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::collections::BTreeMap;
use std::sync::Arc;

use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::{Runtime, registry::ActivityRegistry};
use duroxide::{OrchestrationContext, OrchestrationRegistry};
use duroxide_exporter::{
    Capabilities, Capability, Client, InstanceFilter, InstanceInfo, ManagementAPI, ManagementError, Page,
    PageRequest,
};

/// Knows which customer an instance belongs to: `customer/order`.
struct Customers(Arc<dyn ManagementAPI>);

impl Customers {
    /// Beyond the trait: how many instances each customer has.
    async fn instances_by_customer(&self) -> Result<BTreeMap<String, u64>, ManagementError> {
        let mut customers = BTreeMap::new();
        let mut request = PageRequest::default();
        loop {
            let page = self.list_instances(request).await?;
            for instance in page.items {
                let customer = instance.instance_id.split('/').next().unwrap_or_default().to_owned();
                *customers.entry(customer).or_default() += 1;
            }
            let Some(next) = page.next else { return Ok(customers) };
            request = PageRequest::default().after(next);
        }
    }
}

#[async_trait::async_trait]
impl ManagementAPI for Customers {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new([Capability::List])
    }

    async fn get_instance_info(&self, instance: &str) -> Result<InstanceInfo, ManagementError> {
        self.0.get_instance_info(instance).await
    }

    async fn list_instances_filtered(
        &self,
        filter: InstanceFilter,
        page: PageRequest,
    ) -> Result<Page<InstanceInfo>, ManagementError> {
        self.0.list_instances_filtered(filter, page).await
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite:{}?mode=rwc", folder.path().join("store.db").display());
    let provider = Arc::new(SqliteProvider::new(&url, None).await?);
    let orchestrations = OrchestrationRegistry::builder()
        .register("Order", async |_: OrchestrationContext, item: String| Ok(item))
        .build();
    let runtime =
        Runtime::start_with_store(provider.clone(), ActivityRegistry::builder().build(), orchestrations)
            .await;

    let customers = Arc::new(Customers(provider.clone()));
    let client = Client::with_management(provider, customers.clone());
    for id in ["acme/1", "acme/2", "initech/1"] {
        client.start_orchestration(id, "Order", "paper").await?;
        client.wait_for_orchestration(id, std::time::Duration::from_secs(30)).await?;
    }
    println!("by customer: {:?}", customers.instances_by_customer().await?);
    println!("instances: {}", client.list_all_instances().await?.len());
    if let Err(error) = client.get_queue_depths().await {
        println!("depths: {error}");
    }
    runtime.shutdown(None).await;
    Ok(())
}
