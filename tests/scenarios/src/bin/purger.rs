//! A purge to be killed: `purger OLDER-THAN-MS STORE`.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use duroxide_exporter::{ManagementAPI as _, ProviderManagement, PurgeRequest, Timestamp};
use scenarios::store::Store;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let older_than: i64 = arguments.next().unwrap().to_str().unwrap().parse().unwrap();
    let provider = Store::from_arguments(&arguments.collect::<Vec<_>>()).provider().await;
    let request = PurgeRequest::older_than(Timestamp::from_unix_millis(older_than));
    ProviderManagement::new(provider).purge_completed(request).await.unwrap();
}
