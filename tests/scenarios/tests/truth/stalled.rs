//! Messages that stop the real provider for good, and the metric that tells so.

use std::{str::FromStr as _, time::Duration};

use duroxide::{
    Client,
    providers::{Provider, TagFilter, WorkItem},
};
use scenarios::{
    compare::{Exporter, assert_exact},
    exporter::Running,
    files::Scratch,
    over_every_store, sql,
    stores::Kind,
    workload,
};
use sqlx::{ConnectOptions as _, sqlite::SqliteConnectOptions};

use crate::of_queue;

/// So often in a row is "for ever" here: the provider decides anew each time, from the same rows.
const OFTEN: usize = 20;

const LEASE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_of_nobody_stalls_all_orchestrations_and_is_an_orphan() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let store = workload::open(&path).await;
    let client = Client::new(store.clone());
    client.cancel_instance("nobody", "no such instance").await.unwrap();
    client.start_orchestration("behind", "Hello", "x").await.unwrap();

    let exporter = Running::start(&path).await;
    for _ in 0..OFTEN {
        let item = store.fetch_orchestration_item(LEASE, Duration::ZERO, None).await.unwrap();
        assert!(item.is_none(), "the provider handed out {item:?}: the orphan does not stall it");
    }
    let stalled = assert_exact(&path, &exporter, Exporter::Fresh).await;
    assert_eq!(of_queue(&stalled, "duroxide_queue_orphan_messages", "orchestrator"), 1.0);
    assert_eq!(of_queue(&stalled, "duroxide_queue_fetchable_messages", "orchestrator"), 2.0);

    // It was the orphan: when somebody starts its instance, both are handed out.
    client.start_orchestration("nobody", "Hello", "x").await.unwrap();
    for instance in ["nobody", "behind"] {
        let item = store.fetch_orchestration_item(LEASE, Duration::ZERO, None).await.unwrap();
        assert_eq!(item.expect("no longer stalled").0.instance, instance);
    }
    let free = assert_exact(&path, &exporter, Exporter::Fresh).await;
    assert_eq!(of_queue(&free, "duroxide_queue_orphan_messages", "orchestrator"), 0.0);
    exporter.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_work_item_stalls_all_activities_and_is_undecodable() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let store = workload::open(&path).await;
    let url = format!("sqlite:{}", path.display());
    let mut connection = SqliteConnectOptions::from_str(&url).unwrap().connect().await.unwrap();
    let insert = r#"INSERT INTO worker_queue (work_item, visible_at) VALUES ('{"FromTheFuture":{}}', 1000)"#;
    sqlx::query(insert).execute(&mut connection).await.unwrap();
    let behind = WorkItem::ActivityExecute {
        instance: "i".to_owned(),
        execution_id: 1,
        id: 2,
        name: "Greet".to_owned(),
        input: String::new(),
        session_id: None,
        tag: None,
    };
    store.enqueue_for_worker(behind).await.unwrap();

    let exporter = Running::start(&path).await;
    for _ in 0..OFTEN {
        let fetched = store.fetch_work_item(LEASE, Duration::ZERO, None, &TagFilter::Any).await;
        assert!(
            fetched.is_err(),
            "the provider handed out {fetched:?}: the unreadable item does not stall it"
        );
    }
    let stalled = assert_exact(&path, &exporter, Exporter::Fresh).await;
    assert_eq!(of_queue(&stalled, "duroxide_queue_undecodable_messages", "worker"), 1.0);
    assert_eq!(of_queue(&stalled, "duroxide_queue_fetchable_messages", "worker"), 2.0);

    sqlx::query("DELETE FROM worker_queue WHERE id = 1").execute(&mut connection).await.unwrap();
    let fetched = store.fetch_work_item(LEASE, Duration::ZERO, None, &TagFilter::Any).await.unwrap();
    assert!(fetched.is_some(), "it was the unreadable item");
    let free = assert_exact(&path, &exporter, Exporter::Seasoned).await;
    assert_eq!(of_queue(&free, "duroxide_queue_undecodable_messages", "worker"), 0.0);
    exporter.stop().await;
}

