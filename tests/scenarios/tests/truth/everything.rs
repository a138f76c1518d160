//! Every number about a store with everything in it: while a runtime is at work, after it, and with the rows
//! that only faults leave behind.

use scenarios::{
    compare::{Counting, Exporter, assert_exact},
    exporter::{POLL_INTERVAL, Running},
    over_every_store,
    stores::Kind,
    workload,
};

use crate::{messages, of_queue, value};

over_every_store!(every_number_is_exact_with_and_without_a_runtime);

async fn every_number_is_exact_with_and_without_a_runtime(kind: Kind) {
    let fresh_store = kind.create().await;
    let store = &fresh_store.store;
    let provider = store.provider().await;

    // This one watches from the beginning: it must not be misled by what it saw before.
    let seasoned = Running::start(store).await;
    assert_exact(store, &seasoned, Exporter::Fresh).await;
    let runtime = workload::start_runtime(provider.clone()).await;
    workload::run(provider.clone(), store).await;
    assert_exact(store, &seasoned, Exporter::Seasoned).await;
    let fresh = Running::start(store).await;
    let live = assert_exact(store, &fresh, Exporter::Fresh).await;
    fresh.stop().await;
    // One that comes late counts nothing of what has been, and knows all the same what everything waits for.
    let url = store.url();
    let late = Running::with(&url, |builder| builder.poll_interval(POLL_INTERVAL)).await;
    late.fresh_scrape().await;
    let told = assert_exact(store, &late, Exporter::Fresh).await;
    assert!(late.counting() == Counting::Nothing && told.len() < live.len());
    late.stop().await;
    assert_eq!(messages(&live, "worker", "in_flight"), 1.0, "the slow activity is being executed");
    assert!(
        of_queue(&live, "duroxide_queue_leftover_messages", "timer") >= 4.0,
        "timers of ended executions"
    );
    let odd = [("activity", workload::ODD_ACTIVITY), ("tag", workload::UNSERVED_TAGS[1]), ("state", "ready")];
    assert_eq!(value(&live, "duroxide_activity_queue_messages", &odd), 1.0);

    runtime.shutdown(Some(0)).await;
    assert_exact(store, &seasoned, Exporter::Seasoned).await;

    workload::queue_without_runtime(provider).await;
    workload::write_by_hand(store).await;
    assert_exact(store, &seasoned, Exporter::Seasoned).await;
    seasoned.stop().await;
    let fresh = Running::start(store).await;
    let left = assert_exact(store, &fresh, Exporter::Fresh).await;
    fresh.stop().await;
    for state in ["ready", "blocked", "delayed", "in_flight", "lease_expired"] {
        assert!(messages(&left, "orchestrator", state) > 0.0, "no orchestrator message is {state}");
    }
    // On Postgres the one with an escaped NUL, too: the database cannot decode it.
    let undecodable = if store.is_postgres() { 3.0 } else { 2.0 };
    assert_eq!(of_queue(&left, "duroxide_queue_undecodable_messages", "orchestrator"), undecodable);
    assert_eq!(of_queue(&left, "duroxide_queue_undecodable_messages", "worker"), 2.0);
}
