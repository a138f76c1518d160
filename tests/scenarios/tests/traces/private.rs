use duroxide::Client;
use scenarios::{
    collector::{Collector, Protocol},
    stores::Kind,
    workload,
};

use super::{arrived, run, serve, traced};

const SECRET: &str = "hunter2-secret";

#[tokio::test(flavor = "multi_thread")]
async fn payloads_leave_the_store_only_when_they_are_asked_for() {
    let Some(collector) = Collector::start(Protocol::Http).await else { return };
    let fresh = Kind::Sqlite.create().await;
    let provider = fresh.store.provider().await;
    let runtime = workload::start_runtime(provider.clone()).await;
    let client = Client::new(provider);
    for orchestration in ["Hello", "Fails", "FailingActivity", "Panics"] {
        run(&client, orchestration, orchestration, SECRET).await;
    }
    client.start_orchestration("event", "Event", "").await.unwrap();
    scenarios::scrape::wait_for("the wait", async || {
        let rows = scenarios::recount::raw(&fresh.store).await.ok()?;
        rows.history.iter().any(|event| event.data.contains("ExternalSubscribed")).then_some(())
    })
    .await;
    client.raise_event("event", "Approval", SECRET).await.unwrap();
    client.wait_for_orchestration("event", scenarios::scrape::PATIENCE).await.unwrap();
    runtime.shutdown(Some(0)).await;

    let backfill = ["--otlp.traces.backfill", "true"];
    let sidecar = serve(&fresh.store, &collector, None, &backfill);
    arrived(&collector, 5).await;
    let sent: Vec<String> = collector.traces().iter().map(ToString::to_string).collect();
    assert!(!sent.iter().any(|line| line.contains(SECRET)), "{sent:#?}");
    assert!(!sidecar.log().contains(SECRET));
    drop(sidecar);

    let Some(open) = Collector::start(Protocol::Http).await else { return };
    let _sidecar =
        serve(&fresh.store, &open, None, &[backfill[0], backfill[1], "--otlp.traces.payloads", "true"]);
    let received = arrived(&open, 5).await;
    let hello = received.named("Hello");
    assert_eq!(hello["attributes"]["duroxide.input"], SECRET);
    assert!(hello["attributes"]["duroxide.output"].as_str().unwrap().contains(SECRET), "{hello:#}");
    let greet = received.named("Greet");
    assert_eq!(greet["attributes"]["duroxide.input"], format!("dear {SECRET}"));
    assert!(greet["attributes"]["duroxide.output"].as_str().unwrap().contains(SECRET), "{greet:#}");
    let failed = received.named("Fails");
    assert!(failed["message"].as_str().unwrap().contains(SECRET), "{failed:#}");
    assert_eq!(received.named("wait for Approval")["attributes"]["duroxide.data"], SECRET);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_all_and_everything_that_failed() {
    let Some(collector) = Collector::start(Protocol::Grpc).await else { return };
    let fresh = Kind::Sqlite.create().await;
    let provider = fresh.store.provider().await;
    let runtime = workload::start_runtime(provider.clone()).await;
    let client = Client::new(provider);
    for n in 0..4 {
        run(&client, &format!("good-{n}"), "Hello", "").await;
    }
    run(&client, "bad", "Fails", "").await;
    runtime.shutdown(Some(0)).await;
    let more = ["--otlp.traces.backfill", "true", "--otlp.traces.sample-ratio", "0"];
    let sidecar = serve(&fresh.store, &collector, None, &more);
    let received = arrived(&collector, 1).await;
    assert_eq!(received.named("Fails")["attributes"]["duroxide.instance.id"], "bad");
    scenarios::scrape::wait_for("the count", async || {
        (traced(&sidecar, "unsampled").await == 4.0).then_some(())
    })
    .await;
    assert_eq!(traced(&sidecar, "exported").await, 1.0);
    assert_eq!(arrived(&collector, 1).await.traces(), 1);
}
