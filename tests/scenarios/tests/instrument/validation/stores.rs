//! Providers for the framework's tests.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use duroxide::provider_validations::ProviderFactory;
use duroxide::providers::Provider;
use duroxide_exporter::Instrumented;
use duroxide_pg_opt::LongPollConfig;
use scenarios::store::{By, Postgres, Store};
use scenarios::stores::{Fresh, Kind};
use scenarios::{sql, workload};

/// Where stores are made: for Postgres a database, in which each has a schema.
pub(super) struct Place {
    kind: Kind,
    database: Option<Fresh>,
    schemas: AtomicU32,
}

/// Each provider has a store of its own. A test that reaches into a store has made only one.
pub(super) struct Stores {
    place: Arc<Place>,
    /// Within `Instrumented`, or bare.
    wrapped: bool,
    /// Waiting for work where its kind does, or not at all.
    waits: bool,
    made: Mutex<Vec<(Store, Option<Fresh>)>>,
}

impl Place {
    pub(super) async fn of(kind: Kind) -> Arc<Self> {
        let database = if kind == Kind::Sqlite { None } else { Some(kind.create().await) };
        Arc::new(Self { kind, database, schemas: AtomicU32::new(0) })
    }

    async fn fresh(&self) -> (Store, Option<Fresh>) {
        match &self.database {
            Some(database) => {
                let number = self.schemas.fetch_add(1, Ordering::Relaxed);
                let postgres = database.store.postgres().clone();
                (Store::Postgres(Postgres { schema: format!("validation_{number}"), ..postgres }), None)
            }
            None => {
                let fresh = self.kind.create().await;
                (fresh.store.clone(), Some(fresh))
            }
        }
    }
}

impl Stores {
    pub(super) fn at(place: Arc<Place>, wrapped: bool, waits: bool) -> Arc<Self> {
        Arc::new(Self { place, wrapped, waits, made: Mutex::default() })
    }

    fn last(&self) -> Store {
        self.made.lock().unwrap().last().unwrap().0.clone()
    }
}

#[async_trait]
impl ProviderFactory for Stores {
    async fn create_provider(&self) -> Arc<dyn Provider> {
        let (store, fresh) = self.place.fresh().await;
        let provider = match &store {
            Store::Postgres(Postgres { database, schema, by: By::DuroxidePgOpt }) if !self.waits => {
                let config = LongPollConfig { enabled: false, ..LongPollConfig::default() };
                let provider =
                    duroxide_pg_opt::PostgresProvider::new_with_options(database, Some(schema), config);
                Arc::new(provider.await.expect("the provider opens the store"))
            }
            store => store.provider().await,
        };
        // Some of the tests want more of SQLite than it does: that nobody is told that it is locked.
        let provider = workload::one_at_a_time(provider);
        self.made.lock().unwrap().push((store, fresh));
        if self.wrapped { Instrumented::wrap(provider) } else { provider }
    }

    fn lock_timeout(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// On a busy machine an answer at once takes its time, too: what is excluded is the half second of a poll.
    fn short_poll_threshold(&self) -> Duration {
        Duration::from_millis(400)
    }

    /// JSON, for `duroxide-pg` lets the server read it, but no event.
    async fn corrupt_instance_history(&self, instance: &str) {
        let instance = sql::quoted(instance);
        let statement =
            format!("UPDATE history SET event_data = '{{\"no\":\"event\"}}' WHERE instance_id = {instance}");
        sql::execute(&self.last(), &statement).await;
    }

    async fn get_max_attempt_count(&self, instance: &str) -> u32 {
        let statement = format!(
            "SELECT CAST(MAX(attempt_count) AS BIGINT) FROM orchestrator_queue WHERE instance_id = {}",
            sql::quoted(instance)
        );
        sql::number(&self.last(), &statement).await.try_into().unwrap()
    }
}
