//! Which message a lease is of: acknowledging, abandoning and renewing name a lease by its token alone.
//!
//! Filled only where spans are wanted. A lease leaves when it is settled or lost, and at the latest some time after it
//! has run out, so what is kept is bounded by what is in work; and by a number, should a provider's leases never end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::about::About;
#[cfg(feature = "otel")]
use super::about::Target;

/// More than a runtime works on at a time.
const MOST: usize = 4096;

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
    pub(super) fn of(about: &About<'_>) -> Self {
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

    pub(super) fn about(&self) -> About<'_> {
        About {
            instance: self.instance.as_deref(),
            execution: self.execution,
            orchestration: self.orchestration.as_deref(),
            activity: self.activity.as_deref(),
            event: self.event,
            attempt: self.attempt,
            messages: self.messages,
            #[cfg(feature = "otel")]
            target: self.target,
            ..About::NOTHING
        }
    }
}

/// The leases of one queue.
#[derive(Debug, Default)]
pub(super) struct Leases(Mutex<HashMap<String, Held>>);

#[derive(Debug)]
struct Held {
    lease: Arc<Lease>,
    /// `None` for a lease longer than time.
    until: Option<Instant>,
}

impl Leases {
    /// Remembers a lease that was given at a moment just past.
    pub(super) fn insert(&self, token: &str, lease: Lease, now: Instant, valid_for: Duration) {
        let mut held = self.lock();
        if held.len() >= MOST {
            held.retain(|_, held| held.until.is_none_or(|until| until > now));
        }
        if held.len() < MOST {
            let until = now.checked_add(valid_for);
            held.insert(token.to_owned(), Held { lease: Arc::new(lease), until });
        }
    }

    pub(super) fn get(&self, token: &str) -> Option<Arc<Lease>> {
        self.lock().get(token).map(|held| Arc::clone(&held.lease))
    }

    pub(super) fn renew(&self, token: &str, valid_for: Duration) {
        if let Some(held) = self.lock().get_mut(token) {
            held.until = Instant::now().checked_add(valid_for);
        }
    }

    pub(super) fn remove(&self, token: &str) {
        self.lock().remove(token);
    }

    /// Whoever panicked while it held the lock left the map whole.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(instance: &str) -> Lease {
        Lease::of(&About { attempt: Some(2), ..About::execution(instance, 3) })
    }

    #[test]
    fn a_lease_is_known_until_it_is_removed() {
        let leases = Leases::default();
        leases.insert("a", lease("one"), Instant::now(), Duration::from_secs(30));
        let held = leases.get("a").unwrap();
        let about = held.about();
        assert_eq!((about.instance, about.execution, about.attempt), (Some("one"), Some(3), Some(2)));
        leases.remove("a");
        assert!(leases.get("a").is_none());
    }

    #[test]
    fn what_has_run_out_makes_room_and_what_is_valid_stays() {
        let leases = Leases::default();
        leases.insert("valid", lease("one"), Instant::now(), Duration::from_secs(3600));
        leases.insert("renewed", lease("two"), Instant::now(), Duration::ZERO);
        leases.renew("renewed", Duration::from_secs(3600));
        leases.insert("endless", lease("three"), Instant::now(), Duration::MAX);
        for number in 0..MOST - 3 {
            leases.insert(&number.to_string(), lease("late"), Instant::now(), Duration::ZERO);
        }
        assert_eq!(leases.lock().len(), MOST);
        leases.insert("next", lease("next"), Instant::now(), Duration::from_secs(3600));
        let mut left: Vec<_> = leases.lock().keys().cloned().collect();
        left.sort();
        assert_eq!(left, ["endless", "next", "renewed", "valid"]);
    }

    #[test]
    fn leases_that_never_end_are_bounded() {
        let leases = Leases::default();
        for number in 0..=MOST {
            leases.insert(&number.to_string(), lease("long"), Instant::now(), Duration::from_secs(3600));
        }
        assert_eq!(leases.lock().len(), MOST);
    }
}
