//! The single way into the queues.

use std::time::Duration;

use duroxide::providers::WorkItem;
use serde_json::Value;

use super::{Client, guard};
use crate::management::{ManagementError, Timestamp, from_provider};

/// Longer delays are refused: providers compute with dates, which end.
const LONGEST_DELAY: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

impl Client {
    /// Puts a work item into the queue it belongs to: activities into the worker's, everything else into the
    /// orchestrator's, visible after `delay`. It is the one way in; a provider has another method for each queue.
    ///
    /// - [`WorkItem::ActivityExecute`] cannot be delayed.
    /// - [`WorkItem::TimerFired`] has its time in `fire_at_ms` and becomes visible then, by this machine's clock, which
    ///   is what the runtime does with timers. A delay beside it would contradict it.
    /// - [`WorkItem::StartOrchestration`] is for instances that need not exist; all others are for those that do.
    ///
    /// Only guards are here: whether anybody waits for the activity, timer or child is the caller's business. What
    /// nobody waits for, the runtime drops, or fails the instance for it.
    ///
    /// # Errors
    /// [`ManagementError::NotFound`] when the instance (of a child's start: the parent) does not exist;
    /// [`ManagementError::Unsupported`] for a delayed activity; [`ManagementError::InvalidArgument`] for empty ids, ids
    /// reserved for children (`sub::`), a delayed timer, NUL characters, numbers the store cannot hold, delays over a
    /// hundred years; [`ManagementError::Unavailable`] and [`ManagementError::Failed`] when the store fails.
    pub async fn enqueue(&self, item: WorkItem, delay: Option<Duration>) -> Result<(), ManagementError> {
        storable(&item)?;
        let delay = delay.filter(|delay| !delay.is_zero());
        let delay = match &item {
            WorkItem::ActivityExecute { .. } if delay.is_some() => {
                return Err(ManagementError::unsupported("enqueue of an activity with a delay"));
            }
            WorkItem::TimerFired { .. } if delay.is_some() => {
                return Err(invalid("delay", "a timer is visible at its fire_at_ms"));
            }
            WorkItem::TimerFired { fire_at_ms, .. } => Some(until(*fire_at_ms)),
            _ => delay,
        };
        if delay.is_some_and(|delay| delay > LONGEST_DELAY) {
            return Err(invalid("delay", "is longer than a hundred years"));
        }
        match &item {
            WorkItem::StartOrchestration { instance, parent_instance: None, .. } => {
                id(instance)?;
                if guard::is_reserved_for_children(instance) {
                    return Err(invalid("instance", "uses the marker reserved for children, sub::"));
                }
            }
            WorkItem::StartOrchestration { instance, parent_instance: Some(parent), .. } => {
                id(instance)?;
                if guard::begins_like_a_child(instance) {
                    return Err(invalid(
                        "instance",
                        "begins with the marker reserved for the framework, sub::",
                    ));
                }
                // On SQLite a child without a parent can take no turn.
                self.known(parent).await?;
            }
            other => match addressee(other) {
                Some(instance) => self.known(instance).await?,
                None => return Err(ManagementError::unsupported("enqueue of this kind of work item")),
            },
        }
        let sent = match item {
            WorkItem::ActivityExecute { .. } => self.store.enqueue_for_worker(item).await,
            _ => self.store.enqueue_for_orchestrator(item, delay).await,
        };
        sent.map_err(|error| from_provider(&error))
    }

    /// Fails unless the store has this instance.
    async fn known(&self, instance: &str) -> Result<(), ManagementError> {
        id(instance)?;
        match guard::exists(&*self.store, instance).await.map_err(|error| from_provider(&error))? {
            true => Ok(()),
            false => Err(ManagementError::no_instance(instance)),
        }
    }
}

/// The instance whose queue an item goes to; `None` for kinds this version does not know.
fn addressee(item: &WorkItem) -> Option<&str> {
    match item {
        WorkItem::StartOrchestration { instance, .. }
        | WorkItem::ActivityExecute { instance, .. }
        | WorkItem::ActivityCompleted { instance, .. }
        | WorkItem::ActivityFailed { instance, .. }
        | WorkItem::TimerFired { instance, .. }
        | WorkItem::ExternalRaised { instance, .. }
        | WorkItem::QueueMessage { instance, .. }
        | WorkItem::CancelInstance { instance, .. }
        | WorkItem::ContinueAsNew { instance, .. } => Some(instance),
        WorkItem::SubOrchCompleted { parent_instance, .. }
        | WorkItem::SubOrchFailed { parent_instance, .. } => Some(parent_instance),
        #[allow(unreachable_patterns, reason = "the framework has another kind with its feature for tests")]
        _ => None,
    }
}

/// Refuses what no store can hold: NUL characters, and numbers that the framework would cast to negative ones.
fn storable(item: &WorkItem) -> Result<(), ManagementError> {
    let json = serde_json::to_value(item).map_err(|_| invalid("item", "cannot be serialised"))?;
    if guard::any(&json, &|value| matches!(value, Value::String(text) if text.contains('\0'))) {
        return Err(invalid("item", "holds a NUL character, which stalls a Postgres store"));
    }
    if guard::any(&json, &|value| value.is_u64() && value.as_i64().is_none()) {
        return Err(invalid("item", "holds a number above 9223372036854775807"));
    }
    Ok(())
}

fn id(instance: &str) -> Result<(), ManagementError> {
    if instance.is_empty() { Err(invalid("instance", "is empty")) } else { Ok(()) }
}

/// The time from now to `fire_at_ms`; none when it has passed.
fn until(fire_at_ms: u64) -> Duration {
    let now = u64::try_from(Timestamp::now().unix_millis()).unwrap_or(0);
    Duration::from_millis(fire_at_ms.saturating_sub(now))
}

fn invalid(name: &'static str, why: &str) -> ManagementError {
    ManagementError::InvalidArgument { name, why: why.to_owned() }
}
