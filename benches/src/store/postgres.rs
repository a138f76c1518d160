//! A schema of a Postgres provider, in a database of its own.

mod fill;
mod servers;

use std::sync::Arc;

use anyhow::Context;
use cluster::Server;
use duroxide::providers::Provider;
use sqlx::{Connection, PgConnection};

use super::turns::{Live, Shape, of_a_store, payloads};
use crate::cpu;

pub(crate) use servers::Servers;

const SCHEMA: &str = "bench";

/// The framework's Postgres providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Driver {
    DuroxidePg,
    DuroxidePgOpt,
}

pub(crate) struct Store<'a> {
    servers: &'a Servers,
    database: String,
    filled: Option<Filled>,
}

struct Filled {
    writer: PgConnection,
    /// The writer's process in the server.
    process: u32,
    live: Live,
}

impl Store<'_> {
    fn primary(&self) -> &Server {
        &self.servers.primary
    }

    pub(super) async fn provider(&self) -> anyhow::Result<Arc<dyn Provider>> {
        let url = self.primary().url(&self.database);
        Ok(match self.servers.driver {
            Driver::DuroxidePg => {
                Arc::new(duroxide_pg::PostgresProvider::new_with_schema(&url, Some(SCHEMA)).await?)
            }
            Driver::DuroxidePgOpt => {
                Arc::new(duroxide_pg_opt::PostgresProvider::new_with_schema(&url, Some(SCHEMA)).await?)
            }
        })
    }

    pub(super) fn url(&self) -> String {
        let Servers { primary, standby, .. } = self.servers;
        if let Some(standby) = standby {
            standby.caught_up_with(primary);
        }
        format!("{}?schema={SCHEMA}", standby.as_ref().unwrap_or(primary).url(&self.database))
    }

    pub(super) async fn fill(&mut self, shape: Shape) -> anyhow::Result<()> {
        // Only for its schema.
        drop(self.provider().await?);
        let mut writer = PgConnection::connect(&self.primary().url(&self.database)).await?;
        sqlx::raw_sql(&format!("SET search_path = {SCHEMA}")).execute(&mut writer).await?;
        for turn in of_a_store(shape) {
            let sql = fill::past(&turn).join(";\n");
            sqlx::raw_sql(&sql).execute(&mut writer).await?;
        }
        for sql in ["VACUUM ANALYZE", "CHECKPOINT"] {
            sqlx::raw_sql(sql).execute(&mut writer).await?;
        }
        let process: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut writer).await?;
        self.filled = Some(Filled { writer, process: process.try_into()?, live: Live::new(shape) });
        self.append().await
    }

    pub(super) async fn append(&mut self) -> anyhow::Result<()> {
        let Filled { writer, live, .. } = self.filled.as_mut().context("the store was not filled")?;
        for turn in live.turns() {
            sqlx::raw_sql(&fill::present(&turn)).execute(&mut *writer).await?;
        }
        Ok(())
    }

    pub(super) async fn put_payload(&mut self, megabytes: u32) -> anyhow::Result<()> {
        let Filled { writer, .. } = self.filled.as_mut().context("the store was not filled")?;
        let payload = format!(
            "(SELECT string_agg(md5(n::text), '') FROM generate_series(1, {megabytes} * 31250) AS n)"
        );
        sqlx::raw_sql(&payloads(&payload, "now()", "now()")).execute(writer).await?;
        Ok(())
    }

    /// Seconds of CPU time of the server's process that answers the exporter, which forbids it helpers.
    pub(super) fn exporter_cpu(&self) -> anyhow::Result<f64> {
        let sql = "SELECT pid FROM pg_stat_activity WHERE application_name = 'duroxide-exporter' AND datname = current_database()";
        let process = self.primary().try_psql(&self.database, sql).map_err(anyhow::Error::msg)?;
        cpu::of_process(process.parse().context("the exporter has not one connection")?)
    }

    /// Seconds of CPU time of the server for all others that read: without the exporter and the writer.
    pub(super) fn others_cpu(&self) -> anyhow::Result<f64> {
        let writer = self.filled.as_ref().map_or(Ok(0.0), |filled| cpu::of_process(filled.process))?;
        Ok(cpu::of_server(self.primary().id())? - self.exporter_cpu()? - writer)
    }

    pub(super) fn mib(&self) -> anyhow::Result<f64> {
        let sql = "SELECT pg_database_size(current_database()) / 1048576.0";
        Ok(self.primary().try_psql(&self.database, sql).map_err(anyhow::Error::msg)?.parse()?)
    }
}

impl Drop for Store<'_> {
    fn drop(&mut self) {
        // A provider closes its connections some time after it is dropped.
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.database);
        let _ = self.primary().try_psql("postgres", &sql);
    }
}
