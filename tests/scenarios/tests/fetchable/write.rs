//! Writes a case into the store, in one transaction, in place of the case before.

use std::fmt::Write as _;

use duroxide::providers::WorkItem;
use scenarios::{
    sql::{Connection, quoted},
    store::Store,
};

use crate::model::{Activity, Case, Kind, Token, Turn};

/// The owner whose sessions are bound to us.
pub(crate) const US: &str = "worker-us";

/// Another worker's owner.
pub(crate) const OTHERS: &str = "worker-others";

/// Leaves an empty store.
const CLEAR: &str = "DELETE FROM orchestrator_queue; DELETE FROM worker_queue; DELETE FROM instance_locks; DELETE FROM sessions;
    DELETE FROM executions; DELETE FROM history; DELETE FROM instances;";

pub(crate) async fn clear(connection: &mut Connection) {
    connection.run(CLEAR).await;
}

/// Replaces the store's contents.
pub(crate) async fn write(
    store: &Store,
    connection: &mut Connection,
    case: &Case,
    now_ms: i64,
) -> anyhow::Result<()> {
    Ok(connection.attempt(&script(store, case, now_ms)).await?)
}

fn script(store: &Store, case: &Case, now_ms: i64) -> String {
    let at = |minutes: i64| now_ms + minutes * 60_000;
    let mut sql = String::from(if store.is_postgres() { "BEGIN;" } else { "BEGIN IMMEDIATE;" });
    sql.push_str(CLEAR);
    for (index, instance) in case.instances.iter().enumerate() {
        let execution = instance.current_execution;
        if instance.exists {
            let _ = write!(
                sql,
                "INSERT INTO instances (instance_id, orchestration_name, orchestration_version, current_execution_id)
                     VALUES ('i{index}', 'Order', '1.0.{execution}', {execution});"
            );
            if let Some(status) = instance.status {
                let _ = write!(
                    sql,
                    "INSERT INTO executions (instance_id, execution_id, status)
                         VALUES ('i{index}', {execution}, '{status}');"
                );
            }
        }
        if let Some(until) = instance.locked {
            let _ = write!(
                sql,
                "INSERT INTO instance_locks (instance_id, lock_token, locked_until, locked_at)
                     VALUES ('i{index}', 'turn-{index}', {}, {});",
                at(until),
                at(until.min(0) - 1)
            );
        }
    }
    for (index, turn) in case.orchestrator.iter().enumerate() {
        let _ = write!(
            sql,
            "INSERT INTO orchestrator_queue
                 (instance_id, work_item, visible_at, lock_token, locked_until, attempt_count, created_at)
                 VALUES ('i{}', {}, {}, {}, {}, {}, {});",
            turn.instance,
            json(&work_item(index, turn)),
            store.moment(at(turn.visible)),
            token(turn),
            // The rows of SQLite never have one.
            turn.leased
                .filter(|_| store.is_postgres())
                .map_or_else(|| "NULL".to_owned(), |until| at(until).to_string()),
            turn.attempts,
            store.time(at(-turn.age_minutes)),
        );
    }
    for (index, activity) in case.worker.iter().enumerate() {
        let session = activity.session.map(|session| format!("s{session}"));
        let leased = activity
            .leased
            .map_or_else(|| "NULL, NULL".to_owned(), |until| format!("'worker-{index}', {}", at(until)));
        let _ = write!(
            sql,
            "INSERT INTO worker_queue
                 (work_item, visible_at, lock_token, locked_until, attempt_count, created_at, session_id, tag)
                 VALUES ({}, {}, {leased}, {}, {}, {}, {});",
            json(&execute(index, activity, session.clone())),
            store.moment(at(activity.visible)),
            activity.attempts,
            store.time(at(-activity.age_minutes)),
            nullable(session.as_deref()),
            nullable(activity.tag),
        );
    }
    for (index, session) in case.sessions.iter().enumerate() {
        if let Some(session) = session {
            let owner = if session.ours { US } else { OTHERS };
            let _ = write!(
                sql,
                "INSERT INTO sessions (session_id, worker_id, locked_until, last_activity_at)
                     VALUES ('s{index}', '{owner}', {}, {now_ms});",
                at(session.until)
            );
        }
    }
    sql.push_str("COMMIT;");
    sql
}

fn token(turn: &Turn) -> String {
    match turn.token {
        Token::None => "NULL".to_owned(),
        Token::OfTheLock => format!("'turn-{}'", turn.instance),
        Token::Stale => "'abandoned'".to_owned(),
    }
}

/// Each work item of a case is different from all others, so that what is handed out can be told apart.
fn work_item(index: usize, turn: &Turn) -> WorkItem {
    let instance = format!("i{}", turn.instance);
    let unique = index.to_string();
    match turn.kind {
        Kind::Start => WorkItem::StartOrchestration {
            instance,
            orchestration: "Order".to_owned(),
            input: unique,
            version: None,
            parent_instance: None,
            parent_id: None,
            parent_execution_id: None,
            execution_id: 1,
        },
        Kind::ContinueAsNew => WorkItem::ContinueAsNew {
            instance,
            orchestration: "Order".to_owned(),
            input: unique,
            version: None,
            parent_instance: None,
            parent_id: None,
            parent_execution_id: None,
            carry_forward_events: Vec::new(),
            initial_custom_status: None,
        },
        Kind::Timer => WorkItem::TimerFired { instance, execution_id: 1, id: index as u64, fire_at_ms: 0 },
        Kind::Completion => {
            WorkItem::ActivityCompleted { instance, execution_id: 1, id: index as u64, result: String::new() }
        }
        Kind::Cancel => WorkItem::CancelInstance { instance, reason: unique },
        Kind::Message => WorkItem::QueueMessage { instance, name: "inbox".to_owned(), data: unique },
    }
}

fn execute(index: usize, activity: &Activity, session_id: Option<String>) -> WorkItem {
    WorkItem::ActivityExecute {
        instance: "i0".to_owned(),
        execution_id: 1,
        id: index as u64,
        name: activity.name.to_owned(),
        input: String::new(),
        session_id,
        tag: activity.tag.map(str::to_owned),
    }
}

fn json(item: &WorkItem) -> String {
    quoted(&serde_json::to_string(item).unwrap())
}

fn nullable(text: Option<&str>) -> String {
    text.map_or_else(|| "NULL".to_owned(), quoted)
}
