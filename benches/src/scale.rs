//! A large store: time to the first view, memory, poll cost, scrape latency.

use std::path::Path;

use duroxide::providers::sqlite::SqliteProvider;
use sqlx::{Connection, SqliteConnection};

use crate::exporter::Exporter;
use crate::stats::quantile;

const INSTANCES: u64 = 200_000;
const EVENTS: u64 = 10;

pub(crate) async fn run(binary: &Path) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let store = folder.path().join("store.db");
    generate(&store).await?;
    let size = std::fs::metadata(&store)?.len() >> 20;
    println!(
        "scale: {INSTANCES} instances, {} events, 10,000 sleeping timers, 20,000 queued activities, {size} MiB",
        INSTANCES * EVENTS
    );

    let mut first = Vec::new();
    for _ in 0..5 {
        first.push(Exporter::start(binary, &store, "5s")?.first_view()?.as_secs_f64());
    }
    println!("  time to first view     median {:.2} s of {:?}", quantile(&mut first, 0.5), first);

    let exporter = Exporter::start(binary, &store, "1s")?;
    exporter.first_view()?;
    let series = exporter
        .scrape()?
        .lines()
        .filter(|line| line.starts_with("duroxide_") || line.starts_with("process_"))
        .count();
    let mut seconds = exporter.scrapes(5_000)?;
    println!(
        "  scrape, {series} series    median {:.3} ms, p99 {:.3} ms (kept connection, text, 5,000 scrapes while polling every second)",
        quantile(&mut seconds, 0.5) * 1e3,
        quantile(&mut seconds, 0.99) * 1e3,
    );
    let polls = exporter.value("duroxide_poll_duration_seconds_count{store=\"bench\"}")?;
    let total = exporter.value("duroxide_poll_duration_seconds_sum{store=\"bench\"}")?;
    println!("  poll                   mean {:.0} ms of {polls}", total / polls * 1e3);
    println!("  memory                 peak {:.1} MiB", kib_to_mib(exporter.memory_kib("VmHWM")?));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a size in KiB")]
fn kib_to_mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// A store in the framework's own schema, filled by SQL: 40 orchestrations in three versions, one in twenty
/// running; a tenth of the activities leased.
async fn generate(path: &Path) -> anyhow::Result<()> {
    let provider = SqliteProvider::new(&format!("sqlite:{}?mode=rwc", path.display()), None).await?;
    provider.get_pool().close().await;
    let mut connection = SqliteConnection::connect(&format!("sqlite:{}", path.display())).await?;
    sqlx::query("PRAGMA synchronous = OFF").execute(&mut connection).await?;
    let numbers =
        |n: u64| format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {n})");
    for sql in [
        "BEGIN".to_owned(),
        format!(
            "{} INSERT INTO instances (instance_id, orchestration_name, orchestration_version, current_execution_id) \
             SELECT printf('order-%08d-', i) || hex(randomblob(6)), 'Orchestration' || (i % 40), '1.0.' || (i % 3), 1 FROM n",
            numbers(INSTANCES)
        ),
        "INSERT INTO executions (instance_id, execution_id, status, output, completed_at, duroxide_version_major, \
           duroxide_version_minor, duroxide_version_patch) \
         SELECT instance_id, 1, CASE WHEN rowid % 20 = 0 THEN 'Running' WHEN rowid % 7 = 0 THEN 'Failed' ELSE 'Completed' END, \
           '{\"note\":\"' || hex(randomblob(60)) || '\"}', 1795408936476, 0, 1, 32 FROM instances"
            .to_owned(),
        format!(
            "{} INSERT INTO history (instance_id, execution_id, event_id, event_type, event_data) \
             SELECT instance_id, 1, i, 'ActivityCompleted', '{{\"event_id\":' || i || ',\"source_event_id\":3,\"instance_id\":\"' \
               || instance_id || '\",\"execution_id\":1,\"timestamp_ms\":1795408935949,\"duroxide_version\":\"0.1.32\",\
               \"type\":\"ActivityCompleted\",\"result\":\"' || hex(randomblob(40)) || '\"}}' FROM instances, n",
            numbers(EVENTS)
        ),
        "INSERT INTO orchestrator_queue (instance_id, work_item, visible_at) \
         SELECT instance_id, '{\"TimerFired\":{\"instance\":\"' || instance_id || '\",\"execution_id\":1,\"id\":2,\
           \"fire_at_ms\":4102444800000}}', 4102444800000 FROM instances WHERE rowid % 20 = 0"
            .to_owned(),
        "INSERT INTO worker_queue (work_item, visible_at, attempt_count, lock_token, locked_until, instance_id, execution_id, activity_id, tag) \
         SELECT '{\"ActivityExecute\":{\"instance\":\"' || instance_id || '\",\"execution_id\":1,\"id\":2,\"name\":\"Activity' \
           || (rowid / 10 % 60) || '\",\"input\":\"' || hex(randomblob(200)) || '\"}}', 1795408936476, rowid % 10 = 0, \
           CASE WHEN rowid % 100 = 0 THEN 'token' || rowid END, CASE WHEN rowid % 100 = 0 THEN 4102444800000 END, \
           instance_id, 1, 2, CASE WHEN rowid % 30 = 0 THEN 'gpu' END FROM instances WHERE rowid % 10 = 0"
            .to_owned(),
        "COMMIT".to_owned(),
        "PRAGMA wal_checkpoint(TRUNCATE)".to_owned(),
    ] {
        sqlx::query(&sql).execute(&mut connection).await?;
    }
    connection.close().await?;
    Ok(())
}
