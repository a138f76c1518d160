//! The worker table, in all and by activity and tag.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::group::{self, Group};
use super::items::{Item, Items};
use crate::labels::MessageState;
use crate::source::{ActivityBacklog, QueueStats};

/// Rows of the worker table that have a tag and a state in common.
pub(in crate::store) struct Rows {
    pub(in crate::store) tag: Arc<str>,
    /// Whether they were handed out before.
    pub(in crate::store) tried: bool,
    pub(in crate::store) group: Group,
    pub(in crate::store) ids: Vec<i64>,
    /// Since when each of them is visible, in the order of [`Self::ids`].
    pub(in crate::store) since_ms: Vec<i64>,
    /// Whose each of them is, likewise, as far as columns tell.
    pub(in crate::store) instances: Vec<Option<Box<str>>>,
}

/// The worker table by activity and tag.
pub(in crate::store) struct Worker {
    pub(in crate::store) queue: QueueStats,
    pub(in crate::store) activities: Vec<ActivityBacklog>,
    /// Whose the activities are; and of those that were tried and are put off.
    pub(in crate::store) waiting: Vec<Box<str>>,
    pub(in crate::store) retrying: Vec<Box<str>>,
}

impl Worker {
    /// Adds up rows, of which `items` tell what they are about.
    pub(in crate::store) fn of(rows: &[Rows], items: &Items) -> Self {
        let mut queue = group::empty();
        let mut activities: BTreeMap<(Arc<str>, Arc<str>), ActivityBacklog> = BTreeMap::new();
        let (mut waiting, mut retrying) = (Vec::new(), Vec::new());
        for Rows { tag, tried, group, ids, since_ms, instances } in rows {
            group.add_to(&mut queue);
            let list = match (group.state, tried) {
                (MessageState::Delayed, true) => &mut retrying,
                _ => &mut waiting,
            };
            let waits = group.waiting_since().is_some();
            let columns = instances.iter().map(Option::as_ref).chain(std::iter::repeat(None));
            for ((id, since_ms), instance) in ids.iter().zip(since_ms).zip(columns) {
                let item = items.get(*id);
                let inside = match item {
                    Item::Activity(_, instance) => instance.as_ref(),
                    _ => None,
                };
                list.extend(instance.or(inside).cloned());
                let activity = match item {
                    Item::Activity(name, _) | Item::Bad(Some(name)) => Arc::clone(name),
                    Item::Timer(_) | Item::Start | Item::Other | Item::Bad(None) => "".into(),
                };
                queue.undecodable += u64::from(matches!(item, Item::Bad(_)));
                let backlog =
                    activities.entry((activity, Arc::clone(tag))).or_insert_with_key(|(activity, tag)| {
                        ActivityBacklog {
                            activity: Arc::clone(activity),
                            tag: Arc::clone(tag),
                            messages: [0; 5],
                            oldest_ready_since_ms: None,
                        }
                    });
                if let Some(cell) = backlog.messages.get_mut(group.state.index()) {
                    *cell += 1;
                }
                let oldest = &mut backlog.oldest_ready_since_ms;
                *oldest = group::earliest(*oldest, waits.then_some(*since_ms));
            }
        }
        Self { queue, activities: activities.into_values().collect(), waiting, retrying }
    }
}
