//! The rows of a large store.

use crate::scale::EVENTS;

pub(super) fn statements(instances: u64) -> Vec<String> {
    let numbers =
        |n: u64| format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {n})");
    vec![
        "PRAGMA synchronous = OFF".to_owned(),
        "BEGIN".to_owned(),
        format!(
            "{} INSERT INTO instances (instance_id, orchestration_name, orchestration_version, current_execution_id) \
             SELECT printf('order-%08d-', i) || hex(randomblob(6)), 'Orchestration' || (i % 40), '1.0.' || (i % 3), 1 FROM n",
            numbers(instances)
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
    ]
}
