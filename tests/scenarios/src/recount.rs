//! The independent truth: raw rows read with plain `SELECT`s and counted in plain Rust.
//!
//! Nothing here may use the exporter's code or SQL: a mistake shared by both sides would be invisible. Definitions
//! are written out once more, row by row, the slow and obvious way.

mod instances;
mod queues;
mod rows;
mod states;
mod waiting;

use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

pub use rows::{Event, Message, Rows, Rules};
pub use states::{Classified, State, Table};

use crate::{
    event_log,
    series::{Series, key},
    store::Store,
};

/// The families that are recounted, completely: a series of one of them that is not in the recount is a lie.
pub const FAMILIES: [&str; 21] = [
    "duroxide_queue_messages",
    "duroxide_queue_fetchable_messages",
    "duroxide_queue_ready_instances",
    "duroxide_queue_oldest_ready_age_seconds",
    "duroxide_queue_oldest_expired_lease_age_seconds",
    "duroxide_queue_enqueued_total",
    "duroxide_queue_dequeued_total",
    "duroxide_queue_retrying_messages",
    "duroxide_queue_max_attempts",
    "duroxide_queue_orphan_messages",
    "duroxide_queue_undecodable_messages",
    "duroxide_queue_leftover_messages",
    "duroxide_activity_queue_messages",
    "duroxide_activity_queue_oldest_ready_age_seconds",
    "duroxide_instance_locks",
    "duroxide_sessions",
    "duroxide_instances",
    "duroxide_instances_waiting",
    "duroxide_instances_oldest_running_age_seconds",
    "duroxide_executions_running",
    "duroxide_history_backlog_events",
];

/// A read-only connection of its own, kept for whoever reads often.
#[derive(Debug)]
pub struct Reader(rows::Reader);

impl Reader {
    /// Opens the store.
    pub async fn open(store: impl Into<Store>) -> anyhow::Result<Self> {
        Ok(Self(rows::Reader::open(&store.into()).await?))
    }

    /// The raw rows, all of the same moment.
    pub async fn rows(&mut self) -> anyhow::Result<Rows> {
        self.0.read().await
    }

    /// The clock that the states of the store's rows refer to: the machine's, or that of the database.
    pub async fn now_ms(&mut self) -> anyhow::Result<i64> {
        self.0.now_ms().await
    }
}

/// Reads and counts a store as of now.
pub async fn recount(store: impl Into<Store>, label: &str) -> anyhow::Result<Series> {
    let rows = raw(store).await?;
    Ok(count(&rows, label, rows.read_ms))
}

/// Reads and counts a store as of a moment that is not now.
pub async fn recount_as_of(store: impl Into<Store>, label: &str, now_ms: i64) -> anyhow::Result<Series> {
    Ok(count(&raw(store).await?, label, now_ms))
}

/// The newest moment the file at `path` tells of, ms.
pub async fn newest_ms(path: &Path) -> anyhow::Result<Option<i64>> {
    rows::newest(path).await
}

/// The raw rows of a store, for those who look at single ones.
pub async fn raw(store: impl Into<Store>) -> anyhow::Result<Rows> {
    Reader::open(store).await?.rows().await
}

/// Every series of [`FAMILIES`] for these rows at that moment.
pub fn count(rows: &Rows, store: &str, now_ms: i64) -> Series {
    let mut tally = Tally { store, series: Series::new() };
    queues::count(rows, now_ms, &mut tally);
    instances::count(rows, now_ms, &mut tally);
    waiting::count(rows, now_ms, &mut tally);
    tally.series
}

/// What the whole history of these rows adds up to, as if it had been read as it was written.
pub fn counted(rows: &Rows, store: &str) -> event_log::Tally {
    let mut tally = event_log::Tally::new(store);
    for Event { instance, execution, data } in &rows.history {
        tally.count(instance, *execution, data);
    }
    tally
}

/// Series of counters that must be there, were it with 0, for every orchestration and version of these rows: a first
/// increase would not be seen otherwise.
pub fn announced(rows: &Rows, store: &str) -> Vec<String> {
    let of = |instance: &rows::Instance| {
        let (orchestration, version) = (label(&instance.orchestration), label(&instance.version));
        let name = [("store", store), ("orchestration", orchestration.as_str())];
        let both = [name.as_slice(), &[("version", version.as_str())]].concat();
        let ended = |outcome| [both.as_slice(), &[("outcome", outcome)]].concat();
        let failed = [ended("failed").as_slice(), &[("failure_kind", "application")]].concat();
        let completed = [name.as_slice(), &[("outcome", "completed")]].concat();
        [
            key("duroxide_executions_started_total", &both),
            key("duroxide_executions_finished_total", &ended("completed")),
            key("duroxide_executions_finished_total", &ended("continued_as_new")),
            key("duroxide_executions_finished_total", &failed),
            key("duroxide_execution_duration_seconds_count", &completed),
            key("duroxide_execution_history_events_count", &completed),
        ]
    };
    rows.instances.values().flat_map(of).collect()
}

/// The machine's clock, which the framework's SQLite provider uses.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    i64::try_from(since.as_millis()).expect("a date within reach")
}

/// Collects numbers under their keys. Names too long for a label may collide after the cut: counts add up, ages
/// take the oldest.
struct Tally<'a> {
    store: &'a str,
    series: Series,
}

impl Tally<'_> {
    fn add(&mut self, family: &str, labels: &[(&str, &str)], value: f64) {
        *self.entry(family, labels) += value;
    }

    fn oldest(&mut self, family: &str, labels: &[(&str, &str)], value: f64) {
        let entry = self.entry(family, labels);
        *entry = entry.max(value);
    }

    fn entry(&mut self, family: &str, labels: &[(&str, &str)]) -> &mut f64 {
        debug_assert!(FAMILIES.contains(&family), "{family}");
        let mut labels: Vec<_> = labels.to_vec();
        labels.push(("store", self.store));
        self.series.entry(key(family, &labels)).or_insert(0.0)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a test store and millisecond ages are far below 2^53"
)]
fn number(n: i64) -> f64 {
    n as f64
}

fn seconds(ms: i64) -> f64 {
    number(ms.max(0)) / 1000.0
}

/// A name as a label shows it: names come from users and may be of any length.
fn label(name: &str) -> String {
    match name.char_indices().nth(200) {
        Some((cut, _)) => format!("{}…", &name[..cut]),
        None => name.to_owned(),
    }
}
