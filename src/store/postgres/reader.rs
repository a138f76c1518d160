//! One read of a store, whoever asks: a connection, one read-only transaction, a moment.

use std::time::{Duration, Instant};

use sqlx::Executor;
use sqlx::postgres::PgConnection;

use super::error;
use super::open::open;
use super::schema::Schema;
use super::sql::millis;
use super::standby::{Memory, Moment, Server};
use crate::labels::FailureReason;
use crate::store::database::failure::Failure;
use crate::store::url::PostgresUrl;

/// What the server interrupts is over by then; a server that does not even do that is given up.
const GRACE: Duration = Duration::from_secs(1);

/// A statement may take this much longer than the whole read: half of the time after which the server is given up.
const SLACK: Duration = Duration::from_millis(500);

/// Readers wait for no other lock than that of a schema change, and for that one not long. A change that takes several
/// tables may wait for one that is being read while it holds the next to be read: the server would end it after a second
/// (`deadlock_timeout`), and by then the reader must have given way. Half of the time there is at most, so that it is the lock
/// that is told, not the time.
const LOCK_TIMEOUT: Duration = Duration::from_millis(200);

/// A policy that hides rows fails a read instead of making its counts wrong; one process of the server is enough for us,
/// and compiling a statement costs more than it saves.
const SETTINGS: &str =
    "SET LOCAL row_security = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off";

/// Reads one store, one read at a time, over one connection.
pub(super) struct Reader {
    url: PostgresUrl,
    memory: Memory,
    /// Kept between reads: making one costs the server a process.
    open: Option<PgConnection>,
}

/// The store at one moment: an open read transaction.
pub(super) struct Snapshot {
    connection: PgConnection,
    deadline: Instant,
    /// What the server lets a statement take now.
    allowed: Duration,
    pub(super) schema: Schema,
    pub(super) moment: Moment,
    /// The server's clock less ours.
    pub(super) skew_ms: i64,
    /// Whether this connection was made for this read: then the store may be another than before.
    pub(super) fresh: bool,
}

impl Snapshot {
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Lets the server interrupt statements that come now at the end of the whole read's time. Called before each that
    /// may take long: the server's limit is for one statement.
    pub(super) async fn allow(&mut self) -> Result<&mut PgConnection, Failure> {
        let now = Instant::now();
        // Not asked for again while it would change next to nothing.
        if now + self.allowed > self.deadline + SLACK || now + self.allowed < self.deadline {
            self.allowed = self.deadline.saturating_duration_since(now);
            limit_statement(&mut self.connection, self.allowed).await?;
        }
        Ok(&mut self.connection)
    }

    /// The same, at `deadline` if that is earlier.
    pub(super) async fn allow_until(&mut self, deadline: Instant) -> Result<&mut PgConnection, Failure> {
        self.allowed = deadline.min(self.deadline).saturating_duration_since(Instant::now());
        limit_statement(&mut self.connection, self.allowed).await?;
        Ok(&mut self.connection)
    }
}

async fn limit_statement(connection: &mut PgConnection, left: Duration) -> Result<(), Failure> {
    // 0 would be no limit.
    let limit = format!("SET LOCAL statement_timeout = {}", left.as_millis().max(1));
    connection.execute(sqlx::raw_sql(&limit)).await?;
    Ok(())
}

impl Reader {
    pub(super) fn new(url: PostgresUrl) -> Self {
        Self { url, memory: Memory::default(), open: None }
    }

    /// Begins a read transaction: everything in it is interrupted after `limit`.
    pub(super) async fn begin(&mut self, limit: Duration) -> Result<Snapshot, Failure> {
        let deadline = Instant::now() + limit;
        let (mut connection, fresh) = match self.open.take() {
            Some(connection) => (connection, false),
            None => (open(&self.url, limit).await?, true),
        };
        let begun = tokio::time::timeout(limit + GRACE, self.take_snapshot(&mut connection, deadline)).await;
        match begun.unwrap_or_else(|_| Err(hangs(limit))) {
            Ok((schema, moment, skew_ms)) => {
                Ok(Snapshot { connection, deadline, allowed: limit, schema, moment, skew_ms, fresh })
            }
            // A server that was restarted, or a pooler that ends what is idle: a new connection will do.
            Err(failure) if !fresh && failure.reason == FailureReason::Unavailable => Err(failure.passing()),
            Err(failure) => {
                self.keep(connection, error::is_an_answer(&failure)).await;
                Err(failure)
            }
        }
    }

    /// Waits for the work of a read, but not for a server that hangs.
    pub(super) async fn guard<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::time::timeout(limit + GRACE, work).await.unwrap_or_else(|_| Err(hangs(limit)))
    }

    /// Ends the transaction.
    pub(super) async fn end<T>(
        &mut self,
        snapshot: Snapshot,
        answer: Result<T, Failure>,
    ) -> Result<T, Failure> {
        let Snapshot { mut connection, .. } = snapshot;
        match answer {
            Ok(answer) => {
                if end_transaction(&mut connection).await {
                    self.open = Some(connection);
                }
                Ok(answer)
            }
            Err(failure) => {
                self.keep(connection, error::is_an_answer(&failure)).await;
                Err(failure)
            }
        }
    }

    /// Keeps a connection that is still good after a failure. What is dropped is closed: the server gives up what it
    /// was doing for it at its own limit.
    async fn keep(&mut self, mut connection: PgConnection, good: bool) {
        if good && end_transaction(&mut connection).await {
            self.open = Some(connection);
        }
    }

    async fn take_snapshot(
        &mut self,
        connection: &mut PgConnection,
        deadline: Instant,
    ) -> Result<(Schema, Moment, i64), Failure> {
        let server = Server::ask(connection).await?;
        let left = deadline.saturating_duration_since(Instant::now()).as_millis().max(1);
        let lock = LOCK_TIMEOUT.as_millis().min(left / 2).max(1);
        let idle = left + 2 * GRACE.as_millis();
        let begin = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
             SET LOCAL statement_timeout = {left}; SET LOCAL lock_timeout = {lock}; \
             SET LOCAL idle_in_transaction_session_timeout = {idle}; {SETTINGS}"
        );
        connection.execute(sqlx::raw_sql(&begin)).await?;
        // The first statement takes the snapshot; the clock is read after that, so that nothing in the snapshot is from
        // the future.
        let schema = Schema::probe(connection, self.url.schema()).await?;
        let clock_ms: i64 = sqlx::query_scalar(&format!("SELECT {}", millis("clock_timestamp()")))
            .persistent(false)
            .fetch_one(&mut *connection)
            .await?;
        let newest_ms = if server.tells_no_time(&self.memory) {
            sqlx::query_scalar(&format!("SELECT {} FROM instances", millis("MAX(updated_at)")))
                .persistent(false)
                .fetch_one(&mut *connection)
                .await?
        } else {
            None
        };
        let moment = server.moment(&mut self.memory, clock_ms, newest_ms);
        Ok((schema, moment, server.skew_ms))
    }
}

/// Whether the connection can be used again.
async fn end_transaction(connection: &mut PgConnection) -> bool {
    let ended = connection.execute(sqlx::raw_sql("ROLLBACK"));
    matches!(tokio::time::timeout(GRACE, ended).await, Ok(Ok(_)))
}

fn hangs(limit: Duration) -> Failure {
    Failure::new(
        FailureReason::Timeout,
        format!("no answer within {limit:?}: the server or the network hangs"),
    )
}
