//! What a store holds when no runtime is there to take it: queued work, and rows as faults leave them.

use std::{sync::Arc, time::Duration};

use duroxide::{
    Client,
    providers::{Provider, WorkItem},
};

use crate::{sql, store::Store};

/// Queues through the framework's client and provider what nobody takes, because no runtime is running.
pub async fn queue_without_runtime(provider: Arc<dyn Provider>) {
    let client = Client::new(provider.clone());
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
    provider.enqueue_for_orchestrator(later, Some(Duration::from_secs(3600))).await.unwrap();
}

/// Rows that only faults and other versions write: abandoned messages, work items nobody can read, expired leases,
/// an instance without execution, an unknown status.
const ROWS: &str = r#"
    INSERT INTO orchestrator_queue (instance_id, work_item, visible_at, lock_token, attempt_count) VALUES
        ('hello', '{"CancelInstance":{"instance":"hello","reason":"late"}}', MOMENT(1000), 'abandoned', 2),
        ('hello', '{"FromTheFuture":{"instance":"hello"}}', MOMENT(1000), NULL, 0),
        ('hello', 'no JSON at all', MOMENT(4102444800000), NULL, 7),
        ('gone', '{"TimerFired":{"instance":"gone","execution_id":1,"id":2,"fire_at_ms":1}}', MOMENT(1), NULL, 0),
        ('dead', '{"QueueMessage":{"instance":"dead","name":"a","data":"b"}}', MOMENT(1000), 'turn-dead', 1),
        ('dead', '{"QueueMessage":{"instance":"dead","name":"a","data":"c"}}', MOMENT(1000), NULL, 0),
        ('held', '{"QueueMessage":{"instance":"held","name":"a","data":"b"}}', MOMENT(1000), 'turn-held', 2),
        ('held', '{"QueueMessage":{"instance":"held","name":"a","data":"c"}}', MOMENT(1000), NULL, 0),
        ('held', '{"TimerFired":{"instance":"held","execution_id":1,"id":2,"fire_at_ms":1}}', MOMENT(1), 'old', 1);
    INSERT INTO instance_locks (instance_id, lock_token, locked_until, locked_at) VALUES
        ('dead', 'turn-dead', 5000, 1000), ('held', 'turn-held', 4102444800000, 1000);
    INSERT INTO instances (instance_id, orchestration_name, orchestration_version, current_execution_id) VALUES
        ('dead', 'Hello', '1.0.0', 1), ('held', 'Hello', '1.0.0', 2), ('empty', 'Hello', '1.0.0', 1);
    INSERT INTO executions (instance_id, execution_id, status) VALUES
        ('dead', 1, 'ContinuedAsNew'), ('held', 1, 'ContinuedAsNew'), ('held', 2, 'Suspended'),
        ('phantom', 1, 'Running');
    INSERT INTO worker_queue (work_item, visible_at, lock_token, locked_until, attempt_count, tag) VALUES
        ('{"FromTheFuture":{"name":"Unreadable"}}', MOMENT(1000), NULL, NULL, 0, NULL),
        ('no JSON at all', MOMENT(1000), NULL, NULL, 0, 'fpga'),
        ('{"ActivityExecute":{"instance":"dead","execution_id":1,"id":2,"name":"Greet","input":""}}',
            MOMENT(1000), 'worker-dead', 6000, 3, NULL),
        ('{"ActivityExecute":{"instance":"dead","execution_id":1,"id":3,"name":"Greet","input":""}}',
            MOMENT(4102444800000), NULL, NULL, 1, NULL),
        ('{"ActivityExecute":{"instance":"dead","execution_id":1,"id":4,"name":"Greet","input":""}}',
            MOMENT(1000), 'worker-alive', 4102444800000, 2, 'gpu');
    INSERT INTO sessions (session_id, worker_id, locked_until, last_activity_at) VALUES
        ('old', 'worker', 1000, 1000), ('new', 'worker', 4102444800000, 1000);
"#;

/// On Postgres the leases of turns are in the rows, too; a lease without an end never ends; a renewal may have
/// reached the lock and not yet the row. And a legal escape that no JSON function of Postgres takes: from here on
/// the provider's own fetch fails for every orchestration.
const ROWS_OF_POSTGRES: &str = r#"
    UPDATE orchestrator_queue SET locked_until = 5000 WHERE lock_token IN ('turn-dead', 'turn-held');
    UPDATE orchestrator_queue SET locked_until = 1000 WHERE lock_token IN ('abandoned', 'old');
    INSERT INTO orchestrator_queue (instance_id, work_item, visible_at, lock_token, locked_until, attempt_count) VALUES
        ('held', '{"QueueMessage":{"instance":"held","name":"a","data":"d"}}', MOMENT(1000), 'turn-held', 4102444800000, 1),
        ('hello', '{"QueueMessage":{"instance":"hello","name":"a","data":"e"}}', MOMENT(1000), 'forgotten', NULL, 1),
        ('hello', '{"QueueMessage":{"instance":"hello","name":"a","data":"f"}}', MOMENT(4102444800000), 'early', 4102444800000, 1),
        ('hello', '{"QueueMessage":{"instance":"hello","name":"a","data":"g"}}', MOMENT(4102444800000), 'early', 1000, 1),
        ('hello', '{"QueueMessage":{"instance":"hello","name":"nul \u0000 inside","data":"nul \u0000 inside"}}', MOMENT(1000), NULL, NULL, 0);
    INSERT INTO worker_queue (work_item, visible_at, lock_token, locked_until, attempt_count, tag) VALUES
        ('{"ActivityExecute":{"instance":"dead","execution_id":1,"id":5,"name":"nul \u0000 inside","input":"\u0000"}}',
            MOMENT(1000), 'worker-forgotten', NULL, 1, 'tag \ "x"');
"#;

/// Writes them.
pub async fn write_by_hand(store: impl Into<Store>) {
    let store = store.into();
    sql::execute(&store, ROWS).await;
    if store.is_postgres() {
        sql::execute(&store, ROWS_OF_POSTGRES).await;
    }
}
