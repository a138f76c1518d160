//! The runtime that works on the store, whichever that is.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::Provider;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::runtime::{ObservabilityConfig, Runtime, UnregisteredBackoffConfig};
use duroxide::{Client, OrchestrationRegistry, RuntimeOptions, TagFilter};

use crate::activities;
use crate::orders;
use crate::standing;
use crate::world::World;

/// Labels are printed by workers that have a printer. The tag shows in the exporter's activity metrics.
pub(crate) const LABEL_PRINTER: &str = "label-printer";
/// Activities under way get this long to end; the slowest take seconds, and what is cut off is taken up again later.
const GRACE_MS: u64 = 1_500;

/// The running shop.
pub(crate) struct Shop {
    pub(crate) client: Client,
    runtime: Arc<Runtime>,
}

impl Shop {
    /// `name`: which worker this is. Of several on one store each needs its own.
    pub(crate) async fn open(provider: Arc<dyn Provider>, name: &str, world: &Arc<World>) -> Self {
        let activities = activities::register(ActivityRegistry::builder(), world).build();
        let orchestrations = standing::register(orders::register(OrchestrationRegistry::builder())).build();
        let client = Client::new(Arc::clone(&provider));
        let runtime = Runtime::start_with_options(provider, activities, orchestrations, options(name)).await;
        Self { client, runtime }
    }

    pub(crate) async fn close(self) {
        self.runtime.shutdown(Some(GRACE_MS)).await;
    }
}

fn options(name: &str) -> RuntimeOptions {
    RuntimeOptions {
        // Few hands: a slow service occupies them all, which is what makes a backlog. More of them would also spend
        // their time on backing off from each other, for SQLite lets one write at a time.
        orchestration_concurrency: 2,
        worker_concurrency: 3,
        dispatcher_min_poll_interval: Duration::from_millis(50),
        // A message for a handler that does not exist is given up after half a minute rather than after five: short
        // enough to be seen failing.
        max_attempts: 6,
        unregistered_backoff: UnregisteredBackoffConfig {
            base_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(8),
        },
        // One name for all workers of this process: any of them may take the next step at a packing station.
        worker_node_id: Some(name.to_owned()),
        worker_tag_filter: TagFilter::default_and([LABEL_PRINTER]),
        // Stations that are idle for a minute are released, so that the number of sessions moves.
        session_idle_timeout: Duration::from_secs(60),
        session_cleanup_interval: Duration::from_secs(60),
        activity_cancellation_grace_period: Duration::from_secs(1),
        observability: ObservabilityConfig {
            log_level: "error".to_owned(),
            // Its gauges count whole tables, and the exporter is here to make them unnecessary.
            gauge_poll_interval: Duration::from_secs(24 * 3600),
            ..ObservabilityConfig::default()
        },
        ..RuntimeOptions::default()
    }
}
