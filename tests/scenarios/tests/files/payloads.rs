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

/// Of a row with a large payload a poll reads the first page and none of those behind, once it knows the row.
const PAGE: f64 = 4096.0;

/// Polls do not all read the same.
const TOLERANCE: f64 = 64.0 * 1024.0;

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
async fn one_of_a_hundred_megabytes_and_two_hundred_of_one_cost_no_memory_and_no_reading() {
    for (rows, bytes, copied) in
        [(1, 100 * MIB, false), (1, 100 * MIB, true), (200, MIB, false), (3, 15 * MIB, false)]
    {
        let small = read_with(rows, 100, copied).await;
        let large = read_with(rows, bytes, copied).await;
        assert!(
            large < small + (2 * rows) as f64 * PAGE + TOLERANCE,
            "{rows} of {bytes} bytes, copied: {copied}: a poll reads {large} bytes instead of {small}"
        );
    }
}

/// Bytes that a poll reads of a store with so many payloads of this size, or of a copy of it, after all else was looked at.
async fn read_with(rows: u64, bytes: u64, copied: bool) -> f64 {
    let scratch = Scratch::new();
    let mut path = scratch.file("store.db");
    let _provider = put(&path, rows, bytes).await;
    if copied {
        let copy = scratch.file("copy.db");
        sql::execute(&path, &format!("VACUUM INTO '{}'", copy.display())).await;
        path = copy;
    }
    let what = format!("{rows} of {bytes} bytes, copied: {copied}");
    let exporter = Program::new(env!("CARGO_BIN_EXE_sidecar")).serve(&format!("sqlite:{}", path.display()));
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
    let peak = exporter.peak_memory();
    assert!(peak < MEMORY, "{what}: the exporter needed {} MiB", peak >> 20);
    read
}
