//! One case: written, counted by the exporter, counted again, drained.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anyhow::ensure;
use duroxide::providers::{Provider, WorkItem};
use duroxide_exporter::testing::Probe;
use scenarios::{
    compare::{Exporter, differences},
    recount::{self, Reader, Rows, State, Table},
    scrape::canonical,
    series::{Series, family, key},
    sql::Connection,
    stores::{Fresh, Kind},
};

use crate::{
    drain::{HandedOut, drain},
    model::Case,
    write::{clear, write},
};

/// Store label of the probe.
const STORE: &str = "probe";

/// Families about what runs. The instances of the next case have the same ids, and no history tells that they are others: they
/// are compared where the exporter has seen an empty store between.
const RUNNING: [&str; 3] = [
    "duroxide_executions_running",
    "duroxide_instances_oldest_running_age_seconds",
    "duroxide_instances_waiting",
];

/// One case in so many begins with an empty store.
const APART: u32 = 10;

/// One store, used for all cases: creating one takes a hundred times as long as a case.
pub(crate) struct Bench {
    provider: Arc<dyn Provider>,
    writer: Connection,
    reader: Reader,
    probe: Probe,
    cases: u32,
    seen: BTreeMap<(&'static str, State), u32>,
    fresh: Fresh,
}

impl Bench {
    pub(crate) async fn new(kind: Kind) -> Self {
        let fresh = kind.create().await;
        let provider = fresh.store.provider().await;
        let mut writer = fresh.store.connect().await;
        if kind == Kind::Sqlite {
            writer.run("PRAGMA synchronous = OFF").await;
        }
        let reader = Reader::open(&fresh.store).await.unwrap();
        let mut probe = Probe::open(&fresh.store.url()).await.expect("the probe opens the store");
        // Totals are told from the second poll on.
        probe.poll().await.expect("a first poll");
        Self { provider, writer, reader, probe, cases: 0, seen: BTreeMap::new(), fresh }
    }

    pub(crate) async fn check(&mut self, case: &Case) -> anyhow::Result<()> {
        let store = &self.fresh.store;
        let case = if store.is_postgres() { &case.clone().that_postgres_hands_out() } else { case };
        self.cases += 1;
        let apart = self.cases.is_multiple_of(APART);
        if apart {
            clear(&mut self.writer).await;
            self.probe.poll().await.map_err(anyhow::Error::msg)?;
        }
        write(store, &mut self.writer, case, recount::now_ms()).await?;
        let rows = self.reader.rows().await?;
        let before = self.reader.now_ms().await?;
        if apart {
            // What is stuck is told when it was seen twice.
            self.probe.poll().await.map_err(anyhow::Error::msg)?;
        }
        let mut exported = Series::new();
        for (name, value) in self.probe.poll().await.map_err(anyhow::Error::msg)? {
            exported.insert(canonical(&name)?, value);
        }
        let after = self.reader.now_ms().await?;
        let handed_out = drain(&*self.provider).await?;

        let [mut before, mut after] = [before, after].map(|now_ms| recount::count(&rows, STORE, now_ms));
        if !apart {
            for series in [&mut before, &mut after, &mut exported] {
                series.retain(|key, _| !RUNNING.contains(&family(key)));
            }
        }
        let report = differences(&before, &after, &exported, Exporter::Seasoned);
        ensure!(report.is_empty(), "the exporter differs from the recount:\n{report}");
        same_items("orchestrator", &rows, Table::Orchestrator, &handed_out.orchestrator)?;
        same_items("worker", &rows, Table::Worker, &handed_out.worker)?;
        same_counts(&exported, &handed_out)?;
        self.remember(&rows);
        Ok(())
    }

    fn remember(&mut self, rows: &Rows) {
        for (name, table) in [("orchestrator", Table::Orchestrator), ("worker", Table::Worker)] {
            let states: BTreeSet<_> =
                rows.classified(table, recount::now_ms()).iter().map(|row| row.state).collect();
            for state in states {
                *self.seen.entry((name, state)).or_default() += 1;
            }
        }
    }

