//! A runtime to be killed: it takes an activity and an orchestration turn and ends neither.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::time::Duration;

use duroxide::Client;
use scenarios::{store::Store, workload};

#[tokio::main]
async fn main() {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let provider = Store::from_arguments(&arguments).provider().await;
    let _runtime = workload::start_runtime(provider.clone()).await;
    let client = Client::new(provider);
    client.start_orchestration("slow-activity", "Tree", "").await.unwrap();
    client.start_orchestration("slow-turn", "Busy", "600000").await.unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;
}
