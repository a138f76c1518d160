//! A connection that can only be queried inside a transaction.
//!
//! A pooler in transaction mode lends a connection of the server for one transaction. Outside of one, a statement and its
//! parameters may reach different connections, and so a statement that another client prepared; and what is set for the
//! session stays behind for others. Neither can be written here: a [`Connection`] does nothing but begin, every statement
//! goes through a [`Transaction`] and is prepared without a name, and all settings are `SET LOCAL`, in the message that
//! begins it.
//!
//! Only what the server comes with is found without its schema (`search_path = pg_catalog, pg_temp`): functions, operators
//! and types that somebody made in the store's schema, or in any other, are not. Tables are named with their schema.

use std::fmt::{self, Debug, Formatter};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use sqlx::postgres::{PgArguments, PgConnection, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{Connection as _, Describe, Either, Execute, Executor, Postgres};

use super::open::open;
use crate::labels::FailureReason;
use crate::store::database::failure::StoreError;
use crate::store::url::PostgresUrl;

/// What the server interrupts is over by then; a server that does not even do that is given up.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// What is set in every transaction. Another client of a pool may have left another role behind; `DEFAULT` is that of the
/// login.
const ALWAYS: &str = "SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL role TO DEFAULT";

/// What is set where only is read. A policy that hides rows fails a read instead of making its counts wrong; one process of
/// the server is enough for us, and compiling a statement costs more than it saves. A table that becomes a view after it was
/// looked at is not read either, where the server can be told so (15.8 and its like).
const READING: &str = "SET LOCAL row_security = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off; \
     SELECT set_config('restrict_nonsystem_relation_kind', 'view', true) \
     WHERE current_setting('restrict_nonsystem_relation_kind', true) IS NOT NULL";

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Each statement sees what is there when it begins.
    Ask,
    /// All statements see one moment: that of the first.
    Read,
    Write,
}

/// How a transaction begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begin {
    pub(super) purpose: Purpose,
    /// When it must be over: a statement is interrupted then, and a connection given up a little later.
    pub(super) deadline: Instant,
    /// How long a statement waits for a lock.
    pub(super) lock: Duration,
}

impl Begin {
    fn sql(self) -> String {
        let Self { purpose, deadline, lock } = self;
        let (mode, settings) = match purpose {
            Purpose::Ask => ("READ COMMITTED, READ ONLY", READING),
            Purpose::Read => ("REPEATABLE READ, READ ONLY", READING),
            Purpose::Write => ("READ COMMITTED", ""),
        };
        // 0 would be no limit.
        let limit = left(deadline).as_millis().max(1);
        let lock = lock.as_millis().max(1);
        let idle = limit + 2 * GRACE.as_millis();
        format!(
            "BEGIN ISOLATION LEVEL {mode}; {ALWAYS}; SET LOCAL statement_timeout = {limit}; SET LOCAL lock_timeout = {lock}; \
             SET LOCAL idle_in_transaction_session_timeout = {idle}; {settings}"
        )
    }
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// A connection, kept between transactions: making one costs the server a process.
pub(super) struct Connection {
    url: PostgresUrl,
    /// In no transaction.
    kept: Option<PgConnection>,
}

impl Connection {
    /// Connects when it is first needed.
    pub(super) fn new(url: PostgresUrl) -> Self {
        Self { url, kept: None }
    }

    pub(super) fn url(&self) -> &PostgresUrl {
        &self.url
    }

    /// Begins a transaction.
    ///
    /// Whatever ended a kept connection since its last transaction (a limit of idleness, a restart, a pooler, a firewall that
    /// forgot it) says nothing about the server now: then it goes over a new one, whose failure counts.
    pub(super) async fn begin(&mut self, begin: Begin) -> Result<Transaction, StoreError> {
        if let Some(kept) = self.kept.take() {
            let begun = tokio::time::timeout(left(begin.deadline) / 2, Transaction::begin(kept, begin)).await;
            if let Ok(Ok(transaction)) = begun {
                return Ok(transaction);
            }
        }
        let limit = left(begin.deadline);
        let connected = Instant::now();
        let connection = open(&self.url, limit).await?;
        let begun = tokio::time::timeout(limit + GRACE, Transaction::begin(connection, begin)).await;
        let transaction = begun.unwrap_or_else(|_| Err(hangs(limit)))?;
        Ok(Transaction { connected: Some(connected), ..transaction })
    }

