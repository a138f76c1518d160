//! A schema of a Postgres provider, in a database of its own.

mod fill;
mod servers;

use std::sync::Arc;

use cluster::Server;
use duroxide::providers::Provider;

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

    pub(super) async fn fill(&self, instances: u64) -> anyhow::Result<()> {
        // Only for its schema.
        drop(self.provider().await?);
        self.run(&fill::statements(instances))?;
        Ok(())
    }

    pub(super) fn change(&self) -> anyhow::Result<()> {
        self.run(
            "BEGIN; \
             UPDATE instances SET updated_at = now() WHERE instance_id = (SELECT MIN(instance_id) FROM instances); \
             UPDATE executions SET output = output || '.' WHERE instance_id = (SELECT MIN(instance_id) FROM instances); \
             COMMIT;",
        )?;
        Ok(())
    }

    pub(super) fn mib(&self) -> anyhow::Result<f64> {
        Ok(self.run("SELECT pg_database_size(current_database()) / 1048576.0")?.parse()?)
    }

    /// Runs statements in the schema; their rows.
    fn run(&self, sql: &str) -> anyhow::Result<String> {
        let sql = format!("SET search_path = {SCHEMA};\n{sql}");
        self.primary().try_psql(&self.database, &sql).map_err(anyhow::Error::msg)
    }
}

impl Drop for Store<'_> {
    fn drop(&mut self) {
        // A provider closes its connections some time after it is dropped.
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.database);
        let _ = self.primary().try_psql("postgres", &sql);
    }
}
