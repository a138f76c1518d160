//! Observability and management for [duroxide](https://github.com/microsoft/duroxide), the durable-execution
//! framework.
//!
//! The crate is a binary, `duroxide-exporter`, and this library:
//!
//! - [`ManagementAPI`]: watching and administering workflows, apart from the runtime's `Provider`;
//! - [`Client`]: the framework's client with guards, and the calls of a [`ManagementAPI`] beside it;
//! - [`Instrumented`]: the runtime's `Provider` with spans around its calls (feature `otel`: with links and instruments);
//! - [`Exporter`] (feature `exporter`): the exporter embedded in an application.
//!
//! # How it is built
//!
//! ```text
//! numbers  source -> observe -> View{last good, health} -> metrics: fn(&View, now) -> families -> output
//!                                                           output -> server (scraped), otlp (pushed)
//! cli      management -> cli
//! ```
//!
//! Arrows never point back; a test parses the sources and enforces it. `labels` and `catalogue` (every metric) are the
//! ground. `docs/architecture.md` has the rules, `docs/decisions/` the reasons.
#![cfg_attr(
    feature = "sqlite",
    doc = r#"
# Embedding

```no_run
# async fn run() -> Result<(), Box<dyn std::error::Error>> {
let exporter = duroxide_exporter::Exporter::builder()
    .store("orders", "sqlite:/var/lib/orders/store.db")
    .listen("127.0.0.1:9899".parse()?)
    .bind()
    .await?;
exporter.run(async { let _ = tokio::signal::ctrl_c().await; }).await?;
# Ok(())
# }
```
"#
)]

mod client;
mod history;
mod labels;
mod management;

#[cfg(feature = "exporter")]
mod app;
#[cfg(feature = "exporter")]
mod catalogue;
#[cfg(feature = "exporter")]
#[doc(hidden)] // the binary's front end: no stable interface
pub mod cli;
#[cfg(feature = "exporter")]
mod config;
#[cfg(feature = "exporter")]
mod logging;
#[cfg(feature = "exporter")]
mod logs;
#[cfg(feature = "exporter")]
mod metrics;
#[cfg(feature = "exporter")]
mod observe;
#[cfg(feature = "exporter")]
mod otlp;
#[cfg(feature = "exporter")]
mod output;
#[cfg(feature = "exporter")]
mod server;
#[cfg(any(feature = "exporter", feature = "postgres", feature = "sqlite"))]
#[cfg_attr(
    not(feature = "exporter"),
    expect(dead_code, reason = "without the exporter nobody takes a census")
)]
#[cfg_attr(
    all(feature = "exporter", not(any(feature = "postgres", feature = "sqlite"))),
    expect(dead_code, reason = "without a backend no store's history is read")
)]
mod source;
#[cfg(feature = "exporter")]
mod state;
#[cfg(any(feature = "exporter", feature = "postgres", feature = "sqlite"))]
#[cfg_attr(
    not(feature = "exporter"),
    expect(dead_code, unused_imports, reason = "without the exporter nobody takes a census")
)]
mod store;
#[cfg(feature = "exporter")]
mod telemetry;
#[cfg(feature = "exporter")]
#[doc(hidden)] // for this project's own tests
pub mod testing;
#[cfg(feature = "exporter")]
mod text;
#[cfg(feature = "exporter")]
mod traces;

#[cfg(feature = "exporter")]
pub use app::{Exporter, ExporterBuilder, RunError, StartError};
pub use client::Client;
pub use duroxide_instrument::{Instrumented, InstrumentedBuilder, TraceIds};
pub use history::{DecodeError, Event};
pub use labels::{
    Channel, Clock, ExecutionStatus, FailureKind, FailureReason, InstanceStatus, LeaseState, MessageState,
    Queue, WaitReason,
};
pub use management::{
    Awaited, Capabilities, Capability, ExecutionInfo, InstanceCounts, InstanceExport, InstanceFilter,
    InstanceGroup, InstanceInfo, InstanceTree, InstanceWaits, ManagementAPI, ManagementError, OpenWait, Page,
    PageRequest, ParseTimestampError, ProviderManagement, PurgeReport, PurgeRequest, QueueDepths, QueueEntry,
    QueuedMessage, SearchField, SearchHit, SearchQuery, SearchResults, Split, SystemMetrics, Timeline,
    TimelineBuilder, TimelineEntry, TimelineKind, TimelineOutcome, TimelineParent, Timestamp,
};

#[cfg(feature = "otel")]
pub use duroxide_instrument::Backdated;

#[cfg(feature = "exporter")]
pub use catalogue::{CATALOGUE, Kind, Metric, Unit, markdown as metrics_markdown};
#[cfg(any(feature = "exporter", feature = "postgres", feature = "sqlite"))]
pub use store::{UrlError, connect, connect_admin};
