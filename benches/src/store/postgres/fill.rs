//! The rows of a large store, and those of turns, as duroxide-pg writes them.

use super::super::turns::{Dialect, Turn, sleeps_after};

const DIALECT: Dialect = Dialect {
    id: "md5(n::text)::uuid::text",
    payload: "md5(random()::text) || md5(random()::text)",
    numbers: |first, last| format!("generate_series({first}::bigint, {last}::bigint) AS n"),
    moment: "to_timestamp(ms / 1000.0)",
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
        let far = "4102444800000";
        statements.push(timers(turn, &format!("{} AND {}", turn.runs_on(), turn.sleeps()), far));
        statements.push(activities(turn, &format!("{} AND NOT ({})", turn.runs_on(), turn.sleeps())));
    }
    statements
}

/// What a turn does, in one transaction.
pub(super) fn present(turn: &Turn) -> String {
    let mut statements = vec!["BEGIN".to_owned()];
    let these = format!("(SELECT id FROM {})", turn.instances(&DIALECT));
    if turn.turn == 1 {
        statements.push(instances(turn));
        statements.push(executions(turn, "'Running'"));
    } else {
        let table = if sleeps_after(turn.turn - 1) { "orchestrator_queue" } else { "worker_queue" };
        statements.push(format!("DELETE FROM {table} WHERE instance_id IN {these}"));
        statements.push(format!("UPDATE instances SET updated_at = now() WHERE instance_id IN {these}"));
    }
    statements.push(turn.history(&DIALECT));
    if turn.is_last() {
        statements.push(format!(
            "UPDATE executions SET status = 'Completed', output = 'done', completed_at = now() \
             WHERE execution_id = 1 AND instance_id IN {these}"
        ));
    } else if sleeps_after(turn.turn) {
        statements.push(timers(turn, "true", "ms + 80"));
    } else {
        statements.push(activities(turn, "true"));
    }
    statements.push("COMMIT".to_owned());
    statements.join(";\n")
}

fn instances(turn: &Turn) -> String {
    format!(
        "INSERT INTO instances (instance_id, orchestration_name, orchestration_version, current_execution_id, created_at, updated_at) \
         SELECT id, {}, '1.0.' || (n % 3), 1, {moment}, {moment} + interval '10 seconds' FROM {}",
        turn.orchestration(),
        turn.instances(&DIALECT),
        moment = DIALECT.moment
    )
}

fn executions(turn: &Turn, status: &str) -> String {
    format!(
        "INSERT INTO executions (instance_id, execution_id, status, output, started_at, completed_at, duroxide_version_major, \
           duroxide_version_minor, duroxide_version_patch) \
         SELECT id, 1, status, CASE WHEN status <> 'Running' THEN {} END, {moment}, \
           CASE WHEN status <> 'Running' THEN {moment} + interval '10 seconds' END, 0, 1, 32 \
         FROM (SELECT id, ms, {status} AS status FROM {}) AS i",
        DIALECT.payload,
        turn.instances(&DIALECT),
        moment = DIALECT.moment
    )
}

fn timers(turn: &Turn, which: &str, due: &str) -> String {
    format!(
        "INSERT INTO orchestrator_queue (instance_id, work_item, visible_at, created_at) \
         SELECT id, '{{\"TimerFired\": {{\"id\": {}, \"instance\": \"' || id || '\", \"fire_at_ms\": ' || ({due}) || \
           ', \"execution_id\": 1}}}}', to_timestamp(({due}) / 1000.0), {} FROM {} WHERE {which}",
        2 * turn.turn,
        DIALECT.moment,
        turn.instances(&DIALECT)
    )
}

/// One in ten has been taken by a worker.
fn activities(turn: &Turn, which: &str) -> String {
    format!(
        "INSERT INTO worker_queue (work_item, visible_at, created_at, attempt_count, lock_token, locked_until, instance_id, \
           execution_id, activity_id, tag) \
         SELECT '{{\"ActivityExecute\": {{\"id\": {id}, \"name\": \"' || {name} || '\", \"input\": \"' || repeat(md5(n::text), 6) \
           || '\", \"instance\": \"' || id || '\", \"execution_id\": 1}}}}', {moment}, {moment}, taken::int, \
           CASE WHEN taken THEN 'token' || n END, CASE WHEN taken THEN 4102444800000 END, id, 1, {id}, \
           CASE WHEN n % 3 = 0 THEN 'gpu' END \
         FROM (SELECT n, id, ms, n / {every} % 20 = 1 AS taken FROM {instances}) AS i WHERE {which}",
        id = 2 * turn.turn,
        name = turn.activity_name(turn.turn),
        every = turn.shape.running_every,
        moment = DIALECT.moment,
        instances = turn.instances(&DIALECT)
    )
}
