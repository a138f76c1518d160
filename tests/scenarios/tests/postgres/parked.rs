//! Rows that somebody put off for ever by hand.

use scenarios::{
    compare::{Exporter, assert_exact},
    exporter::Running,
    sql,
    stores::Kind,
};

use crate::value;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_at_infinity_is_delayed() {
    let fresh = Kind::DuroxidePg.create().await;
    for (queue, columns, values) in [
        ("worker_queue", "work_item", "'{}'"),
        (
            "orchestrator_queue",
            "instance_id, work_item",
            "'parked', '{\"CancelInstance\":{\"instance\":\"parked\",\"reason\":\"\"}}'",
        ),
    ] {
        let insert = format!(
            "INSERT INTO {queue} ({columns}, visible_at, attempt_count) VALUES ({values}, 'infinity', 0)"
        );
        sql::execute(&fresh.store, &insert).await;
    }
    let running = Running::start(&fresh.store).await;
    let scrape = running.fresh_scrape().await;
    for queue in ["worker", "orchestrator"] {
        let labels = [("queue", queue), ("state", "delayed")];
        assert_eq!(value(&scrape, "duroxide_queue_messages", &labels), Some(1.0), "{queue}");
    }
    sql::execute(&fresh.store, "DELETE FROM worker_queue; DELETE FROM orchestrator_queue").await;
    assert_exact(&fresh.store, &running, Exporter::Seasoned).await;
    running.stop().await;
}
