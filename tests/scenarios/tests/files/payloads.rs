//! Payloads cost a poll no more than a bound, neither in memory nor in what is read.

use std::{path::Path, sync::Arc};

use duroxide::providers::sqlite::SqliteProvider;
use scenarios::{
    exporter::STORE,
    files::Scratch,
    series::key,
    sidecar::{Program, Sidecar},
    sql, workload,
};

const MIB: u64 = 1 << 20;

/// What the exporter may need with any payload.
const MEMORY: u64 = 40 * MIB;

/// Of a row SQLite has to walk over the pages before what is behind a payload.
const WALKS: f64 = 1.5;

/// Payloads in every place that is read by a poll, so many of this size. The provider keeps the store live.
async fn put(path: &Path, rows: u64, bytes: u64) -> Arc<SqliteProvider> {
    let provider = workload::open(path).await;
    // Random bytes as a text of their own, written once.
    sql::execute(
        path,
        &format!(
            r#"PRAGMA synchronous = OFF;
            CREATE TEMP TABLE payload AS SELECT hex(randomblob({half})) AS text;
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
            INSERT INTO worker_queue (work_item, visible_at)
              SELECT '{{"ActivityExecute":{{"instance":"i' || i || '","execution_id":1,"id":2,"name":"Swallow","input":"' || text || '"}}}}', 1 FROM n, payload;
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
            INSERT INTO orchestrator_queue (instance_id, work_item, visible_at)
              SELECT 'i' || i, '{{"StartOrchestration":{{"instance":"i' || i || '","orchestration":"Large","input":"' || text || '","version":null,"parent_instance":null,"parent_id":null,"execution_id":1}}}}', 1 FROM n, payload;
            INSERT INTO orchestrator_queue (instance_id, work_item, visible_at)
              VALUES ('i1', '{{"QueueMessage":{{"instance":"i1","name":"n","data":"d"}}}}', 1);
            DROP TABLE payload"#,
            half = bytes / 2,
        ),
    )
    .await;
    provider
}

/// Bytes that a poll reads, after the first ones.
async fn read_by_a_poll(exporter: &Sidecar) -> f64 {
    let polls = async || exporter.target().scrape().await[&key("duroxide_polls_total", &[("store", STORE)])];
    exporter.target().fresh_scrape().await;
    let (bytes, before) = (exporter.bytes_read(), polls().await);
    for _ in 0..3 {
        exporter.target().fresh_scrape().await;
    }
    // The poll under way is counted as if it were none.
    (exporter.bytes_read() - bytes) as f64 / (polls().await - before)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_a_hundred_megabytes_and_two_hundred_of_one_cost_no_memory() {
    for (rows, bytes) in [(1, 100 * MIB), (200, MIB), (3, 15 * MIB)] {
        let scratch = Scratch::new();
        let path = scratch.file("store.db");
        let _provider = put(&path, rows, bytes).await;
        let what = format!("{rows} of {bytes} bytes");
        let exporter =
            Program::new(env!("CARGO_BIN_EXE_sidecar")).serve(&format!("sqlite:{}", path.display()));
        let told = exporter.target().fresh_scrape().await;
        let of = |queue: &str| {
            let labels = [("store", STORE), ("queue", queue), ("state", "ready")];
            told[&key("duroxide_queue_messages", &labels)]
        };
        assert_eq!((of("worker"), of("orchestrator")), (rows as f64, rows as f64 + 1.0), "{what}");
        for queue in ["worker", "orchestrator"] {
            for family in ["duroxide_queue_undecodable_messages", "duroxide_queue_orphan_messages"] {
                if let Some(n) = told.get(&key(family, &[("store", STORE), ("queue", queue)])) {
                    assert_eq!(*n, 0.0, "{what}: {family} of {queue}");
                }
            }
        }
        if bytes < 16 * MIB {
            let labels = [("store", STORE), ("activity", "Swallow"), ("tag", ""), ("state", "ready")];
            assert_eq!(told[&key("duroxide_activity_queue_messages", &labels)], rows as f64, "{what}");
        }
        let read = read_by_a_poll(&exporter).await;
        let stored = (2 * rows * bytes) as f64;
        assert!(read < WALKS * stored, "{what}: a poll reads {read} bytes");
        let peak = exporter.peak_memory();
        assert!(peak < MEMORY, "{what}: the exporter needed {} MiB", peak >> 20);
    }
}
