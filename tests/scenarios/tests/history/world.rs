//! A store, a runtime, an exporter, and the log of every event.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use duroxide::{
    Client,
    providers::{Provider, PruneOptions},
    runtime::Runtime,
};
use duroxide_exporter::testing::Probe;
use scenarios::{
    event_log::{self, Entry, Tally},
    exporter::STORE,
    recount,
    scrape::{PATIENCE, wait_for},
    series::Series,
    sidecar::{Program, Sidecar},
    sql,
    store::{By, Postgres, Store},
    stores::{Fresh, Kind},
    truth::Truth,
    worker::Worker,
    workload,
};
use tempfile::TempDir;

/// How runtime and exporter run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Run {
    /// Here. The exporter polls when it is told to: what it has seen is known at every moment.
    Within,
    /// As processes, which are stopped by killing them. The exporter polls when it likes.
    Processes,
}

#[expect(dead_code, reason = "both work as long as they are kept")]
enum Working {
    Runtime(Arc<Runtime>),
    Worker(Worker),
}

enum Watching {
    Probe(Box<Probe>),
    Sidecar(Sidecar),
}

pub(crate) struct World {
    run: Run,
    pub(crate) fresh: Fresh,
    pub(crate) provider: Arc<dyn Provider>,
    program: Program,
    working: Option<Working>,
    watching: Option<Watching>,
    state: TempDir,
    /// The label of the store.
    label: &'static str,
    tally: Tally,
    /// The log up to here was seen by a poll.
    seen: i64,
    /// The numbers of the history's rows at the last poll, and what was in them. (SQLite)
    rows: BTreeMap<i64, String>,
    /// Begun instances.
    pub(crate) begun: Vec<String>,
}

