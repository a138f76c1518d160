//! What time it is in a store: the machine's clock for a live one, the newest change for a copy.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use sqlx::sqlite::SqliteConnection;

use super::schema::Schema;
use super::sql;
use crate::store::database::failure::StoreError;

/// A last event above this is not read for its time alone.
const LARGEST_EVENT: i64 = 1 << 20;

/// The machine's clock. The runtime that writes a SQLite file runs on the same machine and uses it, too.
pub(super) fn wall_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// The newest moment recorded in a store; `None` for one in which nothing ever happened.
///
/// A copy stands still while the clock goes on: by the clock, every lease in it would be expired and every timer
/// late. Costs a few index lookups, whatever the size of the store.
pub(super) async fn newest_change(
    connection: &mut SqliteConnection,
    schema: &Schema,
) -> Result<Option<i64>, StoreError> {
    let sessions = if schema.sessions { "UNION ALL SELECT MAX(last_activity_at) FROM sessions" } else { "" };
    // The queues' `created_at` has whole seconds; the others have milliseconds. What was enqueued in the last of
    // these seconds was visible from then on: without its `visible_at` it would look delayed.
    let work = if schema.worker_visible_at {
        "UNION ALL SELECT visible_at FROM (SELECT visible_at, created_at FROM worker_queue ORDER BY id DESC LIMIT 1) \
           WHERE visible_at < strftime('%s', created_at) * 1000 + 1000"
    } else {
        ""
    };
    let sql = format!(
        "SELECT CAST(MAX(at) AS INTEGER) FROM ( \
           SELECT MAX(locked_at) AS at FROM instance_locks \
           {sessions} \
           {work} \
           UNION ALL SELECT MAX(visible_at) FROM orchestrator_queue WHERE visible_at < \
             (SELECT strftime('%s', created_at) * 1000 + 1000 FROM orchestrator_queue ORDER BY id DESC LIMIT 1) \
           UNION ALL SELECT strftime('%s', (SELECT created_at FROM orchestrator_queue ORDER BY id DESC LIMIT 1)) * 1000 \
           UNION ALL SELECT strftime('%s', (SELECT created_at FROM worker_queue ORDER BY id DESC LIMIT 1)) * 1000 \
           UNION ALL SELECT strftime('%s', (SELECT created_at FROM history ORDER BY rowid DESC LIMIT 1)) * 1000)"
    );
    let recorded = sql::number(&sqlx::query(&sql).fetch_one(&mut *connection).await?, 0)?;
    let last_event = format!(
        "SELECT CASE WHEN octet_length(event_data) <= {LARGEST_EVENT} THEN event_data END FROM history \
         ORDER BY rowid DESC LIMIT 1"
    );
    let event = match sqlx::query(&last_event).fetch_optional(&mut *connection).await? {
        Some(row) => sql::bytes(&row, 0)?.and_then(timestamp),
        None => None,
    };
    Ok(recorded.max(event))
}

/// The time of an event; `None` when it cannot be decoded: `created_at` then is as good.
fn timestamp(event: &[u8]) -> Option<i64> {
    #[derive(Deserialize)]
    struct Stamp {
        timestamp_ms: i64,
    }
    serde_json::from_slice::<Stamp>(event).ok().map(|stamp| stamp.timestamp_ms)
}