    /// Each state of each table occurred in at least a tenth of the cases.
    pub(crate) fn assert_not_trivial(&self, cases: u32) {
        let orchestrator = State::ALL.map(|state| ("orchestrator", state));
        // A worker row is never blocked: activities of one instance run side by side.
        let worker =
            State::ALL.into_iter().filter(|state| *state != State::Blocked).map(|state| ("worker", state));
        for state in orchestrator.into_iter().chain(worker) {
            let seen = self.seen.get(&state).copied().unwrap_or(0);
            assert!(
                seen * 10 >= cases,
                "{state:?} occurred in only {seen} of {cases} cases: {:?}",
                self.seen
            );
        }
    }
}

/// The recount's fetchable rows are those handed out, one by one.
fn same_items(queue: &str, rows: &Rows, table: Table, handed_out: &[WorkItem]) -> anyhow::Result<()> {
    let text = |item: &WorkItem| serde_json::to_string(item).unwrap();
    let fetchable: BTreeSet<_> = rows
        .classified(table, recount::now_ms())
        .iter()
        .filter(|row| row.state.fetchable())
        .map(|row| text(&row.message.decoded().unwrap()))
        .collect();
    let given: BTreeSet<_> = handed_out.iter().map(text).collect();
    ensure!(given.len() == handed_out.len(), "{queue}: something was handed out twice: {handed_out:#?}");
    let kept: Vec<_> = fetchable.difference(&given).collect();
    let unexpected: Vec<_> = given.difference(&fetchable).collect();
    ensure!(
        kept.is_empty() && unexpected.is_empty(),
        "{queue}: counted as fetchable but not handed out: {kept:#?}; the other way round: {unexpected:#?}"
    );
    Ok(())
}

/// The exporter's numbers are those of what was handed out, without the recount in between.
fn same_counts(exported: &Series, handed_out: &HandedOut) -> anyhow::Result<()> {
    let mut wanted = Series::new();
    for queue in ["orchestrator", "worker", "timer"] {
        wanted.insert(queue_key(queue), 0.0);
    }
    wanted.insert(key("duroxide_queue_ready_instances", &[("store", STORE)]), count(handed_out.instances));
    for item in &handed_out.orchestrator {
        let timer = matches!(item, WorkItem::TimerFired { .. });
        *wanted.entry(queue_key(if timer { "timer" } else { "orchestrator" })).or_default() += 1.0;
    }
    let mut activities: BTreeMap<(String, String), f64> = BTreeMap::new();
    for item in &handed_out.worker {
        *wanted.entry(queue_key("worker")).or_default() += 1.0;
        if let WorkItem::ActivityExecute { name, tag, .. } = item {
            *activities.entry((name.clone(), tag.clone().unwrap_or_default())).or_default() += 1.0;
        }
    }
    for (key, value) in &wanted {
        let said = exported.get(key);
        ensure!(said == Some(value), "{key}: the provider handed out {value}, the exporter says {said:?}");
    }
    for ((activity, tag), value) in &activities {
        let said: f64 = ["ready", "lease_expired"]
            .map(|state| {
                let labels = [("activity", &**activity), ("tag", &**tag), ("state", state), ("store", STORE)];
                exported.get(&key("duroxide_activity_queue_messages", &labels)).copied().unwrap_or(f64::NAN)
            })
            .iter()
            .sum();
        ensure!(
            said.total_cmp(value).is_eq(),
            "activity {activity:?}, tag {tag:?}: the provider handed out {value}, the exporter says {said}"
        );
    }
    Ok(())
}

fn queue_key(queue: &str) -> String {
    key("duroxide_queue_fetchable_messages", &[("queue", queue), ("store", STORE)])
}

fn count(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap())
}
