//! What the workload's orchestrations do not do.

use std::time::Duration;

use duroxide::{OrchestrationContext, OrchestrationRegistry};

use super::STATUS;
use crate::workload;

type Context = OrchestrationContext;

/// A registry of the workload's and these.
pub fn orchestrations() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .merge(workload::orchestrations())
        .register("Echo", async |_: Context, input: String| Ok(input))
        .register("Status", async |c: Context, _: String| {
            c.set_custom_status(STATUS);
            c.set_kv_value("key", "value");
            Ok(c.schedule_wait("never").await)
        })
        .register("Above", async |c: Context, input: String| {
            c.schedule_sub_orchestration("Echo", input).await.map(|_| String::new())
        })
        .register("Three", async |c: Context, input: String| {
            let below = c.schedule_sub_orchestration("Parent", input.clone());
            let named =
                c.schedule_sub_orchestration_with_id("Above", format!("{}-named", c.instance_id()), input);
            let (below, named) = c.join2(below, named).await;
            below?;
            named
        })
        .register("Half", async |c: Context, input: String| {
            c.schedule_sub_orchestration("Echo", input).await?;
            c.schedule_timer(Duration::from_secs(3600)).await;
            Ok(String::new())
        })
        .build()
}
