//! Timelines of what the real runtime did: read from the store with plain SQL, and compared with what the
//! orchestrations and activities are known to have done.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod batch;
mod everything;
mod stories;
mod telling;
mod world;

use std::path::Path;

use duroxide_exporter::{Event, Timeline};
use scenarios::sql;

/// The timeline of one execution.
async fn timeline(path: &Path, instance: &str, execution: u64) -> Timeline {
    let mut connection = sql::connect(path).await;
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT event_data FROM history WHERE instance_id = ? AND execution_id = ? ORDER BY event_id",
    )
    .bind(instance)
    .bind(i64::try_from(execution).unwrap())
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let mut builder = Timeline::builder(instance, execution);
    for row in rows {
        builder.push(&Event::decode(&row).unwrap());
    }
    let timeline = builder.finish();
    assert_eq!((timeline.unknown_events, timeline.undecodable_events), (0, 0));
    for entry in &timeline.entries {
        assert!(timeline.started_at.unwrap() <= entry.started_at, "{entry:#?}");
        assert!(entry.ended_at.is_none_or(|end| entry.started_at <= end), "{entry:#?}");
    }
    timeline
}

/// The lines of `expected`, without indentation.
fn lines(expected: &str) -> Vec<String> {
    expected.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}
