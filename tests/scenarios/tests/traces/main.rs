//! Finished executions as traces, received by somebody else's definitions and compared with the rows of the history.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

/// Rows that no runtime writes at the right moment.
mod by_hand;
/// Everything that ends arrives, as it was.
mod complete;
/// From a bucket of a histogram to a trace.
mod exemplars;
/// Collectors that are away, and requests that none would take.
mod faults;
/// Exporters and collectors that are killed.
mod kills;
/// What does not leave the store.
mod private;
/// What arrived.
mod received;
/// What the rows say should arrive.
mod truth;

use std::path::Path;

use duroxide::Client;
use received::Received;
use scenarios::{
    collector::Collector,
    scrape::{PATIENCE, wait_for},
    sidecar::{Program, Sidecar},
    store::Store,
};

/// Runs `serve` that sends traces.
fn serve(store: &Store, collector: &Collector, state: Option<&Path>, more: &[&str]) -> Sidecar {
    let mut flags = collector.flags_of_traces();
    if let Some(state) = state {
        flags.extend(["--state-dir".to_owned(), state.to_str().unwrap().to_owned()]);
    }
    let flags: Vec<&str> = flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
    Program::new(env!("CARGO_BIN_EXE_sidecar")).serve_in(&[], &store.url(), &flags)
}

/// Runs an orchestration to its end.
async fn run(client: &Client, id: &str, orchestration: &str, input: &str) {
    client.start_orchestration(id, orchestration, input).await.unwrap();
    client.wait_for_orchestration(id, PATIENCE).await.unwrap();
}

/// The exporter's count of traces with this outcome.
async fn traced(sidecar: &Sidecar, outcome: &str) -> f64 {
    let series = sidecar.target().scrape().await;
    let key = scenarios::series::key(
        "duroxide_exporter_traces_total",
        &[("store", scenarios::exporter::STORE), ("outcome", outcome)],
    );
    series[&key]
}

/// Waits until so many executions have arrived.
async fn arrived(collector: &Collector, executions: usize) -> Received {
    wait_for(&format!("{executions} traces"), async || {
        let received = Received::of(&collector.traces());
        (received.traces() >= executions).then_some(received)
    })
    .await
}
