//! The tables of a file.

use std::path::Path;

use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use crate::{
    sql,
    truth::{EventRow, Execution, Instance, Truth},
};

pub(super) async fn read(path: &Path) -> Truth {
    let mut connection = sql::connect(path).await;
    let mut truth = Truth::default();
    for row in all(&mut connection, "SELECT * FROM instances ORDER BY rowid").await {
        truth.instances.push(Instance {
            id: text(&row, "instance_id").unwrap_or_default(),
            orchestration: text(&row, "orchestration_name").unwrap_or_default(),
            version: text(&row, "orchestration_version").unwrap_or_default(),
            current: row.get("current_execution_id"),
            created_ms: second(&row, "created_at"),
            updated_ms: None,
            parent: text(&row, "parent_instance_id"),
            custom_status: text(&row, "custom_status"),
        });
    }
    for row in all(&mut connection, "SELECT * FROM executions").await {
        let id = (text(&row, "instance_id").unwrap_or_default(), row.get("execution_id"));
        let execution = Execution {
            status: text(&row, "status").unwrap_or_default(),
            output: text(&row, "output"),
            started_ms: second(&row, "started_at"),
            // Declared TIMESTAMP, holds milliseconds.
            completed_ms: row.get_unchecked("completed_at"),
        };
        truth.executions.insert(id, execution);
    }
    for row in all(&mut connection, "SELECT * FROM history ORDER BY event_id").await {
        let id = (text(&row, "instance_id").unwrap_or_default(), row.get("execution_id"));
        let event = EventRow {
            id: row.get("event_id"),
            column_type: text(&row, "event_type").unwrap_or_default(),
            data: row.get_unchecked("event_data"),
            committed_ms: second(&row, "created_at"),
        };
        truth.history.entry(id).or_default().push(event);
    }
    truth.newest_ms = newest(&mut connection, &truth).await;
    truth
}

/// The newest moment any row tells of: what a copy takes for "now".
async fn newest(connection: &mut SqliteConnection, truth: &Truth) -> Option<i64> {
    let mut moments = Vec::new();
    for row in all(connection, "SELECT * FROM instance_locks").await {
        moments.push(row.get("locked_at"));
    }
    for row in all(connection, "SELECT * FROM sessions").await {
        moments.push(row.get("last_activity_at"));
    }
    for queue in ["orchestrator_queue", "worker_queue"] {
        for row in all(connection, &format!("SELECT * FROM {queue}")).await {
            let created = second(&row, "created_at");
            moments.extend(created);
            // Whole seconds; what is visible in that very second was made visible when it was written.
            let visible: Option<i64> = row.get_unchecked("visible_at");
            moments.extend(
                visible.filter(|at| created.is_some_and(|created| (created..created + 1000).contains(at))),
            );
        }
    }
    for event in truth.history.values().flatten() {
        moments.extend(event.committed_ms);
        moments.extend(event.json().and_then(|json| json["timestamp_ms"].as_i64()));
    }
    moments.into_iter().max()
}

async fn all(connection: &mut SqliteConnection, sql: &str) -> Vec<SqliteRow> {
    sqlx::query(sql).fetch_all(connection).await.unwrap_or_else(|error| panic!("{error} in {sql}"))
}

fn text(row: &SqliteRow, column: &str) -> Option<String> {
    let bytes: Option<Vec<u8>> = row.get_unchecked(column);
    bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn second(row: &SqliteRow, column: &str) -> Option<i64> {
    millis(&text(row, column)?)
}

/// Milliseconds of `2026-11-23 04:42:15`, the only form the framework writes.
fn millis(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(' ')?;
    let numbers =
        |text: &str, by: char| -> Option<Vec<i64>> { text.split(by).map(|part| part.parse().ok()).collect() };
    let [year, month, day] = numbers(date, '-')?.try_into().ok()?;
    let [hour, minute, second] = numbers(time, ':')?.try_into().ok()?;
    // Days since 1970 in the proleptic Gregorian calendar; years begin in March, so that leap days come last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let days =
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000)
}

#[cfg(test)]
mod tests {
    use super::millis;

    #[test]
    fn times_of_the_framework_are_read() {
        assert_eq!(millis("1970-01-01 00:00:00"), Some(0));
        assert_eq!(millis("2026-11-23 04:42:15"), Some(1_795_408_935_000));
        assert_eq!(millis("2000-02-29 12:00:01"), Some(951_825_601_000));
        assert_eq!(millis("yesterday"), None);
    }
}
