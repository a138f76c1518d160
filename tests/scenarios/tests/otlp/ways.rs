use std::time::Duration;

use scenarios::{
    collector::{Collector, Protocol, number},
    exporter::Running,
    relay::Relay,
    sidecar::Program,
    stores::{Fresh, Kind},
};
use serde_json::Value;

use super::serve;

async fn store() -> Fresh {
    let fresh = Kind::Sqlite.create().await;
    drop(fresh.store.provider().await);
    fresh
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_embeds_the_exporter_pushes() {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let Some(collector) = Collector::start(protocol).await else { return };
        let fresh = store().await;
        let endpoint = collector.endpoint();
        let running = Running::with(&fresh.store.url(), |builder| {
            let builder = builder.otlp_interval(Duration::from_millis(50));
            match protocol {
                Protocol::Grpc => builder.otlp_grpc(&endpoint),
                Protocol::Http => builder.otlp(&endpoint),
            }
        })
        .await;
        let request = collector.next().await;
        assert_eq!(request["resource"]["service.name"], "duroxide-exporter");
        running.stop().await;
        // The last push is part of the end.
        let pushed = collector.requests().len();
        assert!(pushed >= 2, "{pushed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_standard_variables_alone_switch_pushing_on() {
    let Some(collector) = Collector::start(Protocol::Grpc).await else { return };
    let fresh = store().await;
    let endpoint = format!("OTEL_EXPORTER_OTLP_ENDPOINT={}/ignored/path", collector.endpoint());
    let variables = [
        "env",
        &endpoint,
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=grpc",
        "OTEL_EXPORTER_OTLP_METRICS_HEADERS=x-tenant=caf%20e",
        "OTEL_METRIC_EXPORT_INTERVAL=50",
        "OTEL_SERVICE_NAME=orders",
        "OTEL_RESOURCE_ATTRIBUTES=service.name=other,team=caf%C3%A9",
    ];
    let program = Program::new(env!("CARGO_BIN_EXE_sidecar"));
    let sidecar = program.serve_in(&variables, &fresh.store.url(), &[]);
    let request = collector.next().await;
    assert_eq!(request["headers"]["x-tenant"], "caf e");
    assert_eq!(request["resource"]["service.name"], "orders");
    assert_eq!(request["resource"]["team"], "café");
    assert!(sidecar.terminate().success());

    let off = [variables.as_slice(), &["OTEL_SDK_DISABLED=true"]].concat();
    let sidecar = program.serve_in(&off, &fresh.store.url(), &[]);
    assert!(!sidecar.log().contains("pushed"), "{}", sidecar.log());
    let scrape = sidecar.target().scrape().await;
    assert!(!scrape.keys().any(|key| key.contains("otlp")), "{scrape:?}");
}

/// A receiver does not see how a gRPC message was compressed, a wire does.
#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_push_is_smaller_on_the_wire() {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let mut sizes = Vec::new();
        for compression in ["none", "gzip"] {
            let Some(collector) = Collector::start(protocol).await else { return };
            let fresh = store().await;
            let relay = Relay::to(&collector.endpoint()).await;
            // The one push of its end.
            let flags =
                ["--otlp.endpoint", relay.endpoint(), "--otlp.protocol", protocol.name()].map(str::to_owned);
            let sidecar = serve(&fresh.store, &flags, &["--otlp.compression", compression]);
            assert!(sidecar.terminate().success());
            let requests = collector.requests();
            assert_eq!(requests.len(), 1);
            assert!(polls(&requests[0]).is_some());
            sizes.push(relay.sent());
        }
        assert!(sizes[1] * 2 < sizes[0], "{protocol:?}: {sizes:?}");
    }
}

fn polls(request: &Value) -> Option<f64> {
    let mut metrics = request["metrics"].as_array()?.iter();
    let metric = metrics.find(|metric| metric["name"] == "duroxide.polls")?;
    Some(number(&metric["points"][0]["value"]))
}