    /// Commits, and keeps the connection.
    pub(super) async fn commit(&mut self, mut transaction: Transaction) -> Result<(), StoreError> {
        transaction.simple("COMMIT").await?;
        self.kept = Some(transaction.inner);
        Ok(())
    }

    /// Ends a transaction that wrote nothing or shall have written nothing. A connection that does not answer is not kept;
    /// the server gives up what it was doing for it at its own limit.
    pub(super) async fn roll_back(&mut self, mut transaction: Transaction) {
        let ended = transaction.simple("ROLLBACK");
        if matches!(tokio::time::timeout(GRACE, ended).await, Ok(Ok(()))) {
            self.kept = Some(transaction.inner);
        }
    }

    pub(super) async fn close(self) {
        if let Some(kept) = self.kept {
            // Closed by the server if not by us.
            let _ = tokio::time::timeout(GRACE, kept.close()).await;
        }
    }
}

/// An open transaction, through which all statements go. Dropped, it ends with its connection.
pub(super) struct Transaction {
    inner: PgConnection,
    /// When its connection was being made, if it was made for this transaction.
    connected: Option<Instant>,
}

impl Transaction {
    async fn begin(inner: PgConnection, begin: Begin) -> Result<Self, StoreError> {
        let mut transaction = Self { inner, connected: None };
        transaction.simple(&begin.sql()).await?;
        Ok(transaction)
    }

    /// Ends this transaction and begins another in one message: so it is the same server, and the same process of it, whoever
    /// stands between.
    pub(super) async fn then(&mut self, begin: Begin) -> Result<(), StoreError> {
        self.simple(&format!("COMMIT; {}", begin.sql())).await
    }

    /// For how long its connection has been there at most, if it was made for this transaction.
    pub(super) fn connected_for(&self) -> Option<Duration> {
        self.connected.map(|connected| connected.elapsed())
    }

    /// Statements without parameters and rows, in one message.
    pub(super) async fn simple(&mut self, sql: &str) -> Result<(), StoreError> {
        self.execute(sqlx::raw_sql(sql)).await?;
        Ok(())
    }
}

pub(super) fn hangs(limit: Duration) -> StoreError {
    StoreError::new(
        FailureReason::Timeout,
        format!("no answer within {limit:?}: the server or the network hangs"),
    )
}

impl Debug for Transaction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Transaction")
    }
}

impl<'c> Executor<'c> for &'c mut Transaction {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        self.inner.fetch_many(Unnamed(query))
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        self.inner.fetch_optional(Unnamed(query))
    }

    fn prepare_with<'e, 'q: 'e>(
        self,
        _: &'q str,
        _: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement<'q>, sqlx::Error>>
    where
        'c: 'e,
    {
        Box::pin(async { Err(named()) })
    }

    fn describe<'e, 'q: 'e>(self, _: &'q str) -> BoxFuture<'e, Result<Describe<Postgres>, sqlx::Error>>
    where
        'c: 'e,
    {
        Box::pin(async { Err(named()) })
    }
}

fn named() -> sqlx::Error {
    sqlx::Error::Protocol("statements are not prepared by name here".to_owned())
}

/// A statement that leaves no name in the server's session.
struct Unnamed<E>(E);

impl<'q, E: Execute<'q, Postgres>> Execute<'q, Postgres> for Unnamed<E> {
    fn sql(&self) -> &'q str {
        self.0.sql()
    }

    fn statement(&self) -> Option<&PgStatement<'q>> {
        self.0.statement()
    }

    fn take_arguments(&mut self) -> Result<Option<PgArguments>, sqlx::error::BoxDynError> {
        self.0.take_arguments()
    }

    fn persistent(&self) -> bool {
        false
    }
}