impl World {
    pub(crate) async fn new(kind: Kind, run: Run) -> Self {
        let fresh = kind.create().await;
        event_log::begin(&fresh.store).await;
        let provider = fresh.store.provider().await;
        let state = tempfile::tempdir().unwrap();
        let label = if run == Run::Within { "probe" } else { STORE };
        let mut world = Self {
            run,
            fresh,
            provider,
            program: Program::new(env!("CARGO_BIN_EXE_sidecar")),
            working: None,
            watching: None,
            state,
            label,
            tally: Tally::new(label),
            seen: 0,
            rows: BTreeMap::new(),
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

    /// Begins an instance, and waits until it is there: messages to who is not stall a SQLite store.
    pub(crate) async fn begin(&mut self, id: &str, name: &str, input: &str) {
        self.client().start_orchestration(id, name, input).await.unwrap();
        self.began(id).await;
        self.begun.push(id.to_owned());
        if name == "Inbox" {
            self.client().enqueue_event(id, "inbox", "one").await.unwrap();
            self.client().enqueue_event(id, "inbox", "two").await.unwrap();
        }
    }

    /// Waits for the first turn of an instance.
    pub(crate) async fn began(&self, id: &str) {
        wait_for(&format!("the first turn of {id}"), async || {
            if let Store::Postgres(Postgres { schema, by: By::DuroxidePgOpt, .. }) = &self.fresh.store {
                // A runtime that was told while it started, or that takes over from a killed one, looks again after a
                // minute only: longer than anybody waits here.
                let now = recount::now_ms();
                sql::execute(&self.fresh.store, &format!("SELECT pg_notify('{schema}_orch_work', '{now}')"))
                    .await;
            }
            Truth::read(&self.fresh.store).await.instance(id).map(|_| ())
        })
        .await;
    }

    pub(crate) async fn start_runtime(&mut self) {
        if self.working.is_none() {
            self.working = Some(match self.run {
                Run::Within => Working::Runtime(workload::start_runtime(self.provider.clone()).await),
                Run::Processes => {
                    Working::Worker(Worker::start(env!("CARGO_BIN_EXE_worker"), &self.fresh.store))
                }
            });
        }
    }

    pub(crate) async fn stop_runtime(&mut self) {
        if let Some(Working::Runtime(runtime)) = self.working.take() {
            runtime.shutdown(Some(0)).await;
        }
    }

    /// What it had not written down is lost, as with `kill -9`, which it is for a process.
    pub(crate) fn kill_exporter(&mut self) {
        self.watching = None;
    }

    pub(crate) async fn restart_exporter(&mut self) {
        // The lock of its state first.
        self.kill_exporter();
        let url = self.fresh.store.url();
        self.watching = Some(match self.run {
            Run::Within => {
                Watching::Probe(Box::new(Probe::following(&url, self.state.path()).await.unwrap()))
            }
            Run::Processes => {
                let directory = self.state.path().to_str().unwrap();
                let flags =
                    ["--state-dir", directory, "--history.backfill", "true", "--poll-interval", "50ms"];
                Watching::Sidecar(self.program.serve_in(&[], &url, &flags))
            }
        });
    }

    /// What the exporter tells of the store after everything that has happened up to now.
    async fn look(&mut self) -> Series {
        match self.watching.as_mut().unwrap() {
            Watching::Probe(probe) => probe.poll().await.unwrap(),
            Watching::Sidecar(sidecar) => sidecar.target().fresh_scrape().await,
        }
    }

    /// Polls, and compares with the log.
    pub(crate) async fn poll(&mut self, what: &str) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            assert!(tokio::time::Instant::now() < deadline, "{what}: the store never stood still for a poll");
            let before = event_log::since(&self.fresh.store, self.seen).await;
            let exported = self.look().await;
            let (missed, rows) = self.missed().await;
            let after = event_log::since(&self.fresh.store, self.seen).await;
            if before != after {
                // What such a poll saw is in the log, too, and still there: nobody deletes meanwhile.
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
            self.tally.missed(missed);
            self.rows = rows;
            for Entry { instance, execution, data, .. } in before.iter().filter(|entry| entry.there) {
                self.tally.count(instance, *execution, data);
            }
            self.seen = before.last().map_or(self.seen, |entry| entry.n);
            let report = self.tally.differences(&exported);
            assert!(report.is_empty(), "{what}: the exporter does not tell the truth:\n{report}");
            let truth = recount::recount(&self.fresh.store, self.label).await.unwrap();
            let instances = |series: &Series| {
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
    /// the rows. When nothing that was seen is there any more, numbers may have begun anew: then nothing is known.
    async fn missed(&self) -> (i64, BTreeMap<i64, String>) {
        if self.fresh.store.is_postgres() {
            return (0, BTreeMap::new());
        }
        let rows = event_log::rows(&self.fresh.store).await;
        let greatest = self.rows.keys().last().copied().unwrap_or(0);
        let same = self.rows.iter().any(|(number, row)| rows.get(number) == Some(row));
        if !same && !self.rows.is_empty() {
            return (0, rows);
        }
        let last = rows.keys().last().copied().unwrap_or(0);
        let there = rows.keys().filter(|number| **number > greatest).count();
        ((last - greatest).max(0) - i64::try_from(there).unwrap(), rows)
    }

    /// Deletes instances as an application does; what of their events no poll saw is lost to the exporter.
    pub(crate) async fn delete(&mut self, id: &str, force: bool) {
        let management = self.provider.as_management_capability().unwrap();
        // One that is running is refused without force; one that is gone, always.
        let _refused = management.delete_instance(id, force).await;
        self.begun.retain(|begun| begun != id);
    }

    /// Deletes the executions that an instance has left behind.
    pub(crate) async fn prune(&self, id: &str) {
        let management = self.provider.as_management_capability().unwrap();
        let _gone = management.prune_executions(id, PruneOptions::default()).await;
    }

    /// The newest instance that is there.
    pub(crate) async fn newest(&self) -> Option<String> {
        Truth::read(&self.fresh.store).await.instances.last().map(|instance| instance.id.clone())
    }

    /// A copy of the store, every event of which has been counted.
    pub(crate) async fn back_up(&mut self) -> Fresh {
        self.stop_runtime().await;
        self.poll("at the backup").await;
        let backup = self.fresh.copy().await;
        self.start_runtime().await;
        backup
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
        let there = Truth::read(&self.fresh.store).await;
        self.begun.retain(|id| there.instance(id).is_some());
        self.restart_exporter().await;
        self.start_runtime().await;
    }
}
