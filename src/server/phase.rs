//! What a connection is at: whether it waits for its client, and since when.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A client that takes an answer has so long before its place can go to another.
const TAKING: Duration = Duration::from_secs(5);

/// Shared by the connection's task, its stream, and whoever looks for a place.
#[derive(Clone)]
pub(super) struct Phase(Arc<Mutex<(At, Instant)>>);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// Nothing has been asked on it yet.
    New,
    /// A request is being answered.
    Work,
    /// The client takes the answer.
    Answer,
    /// It was answered, and may ask again.
    Idle,
}

impl Phase {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new((At::New, Instant::now()))))
    }

    pub(super) fn enter(&self, at: At) {
        *self.lock() = (at, Instant::now());
    }

    /// All that was written has been taken.
    pub(super) fn flushed(&self) {
        let mut phase = self.lock();
        if phase.0 == At::Answer {
            *phase = (At::Idle, Instant::now());
        }
    }

    pub(super) fn is_new(&self) -> bool {
        self.lock().0 == At::New
    }

    /// Since when it waits for its client. `None` while that is no reason to close it. Bytes that come one by one make no
    /// difference.
    pub(super) fn waits_since(&self, now: Instant) -> Option<Instant> {
        let (at, since) = *self.lock();
        match at {
            At::New | At::Idle => Some(since),
            At::Answer => Some(since).filter(|since| now.saturating_duration_since(*since) >= TAKING),
            At::Work => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, (At, Instant)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