/// Postgres decodes the messages of a turn itself, and has no text that holds a NUL.
async fn an_escaped_nul_stalls_all_orchestrations_of_postgres_and_is_undecodable(kind: Kind) {
    let fresh = kind.create().await;
    let store = &fresh.store;
    let provider = store.provider().await;
    let client = Client::new(provider.clone());
    client.enqueue_event("stalls", "inbox", "nul \0 inside").await.unwrap();
    client.start_orchestration("behind", "Hello", "x").await.unwrap();

    let exporter = Running::start(store).await;
    for _ in 0..OFTEN {
        let fetched = provider.fetch_orchestration_item(LEASE, Duration::ZERO, None).await;
        assert!(fetched.is_err(), "the provider handed out {fetched:?}: the escaped NUL does not stall it");
    }
    let stalled = assert_exact(store, &exporter, Exporter::Fresh).await;
    assert_eq!(of_queue(&stalled, "duroxide_queue_undecodable_messages", "orchestrator"), 1.0);
    assert_eq!(of_queue(&stalled, "duroxide_queue_fetchable_messages", "orchestrator"), 2.0);

    sql::execute(store, "DELETE FROM orchestrator_queue WHERE instance_id = 'stalls'").await;
    let fetched = provider.fetch_orchestration_item(LEASE, Duration::ZERO, None).await.unwrap();
    assert_eq!(fetched.expect("no longer stalled").0.instance, "behind");
    let free = assert_exact(store, &exporter, Exporter::Seasoned).await;
    assert_eq!(of_queue(&free, "duroxide_queue_undecodable_messages", "orchestrator"), 0.0);
    exporter.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_escaped_nul_stalls_duroxide_pg() {
    an_escaped_nul_stalls_all_orchestrations_of_postgres_and_is_undecodable(Kind::DuroxidePg).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_escaped_nul_stalls_duroxide_pg_opt() {
    an_escaped_nul_stalls_all_orchestrations_of_postgres_and_is_undecodable(Kind::DuroxidePgOpt).await;
}

over_every_store!(a_store_stalled_by_thousands_of_orphans_is_still_read);

async fn a_store_stalled_by_thousands_of_orphans_is_still_read(kind: Kind) {
    let fresh = kind.create().await;
    let store = &fresh.store;
    // For one instance that nobody started: were each compared with all others, no poll would ever end.
    let orphans = r#"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
        INSERT INTO orchestrator_queue (instance_id, work_item, visible_at)
        SELECT 'nobody', '{"ExternalRaised":{"instance":"nobody","name":"Approval","data":"' || i || '"}}', MOMENT(1000) FROM n"#;
    scenarios::sql::execute(store, orphans).await;
    let exporter = Running::start(store).await;
    let series = exporter.fresh_scrape().await;
    assert_eq!(of_queue(&series, "duroxide_queue_orphan_messages", "orchestrator"), 50_000.0);
    exporter.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_with_a_fraction_takes_no_numbers_away() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let store = workload::open(&path).await;
    // What an operator leaves who repairs a row with `unixepoch('subsec') * 1000`.
    let client = Client::new(store.clone());
    client.start_orchestration("mended", "Hello", "x").await.unwrap();
    scenarios::sql::execute(&path, "UPDATE orchestrator_queue SET visible_at = visible_at - 0.25, created_at = datetime(created_at, '-1 hour')").await;

    let exporter = Running::start(&path).await;
    let series = exporter.fresh_scrape().await;
    assert_eq!(of_queue(&series, "duroxide_queue_fetchable_messages", "orchestrator"), 1.0);
    let item = store.fetch_orchestration_item(LEASE, Duration::ZERO, None).await.unwrap();
    assert_eq!(item.expect("the framework hands it out").0.instance, "mended");
    exporter.stop().await;
}
