//! What is benchmarked on: a place for stores of one kind, and a store of it.

mod postgres;
mod sqlite;
mod turns;

use std::sync::Arc;

use duroxide::providers::Provider;

pub(crate) use postgres::{Driver, Servers};
pub(crate) use turns::Shape;

use crate::cpu;

/// Where stores are made.
pub(crate) enum Place {
    /// Files of the framework's own provider.
    Sqlite,
    /// Databases of a server.
    Postgres(Box<Servers>),
}

/// A store; it goes away with this value.
pub(crate) enum Store<'a> {
    Sqlite(sqlite::Store),
    Postgres(postgres::Store<'a>),
}

impl Place {
    /// Makes an empty store.
    pub(crate) fn fresh(&self) -> anyhow::Result<Store<'_>> {
        Ok(match self {
            Self::Sqlite => Store::Sqlite(sqlite::Store::new()?),
            Self::Postgres(servers) => Store::Postgres(servers.create()?),
        })
    }

    /// What the figures depend on, beside the machine.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Sqlite => "SQLite".to_owned(),
            Self::Postgres(servers) => servers.describe(),
        }
    }

    /// What each server is, in the order of [`Self::server_cpu`].
    pub(crate) fn servers(&self) -> Vec<&'static str> {
        match self {
            Self::Sqlite => Vec::new(),
            Self::Postgres(servers) => servers.all().map(|(name, _)| name).collect(),
        }
    }

    /// Seconds of CPU time of each server so far.
    pub(crate) fn server_cpu(&self) -> anyhow::Result<Vec<f64>> {
        match self {
            Self::Sqlite => Ok(Vec::new()),
            Self::Postgres(servers) => servers.all().map(|(_, server)| cpu::of_server(server.id())).collect(),
        }
    }
}

impl Store<'_> {
    /// Opens it with its real provider, which creates what is not there.
    pub(crate) async fn provider(&self) -> anyhow::Result<Arc<dyn Provider>> {
        match self {
            Self::Sqlite(store) => store.provider().await,
            Self::Postgres(store) => store.provider().await,
        }
    }

    /// As whoever reads it is told where it is: on the standby, if there is one. Returns when it is to be seen there.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(store) => store.url(),
            Self::Postgres(store) => store.url(),
        }
    }

    /// Fills it by SQL with what a runtime would have written.
    pub(crate) async fn fill(&mut self, shape: Shape) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(store) => store.fill(shape).await,
            Self::Postgres(store) => store.fill(shape).await,
        }
    }

    /// Appends a hundred events to a filled store, with all that the turns of instances write.
    pub(crate) async fn append(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(store) => store.append().await,
            Self::Postgres(store) => store.append().await,
        }
    }

    /// Puts a message and an activity into a filled store, each with a payload of so many megabytes.
    pub(crate) async fn put_payload(&mut self, megabytes: u32) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(store) => store.put_payload(megabytes).await,
            Self::Postgres(store) => store.put_payload(megabytes).await,
        }
    }

    /// Seconds of CPU time of a server for the exporter; on SQLite it has none.
    pub(crate) fn exporter_cpu(&self) -> anyhow::Result<f64> {
        match self {
            Self::Sqlite(_) => Ok(0.0),
            Self::Postgres(store) => store.exporter_cpu(),
        }
    }

    /// Seconds of CPU time for what a provider of this process reads: of the server, or on SQLite of this process.
    pub(crate) fn provider_cpu(&self) -> anyhow::Result<f64> {
        match self {
            Self::Sqlite(_) => cpu::of_this_process(),
            Self::Postgres(store) => store.others_cpu(),
        }
    }

    /// Seconds of one count of all instances, where the exporter does that now and then beside its polls.
    pub(crate) async fn count(&mut self) -> anyhow::Result<Option<f64>> {
        match self {
            Self::Sqlite(store) => Ok(Some(store.count().await?)),
            Self::Postgres(_) => Ok(None),
        }
    }

    pub(crate) fn mib(&self) -> anyhow::Result<f64> {
        match self {
            Self::Sqlite(store) => store.mib(),
            Self::Postgres(store) => store.mib(),
        }
    }

    /// How large the write-ahead log beside the store is; a server's belongs to the server.
    pub(crate) fn wal_mib(&self) -> anyhow::Result<Option<f64>> {
        match self {
            Self::Sqlite(store) => Ok(Some(store.wal_mib()?)),
            Self::Postgres(_) => Ok(None),
        }
    }
}
