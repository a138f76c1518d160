//! The client and the provider backend, with the real runtime and the framework's SQLite provider.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod enqueue;
mod guards;
mod items;
mod management;
mod paging;
mod purge;

use std::{path::PathBuf, sync::Arc};

use duroxide::{OrchestrationStatus, providers::sqlite::SqliteProvider, runtime::Runtime};
use duroxide_exporter::Client;
use scenarios::{files::Scratch, scrape::PATIENCE, sql, workload};
use sqlx::Row as _;

/// A store with its client; the provider is its management, too.
struct Store {
    _scratch: Scratch,
    path: PathBuf,
    provider: Arc<SqliteProvider>,
    client: Client,
}

impl Store {
    async fn new() -> Self {
        let scratch = Scratch::new();
        let path = scratch.file("store.db");
        let provider = workload::open(&path).await;
        let client = Client::with_management(provider.clone(), provider.clone());
        Self { _scratch: scratch, path, provider, client }
    }

    async fn runtime(&self) -> Arc<Runtime> {
        workload::start_runtime(self.provider.clone()).await
    }

    /// Starts an instance and waits for its first turn.
    async fn begin(&self, id: &str, orchestration: &str, input: &str) {
        self.client.start_orchestration(id, orchestration, input).await.unwrap();
        self.begun(id).await;
    }

    async fn begun(&self, id: &str) {
        scenarios::scrape::wait_for("a first turn", async || {
            let status = self.client.get_orchestration_status(id).await.unwrap();
            (!matches!(status, OrchestrationStatus::NotFound)).then_some(())
        })
        .await;
    }

    /// Waits until an instance has ended, and says how.
    async fn end(&self, id: &str) -> Result<String, String> {
        self.client.wait_for_orchestration_typed(id, PATIENCE).await.expect("it ends")
    }

    /// Starts another instance and sees it finish: the store is not stalled.
    async fn still_works(&self, after: &str) {
        let id = format!("after {after}");
        self.client.start_orchestration(&id, "Hello", "you").await.unwrap();
        let ended = self.client.wait_for_orchestration(&id, PATIENCE).await;
        assert!(matches!(ended, Ok(OrchestrationStatus::Completed { .. })), "stalled by {after}: {ended:?}");
    }

    /// The rows of a query, as texts.
    async fn rows(&self, query: &str) -> Vec<String> {
        let mut connection = sql::connect(&self.path).await;
        let rows = sqlx::query(query).fetch_all(&mut connection).await.unwrap();
        rows.iter().map(|row| row.get::<String, _>(0)).collect()
    }

    async fn number(&self, query: &str) -> i64 {
        let mut connection = sql::connect(&self.path).await;
        sqlx::query(query).fetch_one(&mut connection).await.unwrap().get(0)
    }
}
