//! One read of a store: one read-only transaction, a moment.

use std::time::{Duration, Instant};

use super::connection::{Begin, Connection, GRACE, Purpose, Transaction, hangs};
use super::error;
use super::schema::Schema;
use super::session::Sessions;
use super::sql::millis;
use super::standby::{Memory, ReplicaTime, Server};
use crate::labels::FailureReason;
use crate::store::database::failure::StoreError;
use crate::store::url::PostgresUrl;

/// A statement may take this much longer than the whole read: half of the time after which the server is given up.
const SLACK: Duration = Duration::from_millis(500);

/// Readers wait for no other lock than that of a schema change, and for that one not long. A change that takes several
/// tables may wait for one that is being read while it holds the next to be read: the server would end it after a second
/// (`deadlock_timeout`), and by then the reader must have given way. Half of the time there is at most, so that it is the lock
/// that is told, not the time.
const LOCK_TIMEOUT: Duration = Duration::from_millis(200);

/// Between two looks at a standby that was not seen before. Replay is rarely behind by more.
const MOMENT: Duration = Duration::from_millis(50);

/// Reads one store, one read at a time, over one connection.
pub(super) struct Reader {
    connection: Connection,
    memory: Memory,
    sessions: Sessions,
}

/// The store at one moment: an open read transaction.
pub(super) struct Snapshot {
    transaction: Transaction,
    deadline: Instant,
    /// Up to when the server lets a statement run that begins now.
    due: Instant,
    /// What the server lets a statement take now.
    allowed: Duration,
    pub(super) schema: Schema,
    pub(super) moment: ReplicaTime,
    /// The server's clock less ours.
    pub(super) skew_ms: i64,
    /// Whether the store may be another than at the read before: another server, database or run of it.
    pub(super) fresh: bool,
    /// Whether a pooler stands between.
    pub(super) pooled: bool,
}

impl Snapshot {
    /// Whether the store was made after a moment by this machine's clock.
    pub(super) fn made_since(&self, since_ms: i64) -> bool {
        self.schema.made_ms > Some(since_ms.saturating_add(self.skew_ms))
    }

    pub(super) fn transaction(&mut self) -> &mut Transaction {
        &mut self.transaction
    }

    /// Lets the server interrupt statements that come now at the end of the whole read's time. Called before each that
    /// may take long: the server's limit is for one statement.
    pub(super) async fn allow(&mut self) -> Result<&mut Transaction, StoreError> {
        let now = Instant::now();
        // Not asked for again while it would change next to nothing.
        if now + self.allowed > self.deadline + SLACK || now + self.allowed < self.deadline {
            return self.allow_until(self.deadline).await;
        }
        Ok(&mut self.transaction)
    }

    /// The same, at `deadline` if that is earlier.
    pub(super) async fn allow_until(&mut self, deadline: Instant) -> Result<&mut Transaction, StoreError> {
        self.due = deadline.min(self.deadline);
        self.allowed = self.due.saturating_duration_since(Instant::now());
        // 0 would be no limit.
        let limit = format!("SET LOCAL statement_timeout = {}", self.allowed.as_millis().max(1));
        self.transaction.simple(&limit).await?;
        Ok(&mut self.transaction)
    }
}

impl Reader {
    pub(super) fn new(url: PostgresUrl) -> Self {
        Self { connection: Connection::new(url), memory: Memory::default(), sessions: Sessions::default() }
    }

    /// Begins a read transaction: everything in it is interrupted after `limit`.
    pub(super) async fn begin(&mut self, limit: Duration) -> Result<Snapshot, StoreError> {
        let deadline = Instant::now() + limit;
        let mut transaction = self.connection.begin(begin(Purpose::Ask, deadline)).await?;
        let taken = tokio::time::timeout(limit + GRACE, self.take_snapshot(&mut transaction, deadline)).await;
        match taken.unwrap_or_else(|_| Err(hangs(limit))) {
            Ok(Taken { schema, moment, skew_ms, fresh }) => {
                let pooled = self.sessions.pooled;
                let (due, allowed) = (deadline, limit);
                Ok(Snapshot { transaction, deadline, due, allowed, schema, moment, skew_ms, fresh, pooled })
            }
            Err(failure) => {
                let failure = error::interrupted(failure, is_past(deadline));
                let kept = transaction.connected_for().is_none();
                self.connection.roll_back(transaction).await;
                // A new connection will do.
                let passing = kept && failure.reason == FailureReason::Unavailable;
                Err(if passing { failure.passing() } else { failure })
            }
        }
    }

    /// Waits for the work of a read, but not for a server that hangs.
    pub(super) async fn guard<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        tokio::time::timeout(limit + GRACE, work).await.unwrap_or_else(|_| Err(hangs(limit)))
    }

    /// Ends the transaction.
    pub(super) async fn end<T>(
        &mut self,
        snapshot: Snapshot,
        answer: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let answer = answer.map_err(|failure| error::interrupted(failure, is_past(snapshot.due)));
        self.connection.roll_back(snapshot.transaction).await;
        answer
    }

    async fn take_snapshot(
        &mut self,
        transaction: &mut Transaction,
        deadline: Instant,
    ) -> Result<Taken, StoreError> {
        let mut server = Server::ask(transaction).await?;
        if server.deserves_another_look(&mut self.memory) {
            tokio::time::sleep(MOMENT).await;
            server = Server::ask(transaction).await?;
        }
        let fresh = self.sessions.add(server.session.clone(), transaction.connected_for());
        transaction.then(begin(Purpose::Read, deadline)).await?;
        // The snapshot is taken by then; the clock is read after that, so that nothing in the snapshot is from the future.
        let schema = Schema::probe(transaction, self.connection.url().schema()).await?;
        let clock_ms: i64 = sqlx::query_scalar(&format!("SELECT {}", millis("clock_timestamp()")))
            .fetch_one(&mut *transaction)
            .await?;
        let newest_ms = if server.tells_no_time(&self.memory) {
            let newest = format!("SELECT {} FROM {schema}.instances", millis("MAX(updated_at)"));
            sqlx::query_scalar(&newest).fetch_one(transaction).await?
        } else {
            None
        };
        let moment = server.moment(&mut self.memory, clock_ms, newest_ms);
        Ok(Taken { schema, moment, skew_ms: server.skew_ms, fresh })
    }
}

/// Whether the server's timer may have run out. It counts from when a statement arrives, in milliseconds.
fn is_past(due: Instant) -> bool {
    Instant::now() + Duration::from_millis(5) >= due
}

/// What a snapshot is of.
struct Taken {
    schema: Schema,
    moment: ReplicaTime,
    skew_ms: i64,
    fresh: bool,
}

fn begin(purpose: Purpose, deadline: Instant) -> Begin {
    let left = deadline.saturating_duration_since(Instant::now());
    Begin { purpose, deadline, lock: LOCK_TIMEOUT.min(left / 2) }
}
