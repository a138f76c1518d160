use duroxide::Client;
use scenarios::{
    collector::{Collector, Protocol},
    over_every_store, recount,
    stores::Kind,
    workload,
};
use serde_json::Value;

use super::{Received, arrived, run, serve, traced, truth};

over_every_store!(every_execution_that_ends_arrives_whole);

async fn every_execution_that_ends_arrives_whole(kind: Kind) {
    let protocol = if kind == Kind::Sqlite { Protocol::Grpc } else { Protocol::Http };
    let Some(collector) = Collector::start(protocol).await else { return };
    let fresh = kind.create().await;
    let store = &fresh.store;
    let provider = store.provider().await;
    let runtime = workload::start_runtime(provider.clone()).await;
    // What ended before it came has traces, too, when that is asked for.
    run(&Client::new(provider.clone()), "before", "Hello", "x").await;
    let sidecar = serve(store, &collector, None, &["--otlp.traces.backfill", "true"]);
    arrived(&collector, 1).await;
    workload::run(provider.clone(), store).await;
    runtime.shutdown(Some(0)).await;

    let ended = truth::ended(&recount::raw(store).await.unwrap());
    assert!(ended.len() > 25, "{}", ended.len());
    let received = arrived(&collector, ended.len()).await;
    let spans = received.assert_is(&ended);
    assert!(spans > 80, "{spans}");
    assert_eq!(traced(&sidecar, "exported").await, f64::from(u32::try_from(ended.len()).unwrap()));

    let line = &collector.traces()[0];
    assert_eq!(line["resource"]["service.name"], "duroxide-exporter");
    assert_eq!(line["resource"]["duroxide.store"], scenarios::exporter::STORE);
    reads_as_a_person_thinks(&received);
}

/// Three tries are below one call; each has its own outcome.
fn reads_as_a_person_thinks(received: &Received) {
    let root = received.named("Retry");
    let below = received.below(root);
    let call = below.iter().find(|span| span["name"] == "Flaky").unwrap();
    assert_eq!(call["attributes"]["duroxide.attempts"], 3, "{call:#}");
    assert_eq!(call["attributes"]["duroxide.outcome"], "completed");
    assert_eq!(call["status"], 0);
    let tries = received.below(call);
    let outcomes: Vec<&Value> = tries.iter().map(|span| &span["attributes"]["duroxide.outcome"]).collect();
    assert_eq!(outcomes, ["failed", "failed", "completed"]);
    assert!(
        tries
            .iter()
            .take(2)
            .all(|span| span["status"] == 2 && span["attributes"]["error.type"] == "application")
    );
    assert!(below.iter().any(|span| span["name"] == "timer"), "the pause between two tries");

    let status: Vec<&Value> =
        received.named("Session")["events"].as_array().unwrap().iter().map(|event| &event["name"]).collect();
    assert_eq!(status, Vec::<&Value>::new(), "pseudo-activities are no part of it");
    let panicked = received.named("Panics");
    assert_eq!(panicked["attributes"]["error.type"], "panicked");
    let cancelled = received.named("Tree");
    assert_eq!(cancelled["attributes"]["error.type"], "cancelled");
    assert_eq!(cancelled["events"][0]["name"], "cancel_requested", "{cancelled:#}");
}
