//! A runtime that works until it is killed. Activities that nobody registered are tried again after ten minutes.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::time::Duration;

use scenarios::{store::Store, workload};

#[tokio::main]
async fn main() {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let provider = Store::from_arguments(&arguments).provider().await;
    let _runtime = workload::start_patient_runtime(provider, workload::orchestrations()).await;
    // A test that failed half-way may not be able to kill it.
    tokio::time::sleep(Duration::from_secs(600)).await;
}
