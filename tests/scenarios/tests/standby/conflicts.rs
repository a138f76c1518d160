//! Reads that stand in the way of replaying.

use scenarios::{
    scrape::{PATIENCE, wait_for},
    store::By,
};

use crate::{pair::Pair, value};

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_reads_are_counted_and_the_exporter_goes_on() {
    let pair = Pair::start(By::DuroxidePg).await;
    pair.standby.set("max_standby_streaming_delay", "0");
    let running = pair.exporter().await;
    let conflicts = async || {
        let scrape = running.fresh_scrape().await;
        value(&scrape, "duroxide_store_recovery_conflicts_total", &[])
    };
    assert_eq!(conflicts().await, 0.0);

    // Somebody reads for a long time from an old snapshot.
    let database = pair.original.postgres().database.rsplit('/').next().unwrap().to_owned();
    let reader = {
        let url = pair.standby.url(&database);
        tokio::task::spawn_blocking(move || {
            cluster::psql(
                &url,
                "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM orders.instances; SELECT pg_sleep(600);",
            )
        })
    };
    wait_for("the reader", async || {
        let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        (pair.standby.psql(&database, sleeping) == "1").then_some(())
    })
    .await;
    pair.primary.conflict_with_readers(&database);
    let cancelled = tokio::time::timeout(PATIENCE, reader).await.expect("it is cancelled").unwrap();
    assert!(cancelled.as_ref().is_err_and(|error| error.contains("conflict with recovery")), "{cancelled:?}");
    wait_for("the count", async || (conflicts().await >= 1.0).then_some(())).await;
    running.stop().await;
}
