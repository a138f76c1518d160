//! A store in which nothing has happened for an hour: by the clock every lease in it is over, by its own newest
//! moment some are not. So a test need not wait for a lease to run out.

use std::{path::Path, sync::Arc};

use duroxide::providers::sqlite::SqliteProvider;
use scenarios::{recount, sql, workload};

/// Creates the store, and tells the newest moment in it. The provider keeps `-wal` and `-shm` in place.
pub(crate) async fn create(path: &Path) -> (Arc<SqliteProvider>, i64) {
    let provider = workload::open(path).await;
    // Not on a whole second: some of the columns cannot tell milliseconds.
    let newest = (recount::now_ms() / 1000 - 3600) * 1000 + 437;
    sql::execute(path, &rows(newest)).await;
    assert_eq!(recount::newest_ms(path).await.unwrap(), Some(newest), "the newest moment of the rows");
    (provider, newest)
}

fn rows(newest: i64) -> String {
    let at = |offset: i64| newest + offset;
    let text = |offset: i64| format!("datetime({}, 'unixepoch')", (newest + offset) / 1000);
    let activity = |name: &str| {
        format!(
            r#"'{{"ActivityExecute":{{"instance":"turn","execution_id":1,"id":2,"name":"{name}","input":""}}}}'"#
        )
    };
    let start = |id: &str| {
        format!(
            r#"'{{"StartOrchestration":{{"instance":"{id}","orchestration":"Hello","input":"","version":null,"parent_instance":null,"parent_id":null,"execution_id":1}}}}'"#
        )
    };
    let event = |id: &str| format!(r#"'{{"QueueMessage":{{"instance":"{id}","name":"n","data":"d"}}}}'"#);
    let timer = |id: &str, due: i64| {
        format!(r#"'{{"TimerFired":{{"instance":"{id}","execution_id":1,"id":3,"fire_at_ms":{due}}}}}'"#)
    };
    format!(
        r#"
        INSERT INTO instances (instance_id, orchestration_name, orchestration_version, created_at, updated_at) VALUES
            ('turn', 'Hello', '1.0.0', {long_ago}, {long_ago}), ('dead', 'Hello', '1.0.0', {long_ago}, {long_ago}),
            ('done', 'Hello', '1.0.0', {long_ago}, {long_ago});
        INSERT INTO executions (instance_id, execution_id, status, started_at) VALUES
            ('turn', 1, 'Running', {long_ago}), ('dead', 1, 'Running', {long_ago}),
            ('done', 1, 'Completed', {long_ago});
        INSERT INTO instance_locks (instance_id, lock_token, locked_until, locked_at) VALUES
            ('turn', 'valid', {turn_ends}, {turn_began}), ('dead', 'over', {dead_ended}, {dead_began});
        INSERT INTO orchestrator_queue (instance_id, work_item, visible_at, lock_token, attempt_count, created_at)
        VALUES
            ('turn', {of_turn}, {turn_began}, 'valid', 1, {recently}),
            ('turn', {of_turn}, {turn_began}, NULL, 0, {recently}),
            ('dead', {of_dead}, {dead_began}, 'over', 2, {long_ago}),
            ('new', {new}, {waits}, NULL, 0, {long_ago}),
            ('later', {later}, {soon}, NULL, 0, {recently}),
            ('turn', {due}, {waits}, NULL, 0, {long_ago}),
            ('done', {leftover}, {soon}, NULL, 0, {recently});
        INSERT INTO worker_queue (work_item, visible_at, lock_token, locked_until, attempt_count, tag, created_at)
        VALUES
            ({held}, {waits}, 'worker', {soon}, 1, NULL, {long_ago}),
            ({lost}, {waits}, 'worker', {dead_ended}, 3, 'gpu', {long_ago}),
            ({waiting}, {waits}, NULL, NULL, 0, NULL, {long_ago}),
            ({backing_off}, {soon}, NULL, NULL, 2, NULL, {long_ago});
        INSERT INTO sessions (session_id, worker_id, locked_until, last_activity_at) VALUES
            ('alive', 'worker', {soon}, {turn_began}), ('gone', 'worker', {dead_ended}, {dead_began});
        INSERT INTO history (instance_id, execution_id, event_id, event_type, event_data, created_at) VALUES
            ('turn', 1, 1, 'TimerFired', '{{"event_id":1,"timestamp_ms":{newest},"type":"TimerFired"}}', {recently});
        "#,
        long_ago = text(-120_000),
        recently = text(0),
        turn_began = at(-1_500),
        turn_ends = at(3_000),
        dead_began = at(-9_000),
        dead_ended = at(-500),
        waits = at(-60_250),
        soon = at(20_000),
        of_turn = event("turn"),
        of_dead = event("dead"),
        new = start("new"),
        later = start("later"),
        due = timer("turn", at(-60_250)),
        leftover = timer("done", at(20_000)),
        held = activity("Held"),
        lost = activity("Lost"),
        waiting = activity("Waiting"),
        backing_off = activity("BackingOff"),
    )
}
