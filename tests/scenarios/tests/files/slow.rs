//! A poll that takes too long is interrupted, and leaves no transaction behind that would hold up checkpoints.

use std::time::Duration;

use scenarios::{exporter::Running, files::Scratch, scrape::wait_for, sql, target::up, workload};

/// Enough for a scan of many times [`LIMIT`].
const ROWS: u32 = 300_000;

const LIMIT: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_poll_is_interrupted_and_lets_go_of_the_store() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let _provider = workload::open(&path).await;
    let fill = format!(
        r#"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
           INSERT INTO worker_queue (work_item, visible_at)
           SELECT '{{"ActivityExecute":{{"instance":"i","execution_id":1,"id":' || i || ',"name":"Greet","input":""}}}}', 1
           FROM n"#
    );
    sql::execute(&path, &fill).await;

    let url = format!("sqlite:{}", path.display());
    let exporter = Running::with(&url, |e| e.poll_interval(LIMIT).poll_timeout(LIMIT)).await;
    let down = exporter.target().down().await;
    assert_eq!(down.reason, "timeout", "{down:?}");
    assert!(down.message.contains("--poll-timeout"), "{down:?}");

    // A transaction left open would hold the checkpoint back for longer than this connection waits (10 s).
    let mut connection = sql::connect(&path).await;
    sql::run(&mut connection, "DELETE FROM worker_queue WHERE id = 1").await;
    assert!(sql::checkpoint(&mut connection).await, "an interrupted poll holds a transaction open");
    assert_eq!(std::fs::metadata(scenarios::disk::part(&path, "-wal")).unwrap().len(), 0, "frames are left");

    // Small again, it is read again.
    sql::run(&mut connection, "DELETE FROM worker_queue").await;
    wait_for("a good poll", async || (up(&exporter.scrape().await) == 1.0).then_some(())).await;
    exporter.stop().await;
}
