//! Which message a lease is of: acknowledging, abandoning and renewing name a lease by its token alone.
//!
//! Filled only where spans are wanted. A lease leaves when it is settled or lost; those that nobody ends (their activities
//! were cancelled, say) leave when there are too many, the oldest first. No clock is asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::about::CallInfo;
#[cfg(feature = "otel")]
use super::about::Target;

/// Far more than a runtime works on at a time, also when it has just become the half.
const MOST: u64 = 4096;

/// What is known of a message that is being worked on.
#[derive(Debug)]
pub(super) struct Lease {
    instance: Option<String>,
    execution: Option<u64>,
    orchestration: Option<String>,
    activity: Option<String>,
    event: Option<u64>,
    attempt: Option<u32>,
    messages: Option<usize>,
    /// Kept because it is dear to compute.
    #[cfg(feature = "otel")]
    target: Option<Target>,
}

impl Lease {
    pub(super) fn of(about: &CallInfo<'_>) -> Self {
        Self {
            instance: about.instance.map(str::to_owned),
            execution: about.execution,
            orchestration: about.orchestration.map(str::to_owned),
            activity: about.activity.map(str::to_owned),
            event: about.event,
            attempt: about.attempt,
            messages: about.messages,
            #[cfg(feature = "otel")]
            target: about.target,
        }
    }

    pub(super) fn about(&self) -> CallInfo<'_> {
        CallInfo {
            instance: self.instance.as_deref(),
            execution: self.execution,
            orchestration: self.orchestration.as_deref(),
            activity: self.activity.as_deref(),
            event: self.event,
            attempt: self.attempt,
            messages: self.messages,
            #[cfg(feature = "otel")]
            target: self.target,
            ..CallInfo::NOTHING
        }
    }
}

/// The leases of one queue.
#[derive(Debug, Default)]
pub(super) struct Leases(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    /// By token; with a number that grows.
    leases: HashMap<String, (u64, Arc<Lease>)>,
    last: u64,
}

impl Held {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

impl Leases {
    pub(super) fn insert(&self, token: &str, lease: Lease) {
        let mut held = self.lock();
        let number = held.next();
        if held.leases.len() as u64 >= MOST {
            held.leases.retain(|_, (older, _)| *older + MOST / 2 > number);
        }
        held.leases.insert(token.to_owned(), (number, Arc::new(lease)));
    }

    pub(super) fn get(&self, token: &str) -> Option<Arc<Lease>> {
        self.lock().leases.get(token).map(|(_, lease)| Arc::clone(lease))
    }

    /// It goes on: it is as young as one that was just given.
    pub(super) fn renew(&self, token: &str) {
        let mut held = self.lock();
        let next = held.next();
        if let Some((number, _)) = held.leases.get_mut(token) {
            *number = next;
        }
    }

    pub(super) fn remove(&self, token: &str) {
        self.lock().leases.remove(token);
    }

    /// Whoever panicked while it held the lock left the map whole.
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(instance: &str) -> Lease {
        Lease::of(&CallInfo { attempt: Some(2), ..CallInfo::execution(instance, 3) })
    }

    #[test]
    fn a_lease_is_known_until_it_is_removed() {
        let leases = Leases::default();
        leases.insert("a", lease("one"));
        let held = leases.get("a").unwrap();
        let about = held.about();
        assert_eq!((about.instance, about.execution, about.attempt), (Some("one"), Some(3), Some(2)));
        leases.remove("a");
        assert!(leases.get("a").is_none());
    }

    #[test]
    fn leases_that_nobody_ends_are_bounded_and_the_oldest_leave() {
        let leases = Leases::default();
        leases.insert("old", lease("old"));
        leases.insert("renewed", lease("renewed"));
        for number in 0..MOST - 2 {
            leases.insert(&number.to_string(), lease("unended"));
        }
        leases.renew("renewed");
        assert_eq!(leases.lock().leases.len() as u64, MOST);
        leases.insert("next", lease("next"));
        assert!(leases.get("old").is_none());
        assert!(leases.get("renewed").is_some() && leases.get("next").is_some());
        assert!(leases.get(&(MOST - 3).to_string()).is_some(), "it is one of the youngest");
        for number in 0..10 * MOST {
            leases.insert(&number.to_string(), lease("unended"));
            assert!(leases.lock().leases.len() as u64 <= MOST);
        }
    }
}
