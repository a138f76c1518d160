//! Totals out of sequences, which are ahead of what transactions have committed.

use duroxide::Client;
use scenarios::{
    compare::{Exporter, assert_exact},
    exporter::Running,
    scrape::{PATIENCE, wait_for},
    series::Series,
    sql,
    stores::Kind,
    workload,
};

use crate::value;

const ORCHESTRATIONS: usize = 60;

/// Both totals of both queues, in one order.
fn totals(series: &Series) -> Vec<f64> {
    let mut totals = Vec::new();
    for queue in ["orchestrator", "worker"] {
        for family in ["duroxide_queue_enqueued_total", "duroxide_queue_dequeued_total"] {
            // Absent until the second poll of an exporter.
            totals.push(value(series, family, &[("queue", queue)]).unwrap_or(f64::NAN));
        }
    }
    totals
}

/// Takes note of what was told; none of it may be less than before.
fn told(before: &mut [f64], now: Vec<f64>) {
    for (before, now) in before.iter_mut().zip(now) {
        assert!(now.is_nan() || *before <= now, "{now} after {before}");
        *before = before.max(now);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn totals_never_fall_while_work_comes_and_goes_and_exporters_restart() {
    for kind in [Kind::DuroxidePg, Kind::DuroxidePgOpt] {
        let fresh = kind.create().await;
        let provider = fresh.store.provider().await;
        let runtime = workload::start_runtime(provider.clone()).await;
        let client = Client::new(provider.clone());
        let mut running = Running::start(&fresh.store).await;
        let mut greatest = vec![0.0; 4];
        let work = tokio::spawn(async move {
            for n in 0..ORCHESTRATIONS {
                client.start_orchestration(format!("n-{n}"), "FanOut", "4").await.unwrap();
            }
            for n in 0..ORCHESTRATIONS {
                client.wait_for_orchestration(&format!("n-{n}"), PATIENCE).await.unwrap();
            }
        });
        let mut scrapes = 0;
        while !work.is_finished() {
            told(&mut greatest, totals(&running.fresh_scrape().await));
            scrapes += 1;
            if scrapes % 5 == 0 {
                running.stop().await;
                running = Running::start(&fresh.store).await;
            }
        }
        work.await.unwrap();
        runtime.shutdown(Some(0)).await;
        told(&mut greatest, totals(&running.fresh_scrape().await));
        let last = assert_exact(&fresh.store, &running, Exporter::Seasoned).await;
        assert_eq!(totals(&last), greatest);
        assert!(greatest[3] >= 4.0 * 60.0, "{greatest:?}");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_transaction_makes_no_total_fall() {
    let fresh = Kind::DuroxidePg.create().await;
    let running = Running::start(&fresh.store).await;
    let mut slow = fresh.store.connect().await;
    let row = fresh.store.moment(1000);
    let enqueue =
        format!("INSERT INTO worker_queue (work_item, visible_at, attempt_count) VALUES ('{{}}', {row}, 0)");
    slow.run(&format!("BEGIN; {enqueue}")).await;
    let mut greatest = vec![0.0; 4];
    for _ in 0..3 {
        told(&mut greatest, totals(&running.fresh_scrape().await));
    }
    slow.run("COMMIT").await;
    wait_for("the row", async || {
        let scrape = running.fresh_scrape().await;
        told(&mut greatest, totals(&scrape));
        let ready = value(&scrape, "duroxide_queue_messages", &[("queue", "worker"), ("state", "ready")]);
        (ready == Some(1.0)).then_some(())
    })
    .await;
    // What it had been taken for is made up for by what comes next.
    sql::execute(&fresh.store, "DELETE FROM worker_queue").await;
    running.fresh_scrape().await;
    let last = running.fresh_scrape().await;
    told(&mut greatest, totals(&last));
    assert_eq!(totals(&last)[2..], [1.0, 1.0]);
    running.stop().await;
}
