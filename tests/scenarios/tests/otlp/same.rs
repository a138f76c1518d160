use std::time::{Duration, SystemTime, UNIX_EPOCH};

use scenarios::{
    collector::{Collector, Protocol, series},
    exporter::STORE,
    over_every_store,
    scrape::wait_for,
    series::{Series, family, key},
    stores::{Fresh, Kind},
    workload,
};
use serde_json::Value;

use super::serve;

/// Changes with every look; see below.
const AGE: &str = "duroxide_snapshot_age_seconds";
const EXPORTS: &str = "duroxide_exporter_otlp_exports_total";

async fn a_push_shows_what_a_scrape_shows(kind: Kind) {
    let fresh = busy_store(kind).await;
    for protocol in [Protocol::Grpc, Protocol::Http] {
        for compression in ["none", "gzip"] {
            compare(&fresh, protocol, compression).await;
        }
    }
}

over_every_store!(a_push_shows_what_a_scrape_shows);

/// A store that has everything in it, and at rest.
async fn busy_store(kind: Kind) -> Fresh {
    let fresh = kind.create().await;
    let provider = fresh.store.provider().await;
    let runtime = workload::start_runtime(provider.clone()).await;
    workload::run(provider, &fresh.store).await;
    runtime.shutdown(Some(0)).await;
    fresh
}

async fn compare(fresh: &Fresh, protocol: Protocol, compression: &str) {
    let Some(collector) = Collector::start(protocol).await else { return };
    // One poll, the history followed to its end, and never again: then nothing moves.
    let more = ["--poll-interval", "1d", "--history.backfill", "true", "--otlp.compression", compression];
    let headers = ["--otlp.headers", "x-tenant=a%20b"];
    let sidecar = serve(&fresh.store, &collector.flags("100ms"), &[more.as_slice(), &headers].concat());
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
    let all: std::collections::BTreeSet<&String> = scraped.keys().chain(pushed.keys()).collect();
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
