//! Sleeping is not being late.

use duroxide::Client;
use scenarios::{
    compare::{Exporter, assert_exact},
    exporter::Running,
    over_every_store, recount,
    scrape::wait_for,
    stores::Kind,
    workload,
};

use crate::{messages, of_queue, value};

over_every_store!(a_sleeping_timer_is_neither_ready_nor_old);

async fn a_sleeping_timer_is_neither_ready_nor_old(kind: Kind) {
    let fresh = kind.create().await;
    let store = &fresh.store;
    let provider = store.provider().await;
    let runtime = workload::start_runtime(provider.clone()).await;
    Client::new(provider).start_orchestration("sleeper", "Timer", "3600000").await.unwrap();
    wait_for("the timer", async || {
        let rows = recount::raw(store).await.ok()?;
        let timers = rows.orchestrator.iter().filter(|row| row.work_item.contains("TimerFired")).count();
        (timers == 1 && rows.orchestrator.len() == 1 && rows.locks.is_empty()).then_some(())
    })
    .await;

    let exporter = Running::start(store).await;
    let now = assert_exact(store, &exporter, Exporter::Fresh).await;
    assert_eq!(messages(&now, "timer", "delayed"), 1.0);
    assert_eq!(messages(&now, "orchestrator", "delayed"), 0.0, "a timer is in the timer queue only");
    for queue in ["orchestrator", "timer"] {
        assert_eq!(messages(&now, queue, "ready"), 0.0, "{queue}");
        assert_eq!(of_queue(&now, "duroxide_queue_fetchable_messages", queue), 0.0, "{queue}");
        assert_eq!(of_queue(&now, "duroxide_queue_oldest_ready_age_seconds", queue), 0.0, "{queue}");
    }
    assert_eq!(of_queue(&now, "duroxide_queue_leftover_messages", "timer"), 0.0, "somebody waits for it");
    assert_eq!(value(&now, "duroxide_queue_ready_instances", &[]), 0.0);
    exporter.stop().await;
    runtime.shutdown(Some(0)).await;
}
