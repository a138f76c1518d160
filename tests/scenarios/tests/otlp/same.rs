use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use scenarios::{
    collector::{Collector, Protocol, series},
    exporter::STORE,
    over_every_store,
    scrape::wait_for,
    series::{Series, family, key},
    store::Store,
    stores::{Fresh, Kind},
    workload,
};
use serde_json::Value;

use super::serve;

/// What a store does not have, by where it is: each family comes from one at least.
const OF_A_STANDBY: [&str; 4] = [
    "duroxide_store_receiver_up",
    "duroxide_store_recovery_conflicts_total",
    "duroxide_store_replay_paused",
    "duroxide_store_replication_lag_seconds",
];
const OF_A_REPLICA: &str = "duroxide_store_last_replay_age_seconds";
const OF_A_PRIMARY: [&str; 2] = ["duroxide_queue_dequeued_total", "duroxide_queue_enqueued_total"];
const OF_A_SERVER: &str = "duroxide_store_clock_skew_seconds";

/// Changes with every look; see below.
const AGE: &str = "duroxide_snapshot_age_seconds";
const EXPORTS: &str = "duroxide_exporter_otlp_exports_total";

async fn a_push_shows_what_a_scrape_shows(kind: Kind) {
    let fresh = busy_store(kind).await;
    let mut absent = BTreeSet::from(OF_A_STANDBY);
    absent.insert(if kind == Kind::Sqlite { OF_A_SERVER } else { OF_A_REPLICA });
    for protocol in [Protocol::Grpc, Protocol::Http] {
        for compression in ["none", "gzip"] {
            compare(&fresh.store, protocol, compression, &absent).await;
        }
    }
}

over_every_store!(a_push_shows_what_a_scrape_shows);

#[tokio::test(flavor = "multi_thread")]
async fn a_push_shows_what_a_scrape_shows_of_a_standby() {
    for kind in [Kind::DuroxidePg, Kind::DuroxidePgOpt] {
        let standby = busy_store(kind).await.on_standby();
        compare(&standby, Protocol::Grpc, "none", &BTreeSet::from(OF_A_PRIMARY)).await;
    }
}

/// More than gRPC servers take at once, which is 4 MiB here as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_push_comes_in_pieces() {
    let fresh = Kind::Sqlite.create().await;
    let mut connection = fresh.store.connect().await;
    let names = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)";
    let long = "l".repeat(180);
    connection
        .run(&format!(
            "{names} INSERT INTO instances (instance_id, orchestration_name, orchestration_version, current_execution_id) \
               SELECT 'i' || i, '{long}' || i, '1', 1 FROM n; \
             {names} INSERT INTO executions (instance_id, execution_id, status) SELECT 'i' || i, 1, 'Completed' FROM n"
        ))
        .await;
    connection.close().await;
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let Some(collector) = Collector::start(protocol).await else { return };
        // Only the push of its end, which takes as long as the machine is busy.
        let more = ["--poll-interval", "1d", "--metrics.max-label-values", "100000"];
        let patient = ["--otlp.timeout", "30s", "--web.drain-timeout", "60s"];
        let sidecar = serve(&fresh.store, &collector.flags("1d"), &[more, patient].concat());
        let up = key("duroxide_up", &[("store", STORE)]);
        wait_for("a poll", async || (sidecar.target().scrape().await.get(&up) == Some(&1.0)).then_some(()))
            .await;
        let mut scraped = sidecar.target().scrape().await;
        assert!(sidecar.terminate().success());

        scraped.retain(|key, _| !key.starts_with("process_") && family(key) != AGE);
        let is_last = |piece: &Value| piece.to_string().contains("duroxide.exporter.build_info");
        let pieces = wait_for("the last piece", async || {
            Some(collector.requests()).filter(|pieces| pieces.last().is_some_and(is_last))
        })
        .await;
        let mut pushed = Series::new();
        for (key, value) in pieces.iter().flat_map(series) {
            assert!(pushed.insert(key.clone(), value).is_none(), "{key} is in two pieces");
        }
        assert!(pushed.remove(&key(AGE, &[("store", STORE)])).is_some());
        // Pieces count those before them.
        scraped.retain(|key, _| family(key) != EXPORTS);
        pushed.retain(|key, _| family(key) != EXPORTS);
        assert_eq!(differences(&scraped, &pushed), Vec::<String>::new(), "{protocol:?}");
        assert!(pieces.len() >= 3, "{} pieces: the store is not what this test believes", pieces.len());
        assert!(pieces.iter().all(|piece| time(piece) == time(&pieces[0])), "pieces are of one moment");
    }
}

/// A store that has everything in it, and at rest.
async fn busy_store(kind: Kind) -> Fresh {
    let fresh = kind.create().await;
    let provider = fresh.store.provider().await;
    let runtime = workload::start_runtime(provider.clone()).await;
    workload::run(provider, &fresh.store).await;
    runtime.shutdown(Some(0)).await;
    fresh
}

