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
    /// Between the two, where the standby is one of a standby.
    between: Option<Server>,
    pub(crate) original: Store,
    pub(crate) replica: Store,
    pub(crate) provider: Arc<dyn Provider>,
}

impl Pair {
    pub(crate) async fn start(by: By) -> Self {
        let primary = Server::start();
        let standby = primary.standby();
        Self::of(primary, None, standby, by).await
    }

    /// A standby of a standby.
    pub(crate) async fn cascaded(by: By) -> Self {
        let primary = Server::start();
        let between = primary.standby();
        let standby = between.standby();
        Self::of(primary, Some(between), standby, by).await
    }

    async fn of(primary: Server, between: Option<Server>, standby: Server, by: By) -> Self {
        let database = primary.create_database();
        let store = Postgres { database: primary.url(&database), schema: "orders".to_owned(), by };
        let replica = Store::Postgres(store.on(&standby));
        let original = Store::Postgres(store);
        let provider = original.provider().await;
        standby.caught_up_with(&primary);
        Self { primary, standby, between, original, replica, provider }
    }

    /// Whom the standby has its changes from.
    pub(crate) fn upstream(&self) -> &Server {
        self.between.as_ref().unwrap_or(&self.primary)
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
