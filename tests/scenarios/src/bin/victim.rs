//! A runtime to be killed: it takes an activity and an orchestration turn and ends neither.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::{path::PathBuf, time::Duration};

use duroxide::Client;
use scenarios::workload;

#[tokio::main]
async fn main() {
    let path = PathBuf::from(std::env::args_os().nth(1).unwrap());
    let store = workload::open(&path).await;
    let _runtime = workload::start_runtime(store.clone()).await;
    let client = Client::new(store);
    client.start_orchestration("slow-activity", "Tree", "").await.unwrap();
    client.start_orchestration("slow-turn", "Busy", "600000").await.unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;
}
