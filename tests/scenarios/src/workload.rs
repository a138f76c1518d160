//! Fills a store through the real runtime with everything the framework can write.
//!
//! [`run`] finishes in a few seconds and leaves long-lived state behind; [`WORK_ITEMS`] and [`EVENTS`] list what
//! must have come by. Nothing waits for a fixed time: every step waits for what it needs.

mod activities;
mod leftover;
mod one_at_a_time;
mod orchestrations;
mod steps;

use std::{path::Path, sync::Arc, time::Duration};

use duroxide::{
    OrchestrationRegistry,
    providers::{Provider, TagFilter, sqlite::SqliteProvider},
    runtime::{Runtime, RuntimeOptions, UnregisteredBackoffConfig, registry::ActivityRegistry},
};

pub use activities::activities;
pub use leftover::{queue_without_runtime, write_by_hand};
use one_at_a_time::OneAtATime;
pub use orchestrations::orchestrations;
pub use steps::run;

/// An activity whose name needs every escape of the text format.
pub const ODD_ACTIVITY: &str = "odd \"quoted\" \\back\\slash\nnew line, {braces} = ünïcode";

/// An orchestration of that kind.
pub const ODD_ORCHESTRATION: &str = "orch \"q\" \\n is not\na line feed";

/// Tags no worker serves: what is routed there stays.
pub const UNSERVED_TAGS: [&str; 2] = ["fpga", "tag \"x\"\\\n"];

/// Lease of an activity: short, so that the lease of an abandoned one soon runs out.
pub const WORKER_LEASE: Duration = Duration::from_secs(5);

/// Lease of an orchestration turn. Renewed at half of it, so a killed turn keeps it for two seconds and a half.
pub const TURN_LEASE: Duration = Duration::from_secs(5);

/// Every kind of work item of the framework.
pub const WORK_ITEMS: [&str; 11] = [
    "ActivityCompleted",
    "ActivityExecute",
    "ActivityFailed",
    "CancelInstance",
    "ContinueAsNew",
    "ExternalRaised",
    "QueueMessage",
    "StartOrchestration",
    "SubOrchCompleted",
    "SubOrchFailed",
    "TimerFired",
];

/// Every type of history event the framework writes.
pub const EVENTS: [&str; 26] = [
    "ActivityCancelRequested",
    "ActivityCompleted",
    "ActivityFailed",
    "ActivityScheduled",
    "CustomStatusUpdated",
    "ExternalEvent",
    "ExternalEventPersistent",
    "ExternalSubscribed",
    "ExternalSubscribedCancelled",
    "ExternalSubscribedPersistent",
    "ExternalSubscribedPersistentCancelled",
    "KeyValueCleared",
    "KeyValueSet",
    "KeyValuesCleared",
    "OrchestrationCancelRequested",
    "OrchestrationChained",
    "OrchestrationCompleted",
    "OrchestrationContinuedAsNew",
    "OrchestrationFailed",
    "OrchestrationStarted",
    "SubOrchestrationCancelRequested",
    "SubOrchestrationCompleted",
    "SubOrchestrationFailed",
    "SubOrchestrationScheduled",
    "TimerCreated",
    "TimerFired",
];

/// Creates or opens a file with the real provider. Stores of other kinds: [`Store::provider`](crate::store::Store).
pub async fn open(path: &Path) -> Arc<SqliteProvider> {
    let url = format!("sqlite:{}?mode=rwc", path.display());
    Arc::new(SqliteProvider::new(&url, None).await.expect("the provider opens the store"))
}

/// The provider itself, or in the case of SQLite one that nobody tells that the store is locked.
pub fn one_at_a_time(provider: Arc<dyn Provider>) -> Arc<dyn Provider> {
    OneAtATime::where_needed(provider)
}

/// The framework logs every expected failure of the workload as a warning; whoever wants that sets `RUST_LOG`.
fn keep_quiet() {
    if std::env::var_os("RUST_LOG").is_none() {
        // Whoever comes second finds it done.
        let _ = tracing::subscriber::set_global_default(tracing::subscriber::NoSubscriber::new());
    }
}

/// Starts a runtime with this package's activities and orchestrations.
pub async fn start_runtime(store: Arc<dyn Provider>) -> Arc<Runtime> {
    start_runtime_with(store, orchestrations()).await
}

/// The same with other orchestrations.
pub async fn start_runtime_with(
    store: Arc<dyn Provider>,
    orchestrations: OrchestrationRegistry,
) -> Arc<Runtime> {
    start_runtime_of(store, activities(), orchestrations, options()).await
}

/// A runtime that tries again late what nobody has registered.
pub async fn start_patient_runtime(
    store: Arc<dyn Provider>,
    orchestrations: OrchestrationRegistry,
) -> Arc<Runtime> {
    let late = Duration::from_secs(600);
    let unregistered_backoff = UnregisteredBackoffConfig { base_delay: late, max_delay: late };
    let options = RuntimeOptions { unregistered_backoff, ..options() };
    start_runtime_of(store, activities(), orchestrations, options).await
}

fn options() -> RuntimeOptions {
    RuntimeOptions {
        dispatcher_min_poll_interval: Duration::from_millis(10),
        orchestrator_lock_timeout: TURN_LEASE,
        worker_lock_timeout: WORKER_LEASE,
        max_attempts: 3,
        unregistered_backoff: UnregisteredBackoffConfig {
            base_delay: Duration::from_millis(20),
            max_delay: Duration::from_millis(50),
        },
        activity_cancellation_grace_period: Duration::from_millis(200),
        worker_tag_filter: TagFilter::default_and(["gpu"]),
        ..Default::default()
    }
}

/// A runtime of a test's own. Tests start none past this: on a busy machine its orchestrations would fail.
pub async fn start_runtime_of(
    store: Arc<dyn Provider>,
    activities: ActivityRegistry,
    orchestrations: OrchestrationRegistry,
    options: RuntimeOptions,
) -> Arc<Runtime> {
    keep_quiet();
    let store = one_at_a_time(store);
    Runtime::start_with_options(store, activities, orchestrations, options).await
}