/// The families of the catalogue that a push has nothing of, apart from those of the process.
fn absent(pushed: &Series) -> BTreeSet<&'static str> {
    let table = include_str!("../../../golden/otlp_names.tsv").lines();
    let names = table.map(|row| row.split('\t').nth(3).unwrap()).filter(|name| name.starts_with("duroxide_"));
    let there = |name: &&str| {
        pushed
            .keys()
            .any(|key| family(key).strip_prefix(*name).is_some_and(|rest| ["", "_count"].contains(&rest)))
    };
    names.filter(|name| !there(name)).collect()
}

async fn compare(store: &Store, protocol: Protocol, compression: &str, without: &BTreeSet<&str>) {
    let Some(collector) = Collector::start(protocol).await else { return };
    let state = tempfile::tempdir().unwrap();
    // One poll, the history followed to its end, and never again: then nothing moves.
    let more = ["--poll-interval", "1d", "--history.backfill", "true", "--otlp.compression", compression];
    let headers = ["--otlp.headers", "x-tenant=a%20b"];
    // What these count is part of the catalogue.
    let signals = ["--otlp.traces.enabled", "true", "--otlp.logs.enabled", "true"];
    let others = ["--state-dir", state.path().to_str().unwrap()];
    let sidecar =
        serve(store, &collector.flags("100ms"), &[more.as_slice(), &headers, &signals, &others].concat());
    let backlog = key("duroxide_history_backlog_events", &[("store", STORE)]);
    wait_for("the history to be counted", async || {
        let scrape = sidecar.target().scrape().await;
        let waiting = scrape.keys().any(|key| family(key) == "duroxide_instances_waiting");
        (scrape.get(&backlog) == Some(&0.0) && waiting).then_some(())
    })
    .await;

    let before = now();
    let mut scraped = sidecar.target().scrape().await;
    let after = now();
    let request = collector.next().await;
    let mut pushed = series(&request);
    let mut absent = absent(&pushed);
    if !store.is_postgres() {
        // A file that nobody has open is taken for a copy, whose age is told.
        absent.remove(OF_A_REPLICA);
    }
    assert_eq!(absent, *without, "families that nothing was pushed of");

    // The age is of the moment of each; both say when the snapshot was taken.
    let age = key(AGE, &[("store", STORE)]);
    let (scraped_age, pushed_age) = (scraped.remove(&age).unwrap(), pushed.remove(&age).unwrap());
    let taken = time(&request) - pushed_age;
    let rounding = 0.001;
    assert!(
        (before - scraped_age - rounding..=after - scraped_age + rounding).contains(&taken),
        "pushed: taken at {taken}; scraped: between {} and {}",
        before - scraped_age,
        after - scraped_age
    );
    // Pushes count themselves; what the collector took is as many as it answered before.
    let success = key(EXPORTS, &[("signal", "metrics"), ("outcome", "success")]);
    let answered = collector.requests().iter().position(|other| *other == request).unwrap();
    assert_eq!(pushed.remove(&success), Some(f64::from(u32::try_from(answered).unwrap())));
    scraped.remove(&success);
    // What the exporter wrote when it started may go to the collector between the two.
    let logs = key(EXPORTS, &[("signal", "logs"), ("outcome", "success")]);
    assert!(pushed.remove(&logs).is_some() && scraped.remove(&logs).is_some());

    scraped.retain(|key, _| !key.starts_with("process_"));
    assert_eq!(differences(&scraped, &pushed), Vec::<String>::new(), "{protocol:?} {compression}");
    assert!(scraped.len() > 500, "only {} series: the store is not what this test believes", scraped.len());
    let histograms = scraped.keys().filter(|key| family(key).ends_with("_bucket")).count();
    assert!(histograms > 100, "{histograms}");

    assert_eq!(request["headers"]["x-tenant"], "a b");
    if protocol == Protocol::Http {
        assert_eq!(request["path"], "/v1/metrics");
        assert_eq!(request["compressed"], if compression == "gzip" { "gzip".into() } else { Value::Null });
    }
    let resource = &request["resource"];
    assert_eq!(resource["service.name"], "duroxide-exporter");
    let port = sidecar.target().0.port();
    assert!(resource["service.instance.id"].as_str().unwrap().ends_with(&format!(":{port}")), "{resource}");
    assert_eq!(request["scope"]["name"], "duroxide-exporter");
    assert!(sidecar.terminate().success());
}

fn differences(scraped: &Series, pushed: &Series) -> Vec<String> {
    let all: BTreeSet<&String> = scraped.keys().chain(pushed.keys()).collect();
    let differ = all.into_iter().filter(|key| scraped.get(*key) != pushed.get(*key));
    differ.map(|key| format!("{key}: scraped {:?}, pushed {:?}", scraped.get(key), pushed.get(key))).collect()
}

/// The time of every point of a request, in seconds.
fn time(request: &Value) -> f64 {
    let metrics = request["metrics"].as_array().unwrap();
    let points = metrics.iter().flat_map(|metric| metric["points"].as_array().unwrap());
    let mut times: Vec<u64> = points.map(|point| point["time"].as_u64().unwrap()).collect();
    times.dedup();
    assert_eq!(times.len(), 1, "points of one push have one time");
    Duration::from_nanos(times[0]).as_secs_f64()
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}
