//! New stores of every kind, for tests that run over each of them.

use std::sync::{
    OnceLock,
    atomic::{AtomicU32, Ordering},
};

use cluster::Server;

use crate::{
    disk,
    files::Scratch,
    sql,
    store::{By, Postgres, Store},
};

/// A kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file of the framework's own provider.
    Sqlite,
    /// A schema of `duroxide-pg`.
    DuroxidePg,
    /// A schema of `duroxide-pg-opt`.
    DuroxidePgOpt,
}

/// Every kind.
pub const ALL: [Kind; 3] = [Kind::Sqlite, Kind::DuroxidePg, Kind::DuroxidePgOpt];

/// The kinds that the exporter reads.
pub const EXPORTED: &[Kind] = &ALL;

/// Tests out of functions of a [`Kind`]: one for each kind, so that they run side by side and a failure names its kind.
#[macro_export]
macro_rules! over_every_store {
    ($($test:ident),* $(,)?) => {$(
        mod $test {
            use $crate::stores::Kind;

            #[tokio::test(flavor = "multi_thread")]
            async fn sqlite() {
                super::$test(Kind::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn duroxide_pg() {
                super::$test(Kind::DuroxidePg).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn duroxide_pg_opt() {
                super::$test(Kind::DuroxidePgOpt).await;
            }
        }
    )*};
}

/// A store of a test's own: the schema is there, and empty.
#[derive(Debug)]
pub struct Fresh {
    /// Where it is.
    pub store: Store,
    _scratch: Option<Scratch>,
}

impl Kind {
    /// Creates a store of this kind; one of Postgres in a database of its own on the server that all tests of this
    /// process share.
    pub async fn create(self) -> Fresh {
        let (by, schema) = match self {
            Self::Sqlite => {
                let scratch = Scratch::new();
                let store = Store::Sqlite(scratch.file("store.db"));
                let _created = store.provider().await;
                return Fresh { store, _scratch: Some(scratch) };
            }
            Self::DuroxidePg => (By::DuroxidePg, "_orders_2"),
            Self::DuroxidePgOpt => (By::DuroxidePgOpt, "public"),
        };
        let database = tokio::task::spawn_blocking(|| database(Server::shared())).await.expect("a database");
        let store = Postgres { database, schema: schema.to_owned(), by };
        let created = Store::Postgres(store.clone());
        let _created = created.provider().await;
        sql::postgres::accept_rows_by_hand(&store).await;
        Fresh { store: created, _scratch: None }
    }
}

impl Fresh {
    /// Another store with the same rows. Whoever has this one open loses the connection for a moment, where that is
    /// needed.
    pub async fn copy(&self) -> Self {
        match &self.store {
            Store::Sqlite(path) => {
                let scratch = Scratch::new();
                let copy = scratch.file("store.db");
                disk::copy_at_rest(path, &copy).await;
                Self { store: Store::Sqlite(copy), _scratch: Some(scratch) }
            }
            Store::Postgres(store) => {
                let original = store.name().to_owned();
                let database = tokio::task::spawn_blocking(move || copy(Server::shared(), &original)).await;
                let copy = Postgres { database: database.expect("a database"), ..store.clone() };
                Self { store: Store::Postgres(copy), _scratch: None }
            }
        }
    }

    /// The same store on the standby that all tests of this process share, once that shows everything.
    pub fn on_standby(&self) -> Store {
        let Store::Postgres(postgres) = &self.store else { panic!("files have no standby") };
        let standby = standby();
        standby.caught_up_with(Server::shared());
        Store::Postgres(postgres.on(standby))
    }
}

/// Streams from [`Server::shared`].
fn standby() -> &'static Server {
    static STANDBY: OnceLock<Server> = OnceLock::new();
    STANDBY.get_or_init(|| Server::shared().standby())
}

/// URL of a new database. Its texts sort as people of some language sort them, not as bytes, where the server was built
/// with ICU.
fn database(server: &Server) -> String {
    let name = new_name();
    let known = "select exists (select from pg_collation where collname = 'en-US-x-icu')";
    let icu = server.psql("postgres", known) == "t";
    let language = if icu { "template template0 locale_provider icu icu_locale 'en-US'" } else { "" };
    server.psql("postgres", &format!("create database {name} {language}"));
    server.url(&name)
}

/// URL of a new database with everything that is in another. Nobody may be connected to that one meanwhile.
fn copy(server: &Server, original: &str) -> String {
    let name = new_name();
    server.psql(
        "postgres",
        &format!(
            "alter database {original} allow_connections false;
             select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = '{original}';
             create database {name} template {original};
             alter database {original} allow_connections true;"
        ),
    );
    server.url(&name)
}

fn new_name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    format!("scenario_{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

impl Postgres {
    /// The name of its database.
    fn name(&self) -> &str {
        self.database.rsplit('/').next().expect("a name")
    }

    /// The same store on another server, a standby of the first.
    #[must_use]
    pub fn on(&self, standby: &Server) -> Self {
        Self { database: standby.url(self.name()), ..self.clone() }
    }
}
