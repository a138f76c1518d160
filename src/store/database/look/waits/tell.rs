//! What is told of an instance that waits: each open wait with its row, and the rows that are in none.

use std::collections::HashMap;

use super::rows::{Kept, Lives, Row};
use super::{Item, Past};
use crate::history::{Open, Wait};
use crate::management::{Awaited, InstanceWaits, OpenWait, QueueEntry, QueuedMessage, Timestamp};

/// Waits, and messages, that are told.
const LARGEST: usize = 10_000;

/// What was found beside the history.
pub(super) struct Told {
    /// The execution that waits.
    pub(super) current: u64,
    pub(super) activities: Kept,
    pub(super) messages: Kept,
    pub(super) lives: Lives,
}

impl Told {
    /// Fills in the waits of the execution that has this past.
    pub(super) fn with(self, past: Past, mut waits: InstanceWaits) -> InstanceWaits {
        let Self { current, activities, messages, lives } = self;
        let Past { opens, undecodable } = past;
        let more = activities.more || messages.more;
        let mut activities = Rows::new(activities.rows, current, |_| true);
        let mut timers = Rows::new(messages.rows, current, Item::is_timer);
        for open in opens.iter() {
            if waits.waits.len() == LARGEST {
                waits.partial = true;
                break;
            }
            waits.waits.push(tell(open, &mut activities, &mut timers, &lives));
        }
        let mut rest = timers.rest().chain(activities.rest());
        waits.messages = rest.by_ref().take(LARGEST).map(message).collect();
        waits.partial |= more || rest.next().is_some();
        waits.undecodable_events = undecodable;
        waits
    }
}

/// Rows, to be found by the event that they are about.
struct Rows {
    rows: Vec<Option<Row>>,
    by_event: HashMap<u64, usize>,
}

impl Rows {
    fn new(rows: Vec<Row>, current: u64, belongs: impl Fn(&Item) -> bool) -> Self {
        let mut by_event = HashMap::new();
        for (index, row) in rows.iter().enumerate() {
            // Of two for the same event the first is handed out first.
            if let Some(event) = row.item.event_id
                && row.item.execution_id.is_none_or(|execution| execution == current)
                && belongs(&row.item)
            {
                by_event.entry(event).or_insert(index);
            }
        }
        Self { rows: rows.into_iter().map(Some).collect(), by_event }
    }

    /// The row that is about this event.
    fn remove(&mut self, event: u64) -> Option<Row> {
        self.rows.get_mut(self.by_event.remove(&event)?)?.take()
    }

    fn rest(self) -> impl Iterator<Item = Row> {
        self.rows.into_iter().flatten()
    }
}

fn tell(open: &Open<String>, activities: &mut Rows, timers: &mut Rows, lives: &Lives) -> OpenWait {
    let Open { event_id, since_ms, wait } = open;
    let awaited = match wait {
        Wait::Activity(name) => {
            let (queued, tag) = match activities.remove(*event_id) {
                Some(Row { entry, tag, .. }) => (Some(entry), tag),
                None => (None, None),
            };
            Awaited::Activity { name: name.clone(), tag, queued }
        }
        Wait::Child { name, instance_id } => Awaited::Child {
            name: name.clone(),
            instance_id: instance_id.to_string(),
            status: lives.status(instance_id),
            alive: lives.has(instance_id),
        },
        Wait::Timer { due_ms } => {
            let queued: Option<QueueEntry> = timers.remove(*event_id).map(|row| row.entry);
            Awaited::Timer { due_at: moment(*due_ms), queued }
        }
        Wait::Event(channel, name) => Awaited::Event { channel: *channel, name: name.to_string() },
    };
    OpenWait { event_id: *event_id, since: moment(*since_ms), awaited }
}

fn message(row: Row) -> QueuedMessage {
    let Row { instance: _, entry, item, tag: _ } = row;
    let Item { kind, instance: _, execution_id, event_id, name } = item;
    QueuedMessage { kind, name, event_id, execution_id, entry }
}

/// A time of the framework. A damaged store may hold any number.
fn moment(millis: u64) -> Timestamp {
    Timestamp::from_unix_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}
