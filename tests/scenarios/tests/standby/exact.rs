//! Every number read from a standby that has caught up.

use scenarios::{
    compare::{Exporter, assert_exact, differences, same_apart_from_ages},
    exporter::{Running, STORE},
    recount::recount,
    scrape::wait_for,
    series::{Series, family},
    store::By,
    workload,
};

use crate::{pair::Pair, try_value, value};

/// Sequences are ahead on a standby: what is made of them is absent there.
const ABSENT: [&str; 2] = ["duroxide_queue_enqueued_total", "duroxide_queue_dequeued_total"];

/// What plain SQL counts on the primary, as far as a standby can tell.
async fn on_the_primary(pair: &Pair) -> Series {
    let mut series = recount(&pair.original, STORE).await.expect("a recount");
    series.retain(|key, _| !ABSENT.contains(&family(key)));
    series
}

/// Compares with the primary, on a store that somebody may be writing to.
async fn assert_as_on_the_primary(pair: &Pair, running: &Running, exporter: Exporter) {
    let report = wait_for("a moment in which the store stands still", async || {
        let before = on_the_primary(pair).await;
        pair.catch_up();
        let exported = running.fresh_scrape().await;
        let after = on_the_primary(pair).await;
        same_apart_from_ages(&before, &after).then(|| differences(&before, &after, &exported, exporter))
    })
    .await;
    assert!(report.is_empty(), "the standby does not tell what is on the primary:\n{report}");
}

async fn every_number(pair: Pair) {
    let seasoned = pair.exporter().await;
    let runtime = workload::start_runtime(pair.provider.clone()).await;
    workload::run(pair.provider.clone(), &pair.original).await;
    assert_as_on_the_primary(&pair, &seasoned, Exporter::Seasoned).await;
    runtime.shutdown(Some(0)).await;
    workload::queue_without_runtime(pair.provider.clone()).await;
    scenarios::sql::postgres::accept_rows_by_hand(pair.original.postgres()).await;
    workload::write_by_hand(&pair.original).await;
    assert_as_on_the_primary(&pair, &seasoned, Exporter::Seasoned).await;
    seasoned.stop().await;

    let fresh = pair.exporter().await;
    assert_as_on_the_primary(&pair, &fresh, Exporter::Fresh).await;
    let scrape = assert_exact(&pair.replica, &fresh, Exporter::Fresh).await;
    assert_eq!(value(&scrape, "duroxide_store_replica", &[]), 1.0);
    assert_eq!(value(&scrape, "duroxide_store_replication_lag_seconds", &[]), 0.0);
    assert_eq!(value(&scrape, "duroxide_store_receiver_up", &[]), 1.0);
    assert_eq!(value(&scrape, "duroxide_store_replay_paused", &[]), 0.0);
    for queue in ["orchestrator", "worker"] {
        for family in ABSENT {
            assert_eq!(try_value(&scrape, family, &[("queue", queue)]), None, "{family}");
        }
    }
    fresh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_of_duroxide_pg_tells_what_is_on_its_primary() {
    every_number(Pair::start(By::DuroxidePg).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_of_duroxide_pg_opt_tells_what_is_on_its_primary() {
    every_number(Pair::start(By::DuroxidePgOpt).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_of_a_standby_tells_what_is_on_the_primary() {
    every_number(Pair::cascaded(By::DuroxidePg).await).await;
}
