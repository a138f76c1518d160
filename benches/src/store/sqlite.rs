//! A file of the framework's own provider.

mod fill;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use duroxide::providers::Provider;
use duroxide::providers::sqlite::SqliteProvider;
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;

use super::turns::{Live, Shape, of_a_store, payloads};

pub(crate) struct Store {
    folder: TempDir,
    filled: Option<Filled>,
}

struct Filled {
    /// Open as long as the store is in use, as a runtime has it: a file that nobody has open is taken for a copy.
    writer: SqliteConnection,
    live: Live,
}

impl Store {
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self { folder: tempfile::tempdir()?, filled: None })
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

    pub(super) async fn fill(&mut self, shape: Shape) -> anyhow::Result<()> {
        // Only for its schema.
        self.sqlite_provider().await?.get_pool().close().await;
        let mut writer = SqliteConnection::connect(&self.url()).await?;
        // Random ids come into the indexes all over: what is not in memory is read and written again and again. Nothing is
        // lost by a crash but a store that goes away with it.
        let settings =
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1200000; BEGIN";
        sqlx::raw_sql(settings).execute(&mut writer).await?;
        for turn in of_a_store(shape) {
            for sql in fill::past(&turn) {
                sqlx::raw_sql(&sql).execute(&mut writer).await?;
            }
        }
        // As the framework has it from now on.
        let settings = "COMMIT; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -64000; \
             PRAGMA wal_autocheckpoint = 10000";
        sqlx::raw_sql(settings).execute(&mut writer).await?;
        self.filled = Some(Filled { writer, live: Live::new(shape) });
        self.append().await
    }

    pub(super) async fn append(&mut self) -> anyhow::Result<()> {
        let Filled { writer, live } = self.filled()?;
        for turn in live.turns() {
            sqlx::raw_sql(&fill::present(&turn)).execute(&mut *writer).await?;
        }
        Ok(())
    }

    pub(super) async fn put_payload(&mut self, megabytes: u32) -> anyhow::Result<()> {
        let payload = format!("hex(randomblob({megabytes} * 500000))");
        let sql = payloads(&payload, "unixepoch() * 1000", "datetime('now')");
        sqlx::raw_sql(&sql).execute(&mut self.filled()?.writer).await?;
        Ok(())
    }

    /// Seconds of one count of all instances.
    pub(super) async fn count(&mut self) -> anyhow::Result<f64> {
        let began = Instant::now();
        let sql = "SELECT COUNT(*) FROM instances";
        sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut self.filled()?.writer).await?;
        Ok(began.elapsed().as_secs_f64())
    }

    fn filled(&mut self) -> anyhow::Result<&mut Filled> {
        self.filled.as_mut().context("the store was not filled")
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
