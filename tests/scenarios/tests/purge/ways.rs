//! The ways to purge a store.

use std::sync::Arc;

use duroxide_exporter::{ManagementAPI, ProviderManagement, connect_admin};
use scenarios::{store::Store, workload};

/// Both of them: through the provider by itself or as what it is known as; on Postgres also without it.
pub(crate) async fn ways(store: &Store) -> [Arc<dyn ManagementAPI>; 2] {
    match store {
        Store::Sqlite(path) => {
            let provider = workload::open(path).await;
            [provider.clone(), Arc::new(ProviderManagement::new(provider))]
        }
        Store::Postgres(_) => [
            Arc::new(ProviderManagement::new(store.provider().await)),
            connect_admin(&store.url()).expect("the URL of a store"),
        ],
    }
}
