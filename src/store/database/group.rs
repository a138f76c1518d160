//! Rows of a queue table that are in one state, and how they add up to the numbers of a queue.

use std::collections::HashSet;
use std::sync::Arc;

use crate::labels::MessageState;
use crate::source::QueueStats;

/// Some rows of one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Group {
    pub(in crate::store) state: MessageState,
    pub(in crate::store) count: u64,
    /// Since when the oldest of them is visible.
    pub(in crate::store) since_ms: Option<i64>,
    /// When the first of their leases ends.
    pub(in crate::store) lease_end_ms: Option<i64>,
    pub(in crate::store) retrying: u64,
    pub(in crate::store) max_attempts: u64,
}

impl Group {
    /// Fetchable and blocked rows wait; sleeping and leased ones do not.
    pub(in crate::store) fn waiting_since(&self) -> Option<i64> {
        (self.state.is_fetchable() || self.state == MessageState::Blocked).then_some(self.since_ms).flatten()
    }

    pub(in crate::store) fn add_to(&self, stats: &mut QueueStats) {
        if let Some(cell) = stats.messages.as_mut().and_then(|messages| messages.get_mut(self.state.index()))
        {
            *cell += self.count;
        }
        if self.state.is_fetchable() {
            stats.fetchable = stats.fetchable.map(|rows| rows + self.count);
        }
        stats.oldest_ready_since_ms = earliest(stats.oldest_ready_since_ms, self.waiting_since());
        if self.state == MessageState::LeaseExpired {
            stats.oldest_expired_since_ms = earliest(stats.oldest_expired_since_ms, self.lease_end_ms);
        }
        stats.retrying += self.retrying;
        stats.max_attempts = stats.max_attempts.max(self.max_attempts);
    }
}

/// Names, each of them once: many rows share a few.
#[derive(Default)]
pub(in crate::store) struct Names(HashSet<Arc<str>>);

impl Names {
    pub(in crate::store) fn get(&mut self, name: &Arc<str>) -> Arc<str> {
        if let Some(known) = self.0.get(name) {
            return Arc::clone(known);
        }
        self.0.insert(Arc::clone(name));
        Arc::clone(name)
    }
}

/// The state whose number SQL yielded. The statements yield no other.
pub(in crate::store) fn state_at(index: i64) -> MessageState {
    let state = MessageState::ALL.iter().copied().find(|state| state.index() as i64 == index);
    state.unwrap_or(MessageState::Delayed)
}

/// A queue without rows.
pub(in crate::store) fn empty() -> QueueStats {
    QueueStats { messages: Some([0; 5]), fetchable: Some(0), ..QueueStats::default() }
}

pub(in crate::store) fn earliest(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    [a, b].into_iter().flatten().min()
}

pub(in crate::store) fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}
