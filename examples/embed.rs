//! Embeds the exporter in an application and lets it watch a home-made [`ManagementAPI`]: here one that keeps
//! its workflows in memory. What the implementation does not offer is left out of the metrics, never zero.
//!
//! `cargo run --example embed`, then `curl http://127.0.0.1:9899/metrics`; Ctrl-C stops it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use duroxide_exporter::{
    Capabilities, Capability, Exporter, InstanceInfo, InstanceStatus, ManagementAPI, ManagementError,
    QueueDepths, SystemMetrics,
};

/// Workflows in memory.
#[derive(Default)]
struct InMemory {
    instances: Mutex<BTreeMap<String, InstanceInfo>>,
}

impl InMemory {
    fn start(&self, id: &str) {
        let info = InstanceInfo {
            instance_id: id.to_owned(),
            orchestration_name: "Order".to_owned(),
            orchestration_version: "1.0.0".to_owned(),
            current_execution_id: 1,
            status: InstanceStatus::Running,
            created_at: None,
            updated_at: None,
            parent_instance_id: None,
            custom_status: None,
        };
        self.instances.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), info);
    }

    fn running(&self) -> u64 {
        let instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        instances.values().filter(|info| info.status == InstanceStatus::Running).count() as u64
    }
}

#[async_trait::async_trait]
impl ManagementAPI for InMemory {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new([Capability::Metrics, Capability::QueueDepths, Capability::ExactQueueDepths])
    }

    async fn get_instance_info(&self, instance: &str) -> Result<InstanceInfo, ManagementError> {
        let instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        instances
            .get(instance)
            .cloned()
            .ok_or_else(|| ManagementError::NotFound { what: format!("instance {instance:?}") })
    }

    async fn get_metrics(&self) -> Result<SystemMetrics, ManagementError> {
        let running = self.running();
        Ok(SystemMetrics { total_instances: running, running_instances: running, ..SystemMetrics::default() })
    }

    async fn get_queue_depths(&self) -> Result<QueueDepths, ManagementError> {
        Ok(QueueDepths { orchestrator_queue: self.running(), ..QueueDepths::default() })
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let workflows = Arc::new(InMemory::default());
    workflows.start("order-1");
    workflows.start("order-2");

    let exporter =
        Exporter::builder().observe("memory", workflows).listen("127.0.0.1:9899".parse()?).bind().await?;
    eprintln!("http://{}/metrics", exporter.local_addr());
    exporter
        .run(async {
            // Without a signal handler the exporter would have to be killed: as good a reason to stop.
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;
    Ok(())
}
