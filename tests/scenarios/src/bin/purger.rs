//! A purge to be killed: `purger STORE OLDER-THAN-MS`.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::path::PathBuf;

use duroxide_exporter::{ManagementAPI as _, PurgeRequest, Timestamp};
use scenarios::workload;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let path = PathBuf::from(arguments.next().unwrap());
    let older_than: i64 = arguments.next().unwrap().to_str().unwrap().parse().unwrap();
    let store = workload::open(&path).await;
    store.purge_completed(PurgeRequest::older_than(Timestamp::from_unix_millis(older_than))).await.unwrap();
}
