//! The rows of a large store, and those of turns.

use super::super::turns::{Dialect, Turn, sleeps_after};

/// Ids look like those of applications, which are random.
const DIALECT: Dialect = Dialect {
    id: "printf('%08x-%04x-4%03x-%04x-%012x', (n * 2654435761) & 4294967295, (n * 40503) & 65535, (n * 48271) & 4095, \
         32768 | ((n * 30011) & 16383), (n * 2891336453 + n) & 281474976710655)",
    payload: "hex(randomblob(24))",
    numbers: |first, last| {
        format!(
            "(WITH RECURSIVE n(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM n WHERE n < {last}) SELECT n FROM n)"
        )
    },
    moment: "datetime(ms / 1000, 'unixepoch')",
};

/// What a turn leaves behind in a store where nothing of it is under way any more.
pub(super) fn past(turn: &Turn) -> Vec<String> {
    let mut statements = Vec::new();
    if turn.turn == 1 {
        statements.push(instances(turn));
        statements.push(executions(turn, &turn.status()));
    }
    statements.push(turn.history(&DIALECT));
    if turn.is_last() {
        statements.push(timers(turn, &format!("{} AND {}", turn.runs_on(), turn.sleeps()), "4102444800000"));
        statements.push(activities(turn, &format!("{} AND NOT ({})", turn.runs_on(), turn.sleeps())));
    }
    statements
}

/// What a turn does, in one transaction.
pub(super) fn present(turn: &Turn) -> String {
    let mut statements = vec!["BEGIN IMMEDIATE".to_owned()];
    let these = format!("(SELECT id FROM {})", turn.instances(&DIALECT));
    if turn.turn == 1 {
        statements.push(instances(turn));
        statements.push(executions(turn, "'Running'"));
    } else {
        let table = if sleeps_after(turn.turn - 1) { "orchestrator_queue" } else { "worker_queue" };
        statements.push(format!("DELETE FROM {table} WHERE instance_id IN {these}"));
    }
    statements.push(turn.history(&DIALECT));
    if turn.is_last() {
        statements.push(format!(
            "UPDATE executions SET status = 'Completed', output = 'done', completed_at = unixepoch('now') * 1000 \
             WHERE execution_id = 1 AND instance_id IN {these}"
        ));
    } else if sleeps_after(turn.turn) {
        statements.push(timers(turn, "1 = 1", "ms + 80"));
    } else {
        statements.push(activities(turn, "1 = 1"));
    }
    statements.push("COMMIT".to_owned());
    statements.join(";\n")
}

fn instances(turn: &Turn) -> String {
    format!(
        "INSERT INTO instances (instance_id, orchestration_name, orchestration_version, current_execution_id, created_at, updated_at) \
         SELECT id, {}, '1.0.' || (n % 3), 1, {moment}, {moment} FROM {}",
        turn.orchestration(),
        turn.instances(&DIALECT),
        moment = DIALECT.moment
    )
}

fn executions(turn: &Turn, status: &str) -> String {
    format!(
        "INSERT INTO executions (instance_id, execution_id, status, output, started_at, completed_at, duroxide_version_major, \
           duroxide_version_minor, duroxide_version_patch) \
         SELECT id, 1, status, CASE WHEN status <> 'Running' THEN {} END, {}, \
           CASE WHEN status <> 'Running' THEN ms + 10000 END, 0, 1, 32 \
         FROM (SELECT id, ms, {status} AS status FROM {})",
        DIALECT.payload,
        DIALECT.moment,
        turn.instances(&DIALECT)
    )
}

fn timers(turn: &Turn, which: &str, due: &str) -> String {
    format!(
        "INSERT INTO orchestrator_queue (instance_id, work_item, visible_at) \
         SELECT id, '{{\"TimerFired\":{{\"instance\":\"' || id || '\",\"execution_id\":1,\"id\":{},\"fire_at_ms\":' || ({due}) || '}}}}', \
           {due} FROM {} WHERE {which}",
        2 * turn.turn,
        turn.instances(&DIALECT)
    )
}

/// One in ten has been taken by a worker.
fn activities(turn: &Turn, which: &str) -> String {
    format!(
        "INSERT INTO worker_queue (work_item, visible_at, attempt_count, lock_token, locked_until, instance_id, execution_id, \
           activity_id, tag) \
         SELECT '{{\"ActivityExecute\":{{\"instance\":\"' || id || '\",\"execution_id\":1,\"id\":{id},\"name\":\"' || {name} || \
           '\",\"input\":\"' || hex(randomblob(100)) || '\"}}}}', ms, taken, CASE WHEN taken THEN 'token' || n END, \
           CASE WHEN taken THEN 4102444800000 END, id, 1, {id}, CASE WHEN n % 3 = 0 THEN 'gpu' END \
         FROM (SELECT n, id, ms, n / {every} % 20 = 1 AS taken FROM {instances}) WHERE {which}",
        id = 2 * turn.turn,
        name = turn.activity_name(turn.turn),
        every = turn.shape.running_every,
        instances = turn.instances(&DIALECT)
    )
}
