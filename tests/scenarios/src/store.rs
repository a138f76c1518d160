//! A store of any kind the framework has a provider for, and what tests need of each of them.

use std::{
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use duroxide::providers::{Provider, sqlite::SqliteProvider};

use crate::{
    pooler,
    sql::{self, Connection},
};

/// Where a store is. A path is one of SQLite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// The file of the framework's own provider.
    Sqlite(PathBuf),
    /// A schema of a Postgres database.
    Postgres(Postgres),
}

/// A schema of a Postgres database, and which of the two providers it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postgres {
    /// The database, as `postgres://user:password@host:port/name`.
    pub database: String,
    /// The schema with the framework's tables.
    pub schema: String,
    /// Who writes it.
    pub by: By,
}

/// The framework's Postgres providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// `duroxide-pg`.
    DuroxidePg,
    /// `duroxide-pg-opt`.
    DuroxidePgOpt,
}

impl Store {
    /// Opens it with its real provider, which creates what is not there.
    pub async fn provider(&self) -> Arc<dyn Provider> {
        match self {
            Self::Sqlite(path) => {
                let url = format!("sqlite:{}?mode=rwc", path.display());
                Arc::new(SqliteProvider::new(&url, None).await.expect("the provider opens the store"))
            }
            Self::Postgres(Postgres { database, schema, by: By::DuroxidePg }) => {
                let provider = duroxide_pg::PostgresProvider::new_with_schema(database, Some(schema));
                Arc::new(provider.await.expect("the provider opens the store"))
            }
            Self::Postgres(Postgres { database, schema, by: By::DuroxidePgOpt }) => {
                let provider = duroxide_pg_opt::PostgresProvider::new_with_schema(database, Some(schema));
                Arc::new(provider.await.expect("the provider opens the store"))
            }
        }
    }

    /// As the exporter is told where it is.
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres(Postgres { database, schema, .. }) => {
                format!("{}?schema={schema}", pooler::through(database))
            }
        }
    }

    /// As another process is told where it is.
    pub fn arguments(&self) -> Vec<OsString> {
        match self {
            Self::Sqlite(path) => vec![path.clone().into()],
            Self::Postgres(Postgres { database, schema, .. }) => {
                vec![database.into(), schema.into(), self.to_string().into()]
            }
        }
    }

    /// What another process was told.
    pub fn from_arguments(arguments: &[OsString]) -> Self {
        let texts: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
        match (arguments, texts.as_slice()) {
            ([path], _) => Self::Sqlite(path.into()),
            (_, [database, schema, by]) => {
                let by = if by == "duroxide-pg" { By::DuroxidePg } else { By::DuroxidePgOpt };
                Self::Postgres(Postgres { database: database.to_string(), schema: schema.to_string(), by })
            }
            _ => panic!("{texts:?} is no store"),
        }
    }

    /// A connection that may write.
    pub async fn connect(&self) -> Connection {
        match self {
            Self::Sqlite(path) => Connection::Sqlite(sql::connect(path).await),
            Self::Postgres(postgres) => Connection::Postgres(sql::postgres::connect(postgres).await),
        }
    }

    /// A moment as the queues store it, for a statement.
    pub fn moment(&self, ms: i64) -> String {
        match self {
            Self::Sqlite(_) => ms.to_string(),
            Self::Postgres(_) => sql::postgres::moment(ms),
        }
    }

    /// A moment as the columns `created_at` and the like store it, for a statement.
    pub fn time(&self, ms: i64) -> String {
        match self {
            // The format the tables' default writes: text, whole seconds, UTC.
            Self::Sqlite(_) => format!("datetime({}, 'unixepoch')", ms / 1000),
            Self::Postgres(_) => sql::postgres::moment(ms),
        }
    }

    /// The schema it is.
    pub fn postgres(&self) -> &Postgres {
        match self {
            Self::Sqlite(path) => panic!("{} is no Postgres store", path.display()),
            Self::Postgres(postgres) => postgres,
        }
    }

    /// Whether the states of its rows are those of Postgres.
    pub fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(_) => f.write_str("sqlite"),
            Self::Postgres(Postgres { by: By::DuroxidePg, .. }) => f.write_str("duroxide-pg"),
            Self::Postgres(Postgres { by: By::DuroxidePgOpt, .. }) => f.write_str("duroxide-pg-opt"),
        }
    }
}

impl From<&Path> for Store {
    fn from(path: &Path) -> Self {
        Self::Sqlite(path.to_owned())
    }
}

impl From<&PathBuf> for Store {
    fn from(path: &PathBuf) -> Self {
        Self::Sqlite(path.clone())
    }
}

impl From<&Self> for Store {
    fn from(store: &Self) -> Self {
        store.clone()
    }
}
