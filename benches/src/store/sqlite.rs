//! A file of the framework's own provider.

mod fill;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use duroxide::providers::Provider;
use duroxide::providers::sqlite::SqliteProvider;
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;

pub(crate) struct Store {
    folder: TempDir,
    /// Open as long as the store is in use, as a runtime has it: a file that nobody has open is taken for a copy.
    writer: Option<SqliteConnection>,
}

impl Store {
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self { folder: tempfile::tempdir()?, writer: None })
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("store.db")
    }

    pub(super) fn url(&self) -> String {
        format!("sqlite:{}", self.path().display())
    }

    pub(super) async fn provider(&self) -> anyhow::Result<Arc<dyn Provider>> {
        Ok(Arc::new(self.sqlite_provider().await?))
    }

    async fn sqlite_provider(&self) -> anyhow::Result<SqliteProvider> {
        Ok(SqliteProvider::new(&format!("{}?mode=rwc", self.url()), None).await?)
    }

    pub(super) async fn fill(&mut self, instances: u64) -> anyhow::Result<()> {
        // Only for its schema.
        self.sqlite_provider().await?.get_pool().close().await;
        let mut connection = SqliteConnection::connect(&self.url()).await?;
        for sql in fill::statements(instances) {
            sqlx::query(&sql).execute(&mut connection).await?;
        }
        self.writer = Some(connection);
        self.change().await
    }

    pub(super) async fn change(&mut self) -> anyhow::Result<()> {
        let writer = self.writer.as_mut().context("the store was not filled")?;
        sqlx::query("UPDATE executions SET output = output || '.' WHERE rowid = 1").execute(writer).await?;
        Ok(())
    }

    pub(super) fn mib(&self) -> anyhow::Result<f64> {
        size_mib(&self.path())
    }

    pub(super) fn wal_mib(&self) -> anyhow::Result<f64> {
        size_mib(&self.path().with_extension("db-wal"))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a size in bytes")]
fn size_mib(file: &Path) -> anyhow::Result<f64> {
    Ok(std::fs::metadata(file)?.len() as f64 / f64::from(1 << 20))
}
