use duroxide::Client;
use scenarios::{
    collector::{Collector, Protocol},
    peers::Prometheus,
    scrape::{self, wait_for},
    stores::Kind,
    workload,
};

use super::{arrived, run, serve};

/// From a bucket to the trace of an execution that is in it, by way of a real Prometheus and by OTLP.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_leads_to_the_trace_of_an_execution_that_is_in_it() {
    let Some(collector) = Collector::start(Protocol::Grpc).await else { return };
    let fresh = Kind::Sqlite.create().await;
    let provider = fresh.store.provider().await;
    let runtime = workload::start_runtime(provider.clone()).await;
    let more =
        ["--otlp.traces.backfill", "true", "--history.backfill", "true", "--otlp.metrics.interval", "100ms"];
    let sidecar = serve(&fresh.store, &collector, None, &more);
    let client = Client::new(provider);
    run(&client, "good", "Timer", "1500").await;
    run(&client, "bad", "Fails", "").await;
    let received = arrived(&collector, 2).await;
    runtime.shutdown(Some(0)).await;

    let prometheus = Prometheus::start(&[("exporter", sidecar.target().0)]).await;
    let exemplars = wait_for("two exemplars", async || {
        let exemplars = prometheus.exemplars("duroxide_execution_duration_seconds_bucket").await;
        (exemplars.len() >= 2).then_some(exemplars)
    })
    .await;
    for (orchestration, outcome) in [("Timer", "completed"), ("Fails", "failed")] {
        let root = received.named(orchestration);
        let seconds = (root["end"].as_u64().unwrap() - root["start"].as_u64().unwrap()) as f64 / 1e9;
        let one: Vec<_> =
            exemplars.iter().filter(|[series, ..]| series["orchestration"] == orchestration).collect();
        let [[series, labels, value]] = one[..] else { panic!("{orchestration}: {one:?}") };
        assert_eq!((&labels["trace_id"], &labels["span_id"]), (&root["trace"], &root["id"]));
        assert_eq!(value.as_str().unwrap().parse::<f64>().unwrap(), seconds);
        assert_eq!(series["outcome"], outcome);
        let le = series["le"].as_str().unwrap().parse().unwrap_or(f64::INFINITY);
        assert!(seconds <= le, "{seconds} in {le}");
    }
    // Only where the format has a place for them.
    let text = scrape::get(sidecar.target().0, "/metrics").await.unwrap();
    assert!(!text.contains("trace_id"));

    let pushed = wait_for("them to be pushed", async || {
        let requests = collector.requests();
        let metrics = requests.iter().flat_map(|request| request["metrics"].as_array().unwrap());
        let of = metrics.filter(|metric| metric["name"] == "duroxide.execution.duration");
        let points = of.flat_map(|metric| metric["points"].as_array().unwrap().clone());
        points.into_iter().find(|point| {
            point["attributes"]["orchestration"] == "Timer"
                && point["exemplars"].as_array().is_some_and(|all| !all.is_empty())
        })
    })
    .await;
    assert_eq!(pushed["exemplars"][0]["trace"], received.named("Timer")["trace"]);
}
