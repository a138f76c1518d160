//! What an instance waits for: its history, what the queues hold for it and for its children, all of one moment.
//!
//! By the definitions of the metric `duroxide_instances_waiting`, which asks the same of all instances at once. One look
//! is enough here: whatever moves between a queue, a history and another queue is moved by one transaction, and a
//! snapshot has all of it or nothing.

mod item;
mod past;
mod rows;
mod tell;

pub(in crate::store) use item::Item;
pub(in crate::store) use past::OpenWaitReader;
pub(in crate::store) use rows::{InstanceState, Row, RowSink};

use super::snapshot::Look;
use crate::history::{Facts, Wait};
use crate::labels::InstanceStatus;
use crate::management::{InstanceWaits, ManagementError, Timestamp};
use crate::store::database::group::unsigned;
use crate::store::database::reading::QueryResult;
use rows::{BoundedRows, LiveChildren};

pub(in crate::store) async fn waits(snapshot: &mut impl Look, instance: &str) -> QueryResult<InstanceWaits> {
    let now_ms = snapshot.now_ms().await?;
    let id = [instance.to_owned()];
    let standing = snapshot.standings(&id).await?.remove(instance).unwrap_or_default();
    let current = standing.current().ok_or_else(|| ManagementError::no_instance(instance))?;
    let none = InstanceWaits::none(instance, unsigned(current), Timestamp::from_unix_millis(now_ms));
    if standing.status() != Some(InstanceStatus::Running) {
        return Ok(none);
    }

    let mut past = OpenWaitReader::default();
    snapshot.past(instance, current, &mut past).await?;
    let mut facts = Facts { executing: standing.is_locked(now_ms), ..Facts::default() };
    let mut messages = BoundedRows::default();
    snapshot
        .messages(&id, now_ms, &mut |row| {
            if !standing.leaves_over(&row) {
                row.message(&mut facts);
                messages.keep(row);
            }
        })
        .await?;
    let mut activities = BoundedRows::default();
    snapshot
        .activities(instance, now_ms, &mut |row| {
            row.activity(&mut facts);
            activities.keep(row);
        })
        .await?;

    let children = past.children();
    let standings = snapshot.standings(&children).await?;
    let mut lives = LiveChildren::new(standings, now_ms);
    let unsure = lives.unsure(&children);
    snapshot.messages(&unsure, now_ms, &mut |row| lives.take(&row)).await?;
    facts.child = children.iter().any(|child| lives.has(child));
    facts.event = past.opens.iter().any(|open| matches!(open.wait, Wait::Event(..)));

    let told = tell::WaitReport { current: unsigned(current), activities, messages, lives };
    let reason = Some(facts.reason());
    let executing_until = standing.lock_end_ms.filter(|_| facts.executing).map(Timestamp::from_unix_millis);
    Ok(told.with(past, InstanceWaits { reason, executing_until, ..none }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::{MessageState, Queue};
    use crate::management::QueueEntry;

    /// A row of the instance `i`.
    pub(super) fn row(item: &str, state: MessageState, attempts: u64) -> Row {
        let (queued_at, visible_at, leased_until) = (None, None, None);
        let queue = Queue::Orchestrator;
        let entry = QueueEntry { queue, state, attempts, queued_at, visible_at, leased_until };
        Row { instance: "i".to_owned(), entry, item: Item::read(item.as_bytes()), tag: None }
    }

    pub(super) fn message(state: MessageState) -> Row {
        row(r#"{"QueueMessage":{"instance":"i","name":"inbox","data":""}}"#, state, 0)
    }
}
