//! Timers of races that were lost are leftovers from the moment on at which the race ends, not before.

use std::time::Duration;

use duroxide::{Client, OrchestrationContext, OrchestrationRegistry};
use scenarios::{
    compare::{Exporter, assert_exact},
    exporter::Running,
    over_every_store, recount,
    scrape::wait_for,
    store::Store,
    stores::Kind,
    workload,
};

use crate::{messages, of_queue};

over_every_store!(a_timer_is_left_over_from_the_end_of_its_race_on);

const LEFTOVERS: &str = "duroxide_queue_leftover_messages";

const LONG: Duration = Duration::from_secs(3600);

fn orchestrations() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("Once", async |c: OrchestrationContext, _: String| {
            c.select2(c.schedule_wait("Approval"), c.schedule_timer(LONG)).await;
            Ok(String::new())
        })
        .register("Again", async |c: OrchestrationContext, _: String| {
            c.select2(c.schedule_wait("Approval"), c.schedule_timer(LONG)).await;
            c.continue_as_new("").await
        })
        .build()
}

/// Waits until so many instances run, and nothing is executed.
async fn settled_with_running(store: &Store, running: usize) {
    wait_for(&format!("{running} running instances"), async || {
        let rows = recount::raw(store).await.ok()?;
        let count = rows.executions.values().filter(|status| *status == "Running").count();
        (count == running && rows.locks.is_empty()).then_some(())
    })
    .await;
}

/// Waits until so many timers are all there is in the queue, and nothing is executed.
async fn settled(store: &Store, timers: usize) {
    wait_for(&format!("{timers} timers and nothing else"), async || {
        let rows = recount::raw(store).await.ok()?;
        let all = rows.orchestrator.iter().all(|row| row.work_item.contains("TimerFired"));
        (all && rows.orchestrator.len() == timers && rows.locks.is_empty()).then_some(())
    })
    .await;
}

async fn a_timer_is_left_over_from_the_end_of_its_race_on(kind: Kind) {
    let fresh = kind.create().await;
    let store = &fresh.store;
    let provider = store.provider().await;
    let runtime = workload::start_runtime_with(provider.clone(), orchestrations()).await;
    let client = Client::new(provider);
    for id in ["once-1", "once-2", "once-3"] {
        client.start_orchestration(id, "Once", "").await.unwrap();
    }
    client.start_orchestration("again", "Again", "").await.unwrap();
    settled(store, 4).await;
    let exporter = Running::start(store).await;
    // By the second poll it is known whose timers these are.
    for _ in 0..2 {
        let now = assert_exact(store, &exporter, Exporter::Fresh).await;
        assert_eq!(of_queue(&now, LEFTOVERS, "timer"), 0.0, "all of them are waited for");
        assert_eq!(messages(&now, "timer", "delayed"), 4.0);
    }

    client.raise_event("once-1", "Approval", "").await.unwrap();
    client.raise_event("again", "Approval", "").await.unwrap();
    settled(store, 5).await;
    for _ in 0..2 {
        let now = assert_exact(store, &exporter, Exporter::Seasoned).await;
        let left = of_queue(&now, LEFTOVERS, "timer");
        assert_eq!(left, 2.0, "that of the one that ended, and that of the other's first execution");
    }

    // Deleted with its timer, and one that runs as well; another begins under its name. (What was counted of them stays
    // counted, which a recount of what is left cannot tell.)
    client.delete_instance("once-1", false).await.unwrap();
    client.delete_instance("once-2", true).await.unwrap();
    settled(store, 3).await;
    client.start_orchestration("once-2", "Once", "").await.unwrap();
    settled(store, 4).await;
    assert_eq!(of_queue(&exporter.fresh_scrape().await, LEFTOVERS, "timer"), 1.0);
    client.raise_event("once-2", "Approval", "").await.unwrap();
    client.raise_event("once-3", "Approval", "").await.unwrap();
    settled_with_running(store, 1).await;
    assert_eq!(of_queue(&exporter.fresh_scrape().await, LEFTOVERS, "timer"), 3.0);
    exporter.stop().await;
    runtime.shutdown(Some(0)).await;
}
