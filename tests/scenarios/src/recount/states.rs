//! The state of one queue row, written from the definitions alone.

use duroxide::providers::WorkItem;

use super::rows::{Lock, Message, Rows, Rules};

/// State of a queue row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Visible now, not leased.
    Ready,
    /// Visible, but its instance is being executed.
    Blocked,
    /// Visible later.
    Delayed,
    /// Leased, lease valid.
    InFlight,
    /// Leased, lease over.
    LeaseExpired,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Ready, Self::Blocked, Self::Delayed, Self::InFlight, Self::LeaseExpired];

    /// As the label says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Blocked => "blocked",
            Self::Delayed => "delayed",
            Self::InFlight => "in_flight",
            Self::LeaseExpired => "lease_expired",
        }
    }

    /// Whether the provider hands such a row out.
    pub fn fetchable(self) -> bool {
        matches!(self, Self::Ready | Self::LeaseExpired)
    }

    /// Whether such a row is late: somebody should be working on it.
    pub(super) fn waiting(self) -> bool {
        self.fetchable() || self == Self::Blocked
    }
}

/// Which table a row is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// `orchestrator_queue`: leases are in `instance_locks`, on Postgres also in the row.
    Orchestrator,
    /// `worker_queue`: leases are in the row.
    Worker,
}

/// A row, its state and the end of the lease that decided it.
#[derive(Debug, Clone, Copy)]
pub struct Classified<'a> {
    /// The row.
    pub message: &'a Message,
    /// Its state.
    pub state: State,
    /// End of the lease, when the state is one of a lease.
    pub lease_end: Option<i64>,
}

impl Rows {
    /// All rows of a table with their states.
    pub fn classified(&self, table: Table, now_ms: i64) -> Vec<Classified<'_>> {
        let messages = match table {
            Table::Orchestrator => &self.orchestrator,
            Table::Worker => &self.worker,
        };
        let classified = messages.iter().map(|message| {
            let lock = self.locks.get(&message.instance);
            let (state, lease_end) = match (table, self.rules) {
                (Table::Orchestrator, Rules::Sqlite) => orchestrator(message, lock, now_ms),
                (Table::Orchestrator, Rules::Postgres) => orchestrator_of_postgres(message, lock, now_ms),
                (Table::Worker, _) => worker(message, now_ms),
            };
            Classified { message, state, lease_end }
        });
        classified.collect()
    }
}

/// A token in the row means nothing by itself: an abandoned turn leaves it there.
fn orchestrator(message: &Message, lock: Option<&Lock>, now_ms: i64) -> (State, Option<i64>) {
    let locked = lock.is_some_and(|lock| lock.until > now_ms);
    let of_this_turn = lock.filter(|lock| message.lock_token.as_deref() == Some(lock.token.as_str()));
    match (message.visible(now_ms), locked, of_this_turn) {
        (_, true, Some(lock)) => (State::InFlight, Some(lock.until)),
        (false, _, _) => (State::Delayed, None),
        (true, true, None) => (State::Blocked, None),
        (true, false, Some(lock)) => (State::LeaseExpired, Some(lock.until)),
        (true, false, None) => (State::Ready, None),
    }
}

/// A turn takes rows that nobody holds, or whose lease in the row is over; and none while its instance is locked.
/// The lease of a turn is renewed in both places by one statement after the other.
fn orchestrator_of_postgres(message: &Message, lock: Option<&Lock>, now_ms: i64) -> (State, Option<i64>) {
    let locked = lock.is_some_and(|lock| lock.until > now_ms);
    let of_this_turn = lock.is_some_and(|lock| message.lock_token.as_deref() == Some(lock.token.as_str()));
    let held = message.lock_token.is_some() && message.locked_until.is_none_or(|until| until > now_ms);
    if held || (locked && of_this_turn) {
        (State::InFlight, message.locked_until)
    } else if !message.visible(now_ms) {
        (State::Delayed, None)
    } else if locked {
        (State::Blocked, None)
    } else if message.lock_token.is_some() {
        (State::LeaseExpired, message.locked_until)
    } else {
        (State::Ready, None)
    }
}

/// A token without an end of its lease never expires: the provider does not hand such a row out.
fn worker(message: &Message, now_ms: i64) -> (State, Option<i64>) {
    let leased = message.lock_token.is_some();
    let over = message.locked_until.is_some_and(|until| until <= now_ms);
    match (leased, over, message.visible(now_ms)) {
        (true, false, _) => (State::InFlight, message.locked_until),
        (_, _, false) => (State::Delayed, None),
        (true, true, true) => (State::LeaseExpired, message.locked_until),
        (false, _, true) => (State::Ready, None),
    }
}

impl Message {
    /// Whether the row may be handed out as far as its time goes.
    pub(super) fn visible(&self, now_ms: i64) -> bool {
        self.visible_at.is_some_and(|at| at <= now_ms)
    }

    /// Since when it has been waiting.
    pub(super) fn waiting_since(&self) -> i64 {
        self.visible_at.max(self.created_at).unwrap_or_default()
    }

    /// The work item, if the framework can read it.
    pub fn decoded(&self) -> Option<WorkItem> {
        serde_json::from_str(&self.work_item).ok().filter(|_| self.utf8)
    }

    /// What is inside the work item, also when the framework cannot read it: `(kind, fields)`.
    pub(super) fn parts(&self) -> Option<(String, serde_json::Value)> {
        let serde_json::Value::Object(item) = serde_json::from_str(&self.work_item).ok()? else {
            return None;
        };
        item.into_iter().next()
    }
}
