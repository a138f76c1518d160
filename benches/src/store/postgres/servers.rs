//! The servers that stores are made on.

use anyhow::anyhow;
use cluster::Server;

use super::{Driver, Store};

/// As on a server that others use, where it matters to what is measured; a server for tests is kept small.
const SETTINGS: [(&str, &str); 5] = [
    ("shared_buffers", "256MB"),
    ("min_wal_size", "80MB"),
    ("max_wal_size", "1GB"),
    // The defaults of PostgreSQL: large statements may be compiled, and run in parallel.
    ("jit", "on"),
    ("dynamic_shared_memory_type", "posix"),
];

/// A primary, perhaps with a hot standby.
pub(crate) struct Servers {
    pub(super) primary: Server,
    pub(super) standby: Option<Server>,
    pub(super) driver: Driver,
}

impl Servers {
    pub(crate) fn start(driver: Driver, with_standby: bool) -> anyhow::Result<Self> {
        let start = || {
            let all = SETTINGS.iter().fold(Server::builder(), |all, (name, value)| all.setting(name, value));
            let primary = all.start();
            let standby = with_standby.then(|| primary.standby());
            Self { primary, standby, driver }
        };
        // Helpers of tests fail by a panic; what it says is printed by then.
        std::panic::catch_unwind(start).map_err(|_| {
            anyhow!(
                "no PostgreSQL server to measure on, see above. If none is installed: `apt-get install postgresql` \
                 (Debian, Ubuntu), `dnf install postgresql-server` (Fedora); or set DUROXIDE_PG_BIN to the directory \
                 with initdb, postgres, pg_basebackup and psql"
            )
        })
    }

    /// Makes a database for a store.
    pub(in crate::store) fn create(&self) -> anyhow::Result<Store<'_>> {
        let database = self.primary.create_database();
        // What earlier stores left to write is not for the next to wait for.
        self.primary.try_psql("postgres", "CHECKPOINT").map_err(anyhow::Error::msg)?;
        Ok(Store { servers: self, database, filled: None })
    }

    /// Each with what it is.
    pub(in crate::store) fn all(&self) -> impl Iterator<Item = (&'static str, &Server)> {
        std::iter::once(("primary", &self.primary))
            .chain(self.standby.iter().map(|server| ("standby", server)))
    }

    pub(in crate::store) fn describe(&self) -> String {
        let version = self.primary.psql("postgres", "SHOW server_version");
        let version = version.split(' ').next().unwrap_or_default();
        let driver = match self.driver {
            Driver::DuroxidePg => "duroxide-pg",
            Driver::DuroxidePgOpt => "duroxide-pg-opt",
        };
        let standby = if self.standby.is_some() { ", the exporter on a hot standby" } else { "" };
        format!("{driver} on PostgreSQL {version}, shared_buffers 256MB, fsync off{standby}")
    }
}
