//! The rows of a large store, as duroxide-pg writes them.

use crate::scale::EVENTS;

pub(super) fn statements(instances: u64) -> String {
    // Instances begin a second apart, the last an hour ago: a worker's clock is not ahead of the server's.
    // `n` numbers them, from 1, by their ids.
    let numbered = "(SELECT *, substr(instance_id, 7, 8)::int AS n FROM instances) AS i";
    format!(
        r#"
        INSERT INTO instances (instance_id, orchestration_name, orchestration_version, current_execution_id, created_at,
            updated_at)
        SELECT 'order-' || lpad(n::text, 8, '0') || '-' || left(md5(n::text), 12), 'Orchestration' || n % 40,
            '1.0.' || n % 3, 1, began, began + interval '3 seconds'
        FROM (
            SELECT n, date_trunc('milliseconds', now()) - interval '1 hour' - ({instances} - n) * interval '1 second' AS began
            FROM generate_series(1, {instances}) AS n) AS numbers;

        INSERT INTO executions (instance_id, execution_id, status, output, started_at, completed_at, duroxide_version_major,
            duroxide_version_minor, duroxide_version_patch)
        SELECT instance_id, 1, status, CASE WHEN status <> 'Running' THEN '{{"note":"' || repeat(md5(n::text), 4) || '"}}' END,
            created_at, CASE WHEN status <> 'Running' THEN updated_at END, 0, 1, 32
        FROM (
            SELECT *, CASE WHEN n % 20 = 0 THEN 'Running' WHEN n % 7 = 0 THEN 'Failed' ELSE 'Completed' END AS status
            FROM {numbered}) AS i;

        INSERT INTO history (instance_id, execution_id, event_id, event_type, event_data, created_at)
        SELECT instance_id, 1, e, 'Event', '{{"event_id":' || e || ',"source_event_id":3,"instance_id":"' || instance_id
            || '","execution_id":1,"timestamp_ms":1795408935949,"duroxide_version":"0.1.32","type":"ActivityCompleted","result":"'
            || repeat(md5(instance_id || e), 2) || repeat('x', 16) || '"}}', created_at
        FROM instances, generate_series(1, {EVENTS}) AS e;

        INSERT INTO orchestrator_queue (instance_id, work_item, visible_at, created_at)
        SELECT instance_id, '{{"TimerFired": {{"id": 2, "instance": "' || instance_id
            || '", "fire_at_ms": 4102444800000, "execution_id": 1}}}}', to_timestamp(4102444800), created_at
        FROM {numbered} WHERE n % 20 = 0;

        INSERT INTO worker_queue (work_item, visible_at, created_at, attempt_count, lock_token, locked_until, instance_id,
            execution_id, activity_id, tag)
        SELECT '{{"ActivityExecute": {{"id": 2, "name": "Activity' || n / 10 % 60 || '", "input": "' || repeat(md5(n::text), 12)
            || '", "instance": "' || instance_id || '", "execution_id": 1}}}}', created_at, created_at, (n % 100 = 0)::int,
            CASE WHEN n % 100 = 0 THEN 'token' || n END, CASE WHEN n % 100 = 0 THEN 4102444800000 END, instance_id, 1, 2,
            CASE WHEN n % 30 = 0 THEN 'gpu' END
        FROM {numbered} WHERE n % 10 = 0;

        VACUUM ANALYZE;
        CHECKPOINT;
        "#
    )
}
