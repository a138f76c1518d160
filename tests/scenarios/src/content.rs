//! A store with everything people may ask about: what the real runtime makes, and what only faults leave behind.

mod by_hand;
mod orchestrations;

use std::sync::Arc;

use duroxide::{Client, providers::Provider};

use by_hand::write;
pub use orchestrations::orchestrations;

use crate::{
    scrape::{PATIENCE, wait_for},
    store::Store,
    workload,
};

/// A custom status in which every wildcard and quote occurs.
pub const STATUS: &str = "Halfway: 50% of 'it' \"all\" under_scored \\ <ÄÖ>\n2nd line 🚚";

/// A word that is only in inputs, results and errors.
pub const IN_PAYLOADS: [(&str, &str); 4] = [
    ("in-input", "NeedleInTheInput \"quoted\" \\ 100%"),
    ("in-result", "NeedleInTheResult\nof an activity"),
    ("in-error", "NeedleInTheError ÄÖ"),
    ("in-child", "NeedleForTheChild"),
];

/// Fills a store through its `provider`. No runtime is at work afterwards.
pub async fn fill(store: impl Into<Store>, provider: Arc<dyn Provider>) {
    let store = store.into();
    let runtime = workload::start_runtime_with(provider.clone(), orchestrations()).await;
    workload::run(provider.clone(), &store).await;
    let client = Client::new(provider.clone());
    client.start_orchestration("status", "Status", "").await.unwrap();
    for (id, text) in IN_PAYLOADS {
        let name = match id {
            "in-error" => "Fails",
            "in-result" => "Hello",
            "in-child" => "Above",
            _ => "Echo",
        };
        client.start_orchestration(id, name, text).await.unwrap();
    }
    client.start_orchestration("three-levels", "Three", "deep").await.unwrap();
    client.start_orchestration("Upper-CASE_%'\"\\ id/with ünïcode 🚀", "Echo", "").await.unwrap();
    for id in ["in-input", "in-result", "in-error", "in-child", "three-levels"] {
        wait_for(&format!("the end of {id}"), async || {
            client.wait_for_orchestration(id, PATIENCE).await.ok().map(|_| ())
        })
        .await;
    }
    wait_for("the custom status", async || {
        let status = client.get_orchestration_status("status").await.ok()?;
        format!("{status:?}").contains("Halfway").then_some(())
    })
    .await;
    runtime.shutdown(Some(0)).await;
    workload::queue_without_runtime(provider).await;
    workload::write_by_hand(&store).await;
    write(&store).await;
}
