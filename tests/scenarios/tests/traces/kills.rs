//! Exporter and collector are killed again and again while a runtime works; together the collectors have everything.

use std::{cell::Cell, collections::BTreeMap, path::Path};

use duroxide::Client;
use scenarios::{
    collector::{Collector, Protocol, free_port, series},
    over_every_store, recount,
    scrape::{PATIENCE, wait_for},
    series::{Series, family},
    sidecar::Sidecar,
    store::Store,
    stores::{Fresh, Kind},
    workload,
};
use serde_json::Value;

use super::{Received, arrived, run, serve, truth};

over_every_store!(what_is_killed_loses_nothing);

async fn what_is_killed_loses_nothing(kind: Kind) {
    let fresh = kind.create().await;
    nothing_is_lost(&fresh, &fresh.store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_killed_loses_nothing_that_a_standby_shows() {
    let fresh = Kind::DuroxidePg.create().await;
    let standby = fresh.on_standby();
    nothing_is_lost(&fresh, &standby).await;
}

/// At least so many times something is killed.
const ROUNDS: usize = 6;

/// A runtime works on the one, the exporter reads the other.
async fn nothing_is_lost(written: &Fresh, read: &Store) {
    let port = free_port();
    let state = tempfile::tempdir().unwrap();
    let Some(pair) = Pair::start(read, port, state.path()).await else { return };
    // The first only takes note of where both lanes are.
    for file in ["t.state", "traces/t.state"] {
        let file = state.path().join(file);
        wait_for("the positions", async || file.exists().then_some(())).await;
    }

    let provider = written.store.provider().await;
    let runtime = workload::start_runtime(provider.clone()).await;
    let client = Client::new(provider.clone());
    let done = Cell::new(false);
    let everything = async {
        workload::run(provider, &written.store).await;
        done.set(true);
    };
    let killing = killing(pair, &client, || Pair::start(read, port, state.path()), &done);
    let ((pair, mut lines), ()) = tokio::join!(killing, everything);
    lines.extend(pair.kill());
    // Nobody is there.
    run(&client, "alone", "Parent", "").await;
    runtime.shutdown(Some(0)).await;

    let ended = truth::ended(&recount::raw(&written.store).await.unwrap());
    let Pair { collector, sidecar, .. } = Pair::start(read, port, state.path()).await.unwrap();
    wait_for("everything", async || {
        let mut all = lines.clone();
        all.extend(collector.traces());
        (Received::of(&all).traces() == ended.len()).then_some(())
    })
    .await;
    lines.extend(collector.traces());
    Received::of(&lines).assert_is(&ended);

    // Counters neither lost nor doubled anything, and both ways tell the same.
    let outcomes = truth::outcomes(&ended);
    wait_for("the counters", async || (finished(&sidecar.target().scrape().await) == outcomes).then_some(()))
        .await;
    sidecar.target().fresh_scrape().await;
    assert_eq!(finished(&sidecar.target().scrape().await), outcomes);
    assert_eq!(finished(&series(&collector.next().await)), outcomes);
}

/// Kills one, the other, or both, until everything else is done; the last of them, and what the collectors before had.
async fn killing(
    mut pair: Pair,
    client: &Client,
    start: impl AsyncFn() -> Option<Pair>,
    done: &Cell<bool>,
) -> (Pair, Vec<Value>) {
    let mut lines = Vec::new();
    let mut round = 0;
    while round < ROUNDS || !done.get() {
        let ids: Vec<String> = (0..5).map(|n| format!("r{round}-{n}")).collect();
        for id in &ids {
            client.start_orchestration(id, "FanOut", "3").await.unwrap();
        }
        match round % 3 {
            // In the middle of it, whatever that is this time.
            0 => {
                arrived(&pair.collector, 1).await;
                lines.extend(pair.kill());
                pair = start().await.unwrap();
            }
            // It finds the next collector by itself.
            1 => {
                lines.extend(pair.collector.kill());
                ended(client, &ids).await;
                pair.collector = Collector::start_with(Protocol::Grpc, pair.port, None).await.unwrap();
                arrived(&pair.collector, 1).await;
            }
            // It ends without having found another.
            _ => {
                lines.extend(pair.collector.kill());
                ended(client, &ids).await;
                drop(pair.sidecar);
                pair = start().await.unwrap();
            }
        }
        round += 1;
    }
    (pair, lines)
}

async fn ended(client: &Client, ids: &[String]) {
    for id in ids {
        client.wait_for_orchestration(id, PATIENCE).await.unwrap();
    }
}

/// Executions that have ended, by outcome.
fn finished(series: &Series) -> BTreeMap<&'static str, f64> {
    let mut finished = BTreeMap::new();
    for (key, value) in series.iter().filter(|(key, _)| family(key) == "duroxide_executions_finished_total") {
        let is = |outcome: &&str| key.contains(&format!("outcome=\"{outcome}\""));
        let outcome = truth::OUTCOMES.into_iter().find(is).unwrap();
        *finished.entry(outcome).or_default() += value;
    }
    finished
}

/// An exporter, and the collector it sends everything to; both are killed when they are dropped.
struct Pair {
    collector: Collector,
    sidecar: Sidecar,
    port: u16,
}

impl Pair {
    async fn start(store: &Store, port: u16, state: &Path) -> Option<Self> {
        let collector = Collector::start_with(Protocol::Grpc, port, None).await?;
        let sidecar = serve(store, &collector, Some(state), &["--otlp.metrics.interval", "100ms"]);
        Some(Self { collector, sidecar, port })
    }

    /// The exporter first: what the collector took is all there is.
    fn kill(self) -> Vec<Value> {
        drop(self.sidecar);
        self.collector.kill()
    }
}
