//! A primary and a standby of a test's own, with a store on them.

use std::sync::Arc;

use cluster::Server;
use duroxide::providers::Provider;
use scenarios::{
    exporter::{POLL_INTERVAL, Running},
    store::{By, Postgres, Store},
};

/// Both servers, and the store as it is on each.
pub(crate) struct Pair {
    pub(crate) primary: Server,
    pub(crate) standby: Server,
    pub(crate) original: Store,
    pub(crate) replica: Store,
    pub(crate) provider: Arc<dyn Provider>,
}

impl Pair {
    pub(crate) async fn start(by: By) -> Self {
        let primary = Server::start();
        let standby = primary.standby();
        let database = primary.create_database();
        let store = Postgres { database: primary.url(&database), schema: "orders".to_owned(), by };
        let replica = Store::Postgres(store.on(&standby));
        let original = Store::Postgres(store);
        let provider = original.provider().await;
        standby.caught_up_with(&primary);
        Self { primary, standby, original, replica, provider }
    }

    pub(crate) fn catch_up(&self) {
        self.standby.caught_up_with(&self.primary);
    }

    /// An exporter over the standby.
    pub(crate) async fn exporter(&self) -> Running {
        let running =
            Running::with(&self.replica.url(), |builder| builder.poll_interval(POLL_INTERVAL)).await;
        running.fresh_scrape().await;
        running
    }
}
