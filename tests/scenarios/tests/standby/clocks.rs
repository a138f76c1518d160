//! Clocks that differ.

use scenarios::{exporter::Running, sql, stores::Kind};

use crate::value;

fn skew(series: &scenarios::series::Series, clock: &str) -> f64 {
    value(series, "duroxide_store_clock_skew_seconds", &[("clock", clock)])
}

/// Ten minutes: a worker whose machine keeps no time wrote these.
const WRITTEN_AHEAD: [&str; 3] = [
    "INSERT INTO instance_locks (instance_id, lock_token, locked_until, locked_at)
         VALUES ('ahead', 'turn-ahead', AHEAD + 5000, AHEAD)",
    "INSERT INTO sessions (session_id, worker_id, locked_until, last_activity_at)
         VALUES ('ahead', 'worker-ahead', AHEAD + 5000, AHEAD)",
    "INSERT INTO instances (instance_id, orchestration_name, orchestration_version, current_execution_id, created_at, updated_at)
         VALUES ('ahead', 'Hello', '1.0.0', 1, to_timestamp(AHEAD / 1000.0), to_timestamp(AHEAD / 1000.0))",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_clock_is_ahead_shows() {
    for statement in WRITTEN_AHEAD {
        let fresh = Kind::DuroxidePg.create().await;
        let running = Running::start(&fresh.store).await;
        let scrape = running.fresh_scrape().await;
        assert_eq!(skew(&scrape, "worker"), 0.0);
        // Database and exporter share the clock of one machine.
        assert!(skew(&scrape, "exporter").abs() < 0.1, "{}", skew(&scrape, "exporter"));

        let ahead = "((extract(epoch FROM clock_timestamp()) * 1000)::bigint + 600000)";
        sql::execute(&fresh.store, &statement.replace("AHEAD", ahead)).await;
        let scrape = running.fresh_scrape().await;
        assert!(
            (590.0..=600.0).contains(&skew(&scrape, "worker")),
            "{}: {statement}",
            skew(&scrape, "worker")
        );
        running.stop().await;
    }
}
