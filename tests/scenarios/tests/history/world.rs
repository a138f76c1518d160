//! A store, a runtime, an exporter that is polled on demand, and the log of every event.

use std::{sync::Arc, time::Duration};

use duroxide::{Client, providers::Provider, runtime::Runtime};
use duroxide_exporter::testing::Probe;
use scenarios::{
    event_log::{self, Tally},
    recount, sql,
    stores::{Fresh, Kind},
    truth::Truth,
    workload,
};
use tempfile::TempDir;

/// The label of a probe's store.
pub(crate) const LABEL: &str = "probe";

pub(crate) struct World {
    pub(crate) fresh: Fresh,
    pub(crate) provider: Arc<dyn Provider>,
    runtime: Option<Arc<Runtime>>,
    probe: Option<Probe>,
    state: TempDir,
    tally: Tally,
    /// The log up to here was seen by a poll.
    seen: i64,
    /// The greatest number of a row of the history at the last poll. (SQLite)
    greatest: i64,
    /// Begun instances.
    pub(crate) begun: Vec<String>,
}

impl World {
    pub(crate) async fn new(kind: Kind) -> Self {
        let fresh = kind.create().await;
        event_log::begin(&fresh.store).await;
        let provider = fresh.store.provider().await;
        let state = tempfile::tempdir().unwrap();
        let mut world = Self {
            fresh,
            provider,
            runtime: None,
            probe: None,
            state,
            tally: Tally::new(LABEL),
            seen: 0,
            greatest: 0,
            begun: Vec::new(),
        };
        world.restart_exporter().await;
        // What is deleted from here on, it can miss.
        world.poll("an empty store").await;
        world.start_runtime().await;
        world
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.provider.clone())
    }

    pub(crate) async fn start_runtime(&mut self) {
        if self.runtime.is_none() {
            self.runtime = Some(workload::start_runtime(self.provider.clone()).await);
        }
    }

    pub(crate) async fn stop_runtime(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown(Some(0)).await;
        }
    }

    /// What it had not written down is lost, as with `kill -9`.
    pub(crate) async fn restart_exporter(&mut self) {
        // The lock of its state first.
        drop(self.probe.take());
        self.probe = Some(Probe::following(&self.fresh.store.url(), self.state.path()).await.unwrap());
    }

    /// Polls, and compares with the log.
    pub(crate) async fn poll(&mut self, what: &str) {
        let store = &self.fresh.store;
        for attempt in 0.. {
            assert!(attempt < 400, "{what}: the store never stood still for a poll");
            let before = event_log::since(store, self.seen).await;
            let exported = self.probe.as_mut().unwrap().poll().await.unwrap();
            let (missed, greatest) = self.missed().await;
            let after = event_log::since(store, self.seen).await;
            if before != after {
                // What such a poll saw is in the log, too, and still there: nobody deletes meanwhile.
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
            self.tally.missed(missed);
            self.greatest = greatest;
            for entry in before.iter().filter(|entry| entry.there) {
                self.tally.count(entry);
            }
            self.seen = before.last().map_or(self.seen, |entry| entry.n);
            let report = self.tally.differences(&exported);
            assert!(report.is_empty(), "{what}: the exporter does not tell the truth:\n{report}");
            let truth = recount::recount(&self.fresh.store, LABEL).await.unwrap();
            let instances = |series: &scenarios::series::Series| {
                let mut instances = series.clone();
                instances.retain(|key, n| key.starts_with("duroxide_instances{") && *n > 0.0);
                instances
            };
            // Turns may have been taken since.
            if event_log::since(&self.fresh.store, self.seen).await.is_empty() {
                assert_eq!(instances(&exported), instances(&truth), "{what}");
            }
            return;
        }
    }

    /// Numbers above the greatest that the last poll saw, of which the rows are gone although there are greater ones; and
    /// the greatest.
    async fn missed(&self) -> (i64, i64) {
        if self.fresh.store.is_postgres() {
            return (0, 0);
        }
        let greatest = self.number("SELECT COALESCE(MAX(rowid), 0) FROM history").await;
        let there =
            self.number(&format!("SELECT COUNT(*) FROM history WHERE rowid > {}", self.greatest)).await;
        ((greatest - self.greatest).max(0) - there, greatest)
    }

    async fn number(&self, sql: &str) -> i64 {
        sql::number(&self.fresh.store, sql).await
    }

    /// Deletes instances as an application does; what of their events no poll saw is lost to the exporter.
    pub(crate) async fn delete(&mut self, id: &str, force: bool) {
        let management = self.provider.as_management_capability().unwrap();
        // One that is running is refused without force; one that is gone, always.
        let _refused = management.delete_instance(id, force).await;
        self.begun.retain(|begun| begun != id);
    }

    /// The newest instance that is there.
    pub(crate) async fn newest(&self) -> Option<String> {
        Truth::read(&self.fresh.store).await.instances.last().map(|instance| instance.id.clone())
    }

    /// Puts an earlier copy of the store in its place.
    pub(crate) async fn restore(&mut self, backup: &Fresh) {
        self.stop_runtime().await;
        let copy = backup.copy().await;
        self.fresh = copy;
        self.provider = self.fresh.store.provider().await;
        let left = event_log::since(&self.fresh.store, 0).await;
        self.seen = left.last().map_or(0, |entry| entry.n);
        let left: Vec<_> = left.into_iter().filter(|entry| entry.there).collect();
        self.tally.set_back(&left);
        self.begun =
            Truth::read(&self.fresh.store).await.instances.into_iter().map(|instance| instance.id).collect();
        self.restart_exporter().await;
        self.start_runtime().await;
    }
}
