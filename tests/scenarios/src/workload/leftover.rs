//! What a store holds when no runtime is there to take it: queued work, and rows as faults leave them.

use std::{path::Path, str::FromStr as _, sync::Arc, time::Duration};

use duroxide::{
    Client,
    providers::{Provider as _, WorkItem, sqlite::SqliteProvider},
};
use sqlx::{ConnectOptions as _, Executor as _, sqlite::SqliteConnectOptions};

/// Queues through the framework's client and provider what nobody takes, because no runtime is running.
pub async fn queue_without_runtime(store: &Arc<SqliteProvider>) {
    let client = Client::new(store.clone());
    client.start_orchestration("queued-1", "Hello", "q").await.unwrap();
    client.start_orchestration_versioned("queued-2", "Hello", "2.1.0", "q").await.unwrap();
    client.raise_event("queued-1", "Event", "{}").await.unwrap();
    client.raise_event("waits-for-event", "Approval", "{}").await.unwrap();
    client.cancel_instance("nobody", "no such instance").await.unwrap();
    client.enqueue_event("nobody", "inbox", "lost").await.unwrap();
    let later = WorkItem::StartOrchestration {
        instance: "scheduled".to_owned(),
        orchestration: "Hello".to_owned(),
        input: String::new(),
        version: None,
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        execution_id: 1,
    };
    store.enqueue_for_orchestrator(later, Some(Duration::from_secs(3600))).await.unwrap();
}

/// Writes rows that only faults and other versions write: abandoned messages, work items nobody can read,
/// expired leases, an instance without execution, an unknown status.
pub async fn write_by_hand(path: &Path) {
    let mut connection = SqliteConnectOptions::from_str(&format!("sqlite:{}", path.display()))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let statements = r#"
        INSERT INTO orchestrator_queue (instance_id, work_item, visible_at, lock_token, attempt_count) VALUES
            ('hello', '{"CancelInstance":{"instance":"hello","reason":"late"}}', 1000, 'abandoned', 2),
            ('hello', '{"FromTheFuture":{"instance":"hello"}}', 1000, NULL, 0),
            ('hello', 'no JSON at all', 4102444800000, NULL, 7),
            ('gone', '{"TimerFired":{"instance":"gone","execution_id":1,"id":2,"fire_at_ms":1}}', 1, NULL, 0),
            ('dead', '{"QueueMessage":{"instance":"dead","name":"a","data":"b"}}', 1000, 'turn-dead', 1),
            ('dead', '{"QueueMessage":{"instance":"dead","name":"a","data":"c"}}', 1000, NULL, 0),
            ('held', '{"QueueMessage":{"instance":"held","name":"a","data":"b"}}', 1000, 'turn-held', 2),
            ('held', '{"QueueMessage":{"instance":"held","name":"a","data":"c"}}', 1000, NULL, 0),
            ('held', '{"TimerFired":{"instance":"held","execution_id":1,"id":2,"fire_at_ms":1}}', 1, 'old', 1);
        INSERT INTO instance_locks (instance_id, lock_token, locked_until, locked_at) VALUES
            ('dead', 'turn-dead', 5000, 1000), ('held', 'turn-held', 4102444800000, 1000);
        INSERT INTO instances (instance_id, orchestration_name, orchestration_version, current_execution_id) VALUES
            ('dead', 'Hello', '1.0.0', 1), ('held', 'Hello', '1.0.0', 2), ('empty', 'Hello', '1.0.0', 1);
        INSERT INTO executions (instance_id, execution_id, status) VALUES
            ('dead', 1, 'ContinuedAsNew'), ('held', 1, 'ContinuedAsNew'), ('held', 2, 'Suspended'),
            ('phantom', 1, 'Running');
        INSERT INTO worker_queue (work_item, visible_at, lock_token, locked_until, attempt_count, tag) VALUES
            ('{"FromTheFuture":{"name":"Unreadable"}}', 1000, NULL, NULL, 0, NULL),
            ('no JSON at all', 1000, NULL, NULL, 0, 'fpga'),
            ('{"ActivityExecute":{"instance":"dead","execution_id":1,"id":2,"name":"Greet","input":""}}',
                1000, 'worker-dead', 6000, 3, NULL),
            ('{"ActivityExecute":{"instance":"dead","execution_id":1,"id":3,"name":"Greet","input":""}}',
                4102444800000, NULL, NULL, 1, NULL),
            ('{"ActivityExecute":{"instance":"dead","execution_id":1,"id":4,"name":"Greet","input":""}}',
                1000, 'worker-alive', 4102444800000, 2, 'gpu');
        INSERT INTO sessions (session_id, worker_id, locked_until, last_activity_at) VALUES
            ('old', 'worker', 1000, 1000), ('new', 'worker', 4102444800000, 1000);
    "#;
    connection.execute(sqlx::raw_sql(statements)).await.expect("rows written by hand");
}
