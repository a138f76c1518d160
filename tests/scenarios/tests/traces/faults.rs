use duroxide::Client;
use scenarios::{
    collector::{Collector, Protocol},
    recount,
    scrape::wait_for,
    series::key,
    sidecar::Sidecar,
    stores::Kind,
    workload,
};
use serde_json::json;

use super::{arrived, run, serve, traced, truth};

async fn requests(sidecar: &Sidecar, outcome: &str) -> f64 {
    let labels = [("signal", "traces"), ("outcome", outcome)];
    sidecar.target().scrape().await[&key("duroxide_exporter_otlp_exports_total", &labels)]
}

/// A collector that does not take anything holds up nothing, and gets everything once it does.
#[tokio::test(flavor = "multi_thread")]
async fn traces_wait_for_a_collector_that_refuses_or_hangs() {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let Some(mut collector) = Collector::start(protocol).await else { return };
        let fresh = Kind::Sqlite.create().await;
        let provider = fresh.store.provider().await;
        let runtime = workload::start_runtime(provider.clone()).await;
        let client = Client::new(provider);
        let more = ["--otlp.traces.backfill", "true", "--otlp.timeout", "300ms"];
        let sidecar = serve(&fresh.store, &collector, None, &more);
        for (order, outcome) in [
            (json!({"answer": "refuse", "message": "who are you?"}), "refused"),
            (json!({"answer": "hang"}), "timeout"),
        ] {
            collector.order(order).await;
            run(&client, outcome, "Hello", "").await;
            wait_for(outcome, async || (requests(&sidecar, outcome).await >= 2.0).then_some(())).await;
            assert_eq!(traced(&sidecar, "exported").await, 0.0);
            // Polls do not mind.
            let before = sidecar.target().fresh_scrape().await;
            assert_eq!(before[&key("duroxide_up", &[("store", scenarios::exporter::STORE)])], 1.0);
        }
        collector.order(json!({"answer": "ok"})).await;
        let received = arrived(&collector, 2).await;
        runtime.shutdown(Some(0)).await;
        received.assert_is(&truth::ended(&recount::raw(&fresh.store).await.unwrap()));
        let told = sidecar.log().lines().filter(|line| line.contains("OTLP export failed:")).count();
        assert!((1..=4).contains(&told), "{told} lines:\n{}", sidecar.log());
        assert!(sidecar.log().contains("OTLP export works again"));
        assert!(sidecar.terminate().success());
    }
}

/// A request that no collector would take, however often, is left; what comes behind it arrives.
#[tokio::test(flavor = "multi_thread")]
async fn what_no_try_would_get_taken_holds_up_nothing() {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let Some(mut collector) = Collector::start(protocol).await else { return };
        let fresh = Kind::Sqlite.create().await;
        let provider = fresh.store.provider().await;
        let runtime = workload::start_runtime(provider.clone()).await;
        let client = Client::new(provider);
        let sidecar = serve(&fresh.store, &collector, None, &["--otlp.traces.backfill", "true"]);
        collector.order(json!({"answer": "malformed", "times": 1})).await;
        run(&client, "first", "Hello", "").await;
        wait_for("the refusal", async || (requests(&sidecar, "refused").await == 1.0).then_some(())).await;
        run(&client, "second", "Hello", "").await;
        let received = arrived(&collector, 1).await;
        assert_eq!(received.named("Hello")["attributes"]["duroxide.instance.id"], "second");
        let rejected = key("duroxide_exporter_otlp_rejected_items_total", &[("signal", "traces")]);
        assert_eq!(sidecar.target().scrape().await[&rejected], 2.0, "the execution and its activity");
        wait_for("both to be counted", async || (traced(&sidecar, "exported").await == 1.0).then_some(()))
            .await;
        assert_eq!(traced(&sidecar, "refused").await, 1.0);
        runtime.shutdown(Some(0)).await;
    }
}
