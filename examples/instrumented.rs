//! The runtime's provider with spans around its calls, sent to an OpenTelemetry collector.
//!
//! `cargo run -p scenarios --example instrumented`, with a collector on localhost:4317 or where
//! `OTEL_EXPORTER_OTLP_ENDPOINT` says.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::{Runtime, registry::ActivityRegistry};
use duroxide::{ActivityContext, Client, OrchestrationContext, OrchestrationRegistry};
use duroxide_exporter::{Backdated, Instrumented};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

#[tokio::main] // more than one thread: the exporter waits for its connection, which is a task
async fn main() -> anyhow::Result<()> {
    let exporter = opentelemetry_otlp::SpanExporter::builder().with_tonic().build()?;
    let spans = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name("greeter").build())
        .with_batch_exporter(exporter)
        .build();
    // The exporter's own connection is not traced: each span sent would make more.
    let filter = ["h2", "hyper", "hyper_util", "opentelemetry", "tonic", "tower"]
        .into_iter()
        .fold(Targets::new().with_default(LevelFilter::INFO), |filter, target| {
            filter.with_target(target, LevelFilter::OFF)
        });
    let layer = tracing_opentelemetry::layer().with_tracer(Backdated::new(spans.tracer("greeter")));
    // Before the runtime: it makes a subscriber of its own where there is none.
    tracing_subscriber::registry().with(layer.with_filter(filter)).init();

    let provider = Instrumented::wrap(Arc::new(SqliteProvider::new_in_memory().await?));
    let activities = ActivityRegistry::builder()
        .register("Greet", async |_: ActivityContext, name: String| Ok(format!("Hello, {name}!")))
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Hello", async |c: OrchestrationContext, name: String| {
            c.schedule_activity("Greet", name).await
        })
        .build();
    let runtime = Runtime::start_with_store(provider.clone(), activities, orchestrations).await;
    let client = Client::new(provider);
    client.start_orchestration("hello-Ada", "Hello", "Ada").await?;
    client.wait_for_orchestration("hello-Ada", Duration::from_secs(30)).await?;
    runtime.shutdown(None).await;
    // It blocks until the last spans are sent, which a thread of the runtime must not.
    tokio::task::spawn_blocking(move || spans.shutdown()).await??;
    Ok(())
}
