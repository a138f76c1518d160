use std::{collections::BTreeMap, path::Path};

use duroxide::Client;
use scenarios::{
    collector::{Collector, Protocol, number},
    scrape::{PATIENCE, wait_for},
    stores::{Fresh, Kind},
    workload,
};
use serde_json::Value;

use super::serve;

const HISTORY: &str = "duroxide.executions.started";
const OWN: &str = "duroxide.polls";
const SEQUENCE: &str = "duroxide.queue.enqueued";

/// Start times and sums of a request by metric; every point of one has the same start.
fn sums(request: &Value) -> BTreeMap<String, (u64, f64)> {
    let metrics = request["metrics"].as_array().unwrap().iter();
    let counters = metrics.filter(|metric| metric["kind"] == "sum").map(|metric| {
        let points = metric["points"].as_array().unwrap();
        let mut starts: Vec<u64> = points.iter().map(|point| point["start"].as_u64().unwrap()).collect();
        starts.dedup();
        assert_eq!(starts.len(), 1, "{metric}");
        for point in points {
            assert!((1..=point["time"].as_u64().unwrap()).contains(&starts[0]), "{point}");
        }
        let sum = points.iter().map(|point| number(&point["value"])).sum();
        (metric["name"].as_str().unwrap().to_owned(), (starts[0], sum))
    });
    counters.collect()
}

async fn work(fresh: &Fresh, id: &str) {
    let provider = fresh.store.provider().await;
    let runtime = workload::start_runtime(provider.clone()).await;
    let client = Client::new(provider);
    client.start_orchestration(id, "Hello", "x").await.unwrap();
    client.wait_for_orchestration(id, PATIENCE).await.unwrap();
    runtime.shutdown(Some(0)).await;
}

/// Runs an exporter until it has pushed so many executions, and twice; the first and the last push.
async fn run(
    fresh: &Fresh,
    collector: &Collector,
    state: &Path,
    executions: f64,
) -> (BTreeMap<String, (u64, f64)>, BTreeMap<String, (u64, f64)>) {
    let before = collector.requests().len();
    let more = ["--history.backfill", "true", "--state-dir", state.to_str().unwrap()];
    let sidecar = serve(&fresh.store, &collector.flags("50ms"), &more);
    let seen = || {
        let requests = collector.requests();
        let with = requests[before..].iter().filter(|request| request.to_string().contains(HISTORY));
        with.map(sums).filter(|sums| sums[HISTORY].1 == executions).collect::<Vec<_>>()
    };
    let first = wait_for("all to be counted", async || {
        let seen = seen();
        (seen.len() > 2).then(|| seen[0].clone())
    })
    .await;
    assert!(sidecar.terminate().success());
    let last = seen().pop().unwrap();
    (first, last)
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_go_on_after_a_restart_and_begin_anew_without_what_was_kept() {
    let Some(collector) = Collector::start(Protocol::Grpc).await else { return };
    let fresh = Kind::Sqlite.create().await;
    let state = tempfile::tempdir().unwrap();
    work(&fresh, "one").await;
    let (first, last) = run(&fresh, &collector, state.path(), 1.0).await;
    for counter in [HISTORY, OWN, SEQUENCE] {
        assert_eq!(first[counter].0, last[counter].0, "{counter}: within one run");
    }
    work(&fresh, "two").await;
    let (again, _) = run(&fresh, &collector, state.path(), 2.0).await;
    assert_eq!(again[HISTORY].0, last[HISTORY].0, "what is kept was counted since then");
    assert!(again[OWN].0 > last[OWN].0, "the exporter's own begin with it");
    assert!(again[SEQUENCE].0 > last[SEQUENCE].0, "nobody knows what was in between");
    assert!(again[SEQUENCE].1 >= last[SEQUENCE].1);

    let file = state.path().join("t.state");
    std::fs::write(&file, "no state").unwrap();
    let (anew, _) = run(&fresh, &collector, state.path(), 2.0).await;
    assert!(anew[HISTORY].0 > again[HISTORY].0, "begun anew");
}
