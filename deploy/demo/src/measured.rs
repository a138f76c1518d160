//! What the runtime asks of its store, measured by the exporter's library half and pushed to an OpenTelemetry collector.

use std::sync::Arc;

use anyhow::Context as _;
use duroxide::providers::Provider;
use duroxide_exporter::Instrumented;
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_otlp::{MetricExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;

/// The name of the service where `OTEL_SERVICE_NAME` gives none.
const SERVICE: &str = "duroxide-demo";

/// What sends the measurements on.
pub(crate) struct Meters(SdkMeterProvider);

/// `shop` tells those apart that work on one store. Must be called on a runtime with more than one thread, where the
/// connection to the collector lives.
pub(crate) fn wrap(
    provider: Arc<dyn Provider>,
    collector: &str,
    shop: &str,
) -> anyhow::Result<(Arc<dyn Provider>, Meters)> {
    let exporter = MetricExporter::builder()
        .with_tonic()
        .with_endpoint(collector)
        .build()
        .with_context(|| format!("cannot push to {collector} by OTLP over gRPC"))?;
    let named = std::env::var("OTEL_SERVICE_NAME").is_ok_and(|name| !name.is_empty());
    let resource = Resource::builder().with_attribute(KeyValue::new("service.instance.id", shop.to_owned()));
    let resource = if named { resource } else { resource.with_service_name(SERVICE) };
    // As often as OTEL_METRIC_EXPORT_INTERVAL says: once a minute, unless it does.
    let meters =
        SdkMeterProvider::builder().with_resource(resource.build()).with_periodic_exporter(exporter).build();
    let provider = Instrumented::builder().meter(meters.meter("duroxide-demo")).wrap(provider);
    Ok((provider, Meters(meters)))
}

impl Meters {
    /// Sends the last values. A collector that is away is not worth a word: the shop closes all the same.
    pub(crate) async fn close(self) {
        // It blocks, which a thread of the runtime must not.
        let _ = tokio::task::spawn_blocking(move || self.0.shutdown()).await;
    }
}
