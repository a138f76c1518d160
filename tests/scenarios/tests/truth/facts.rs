//! What is told about the store itself and about polling, compared with the file system and with plain SQL.

use scenarios::{
    exporter::{Running, STORE},
    files::Scratch,
    recount, scrape,
    series::key,
    sql, workload,
};
use sqlx::Row as _;

use crate::value;

#[tokio::test(flavor = "multi_thread")]
async fn the_store_is_what_its_files_and_tables_say() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let store = workload::open(&path).await;
    workload::queue_without_runtime(store.clone()).await;
    let exporter = Running::start(&path).await;
    let series = exporter.fresh_scrape().await;

    for (part, suffix) in [("database", ""), ("wal", "-wal")] {
        let size = std::fs::metadata(scenarios::disk::part(&path, suffix)).unwrap().len();
        let told = value(&series, "duroxide_store_size_bytes", &[("part", part)]);
        assert_eq!(told.to_string(), size.to_string(), "{part}");
    }
    let mut connection = sql::connect(&path).await;
    let newest: i64 = sqlx::query("SELECT version FROM _sqlx_migrations ORDER BY version DESC LIMIT 1")
        .fetch_one(&mut connection)
        .await
        .unwrap()
        .get(0);
    let facts = [("backend", "sqlite"), ("mode", "live"), ("schema", &newest.to_string())];
    assert_eq!(value(&series, "duroxide_store_info", &facts), 1.0);
    assert_eq!(value(&series, "duroxide_store_replica", &[]), 0.0);
    assert!(
        !series.contains_key(&key("duroxide_store_last_replay_age_seconds", &[("store", STORE)])),
        "no replica"
    );

    // Every poll is counted once, in the counter and in the histogram, and none failed.
    let polls = value(&series, "duroxide_polls_total", &[]);
    assert_eq!(value(&series, "duroxide_poll_duration_seconds_count", &[]), polls);
    assert_eq!(value(&series, "duroxide_poll_duration_seconds_bucket", &[("le", "+Inf")]), polls);
    let failures = series.iter().filter(|(key, _)| key.starts_with("duroxide_poll_failures_total"));
    assert_eq!(failures.map(|(_, failed)| failed).sum::<f64>(), 0.0);

    // The process is this one: the exporter is embedded.
    let now = recount::now_ms();
    let started = series["process_start_time_seconds"] * 1000.0;
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
    let now = now as f64;
    assert!(started <= now && now - started < 3_600_000.0, "started at {started}, now {now}");
    assert!(series["process_cpu_seconds_total"] > 0.0);
    assert_eq!(recount::raw(&path).await.unwrap().instances.len(), 0, "nothing has started anything");
    let page = scrape::get(exporter.target().0, "/").await.unwrap();
    assert!(page.contains("duroxide-exporter"), "{page}");
    exporter.stop().await;
}
