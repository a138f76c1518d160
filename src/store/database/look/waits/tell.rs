//! The report of what an instance waits for: each open wait with its row, and the rows that belong to none.

use std::collections::HashMap;

use super::item::Item;
use super::past::OpenWaitReader;
use super::rows::{BoundedRows, LiveChildren, Row};
use crate::history::{PendingWait, Wait};
use crate::labels::Channel;
use crate::management::{Awaited, InstanceWaits, OpenWait, QueueEntry, QueuedMessage, Timestamp};

/// Most waits, and most messages, in a report.
const LARGEST: usize = 10_000;

/// What was found beside the history.
pub(super) struct WaitReport {
    /// The execution that waits.
    pub(super) current: u64,
    pub(super) activities: BoundedRows,
    pub(super) messages: BoundedRows,
    pub(super) lives: LiveChildren,
}

impl WaitReport {
    /// Fills in the waits of the execution that has this past.
    pub(super) fn with(self, past: OpenWaitReader, mut waits: InstanceWaits) -> InstanceWaits {
        let Self { current, activities, messages, lives } = self;
        let OpenWaitReader { opens, missed, undecodable } = past;
        let more = activities.more || messages.more;
        let mut activities = Rows::new(activities.rows, current, |_| true);
        let mut timers = Rows::new(messages.rows, current, Item::is_timer);
        for open in opens.iter() {
            if waits.waits.len() == LARGEST {
                waits.partial = true;
                break;
            }
            waits.waits.push(tell(open, &mut activities, &mut timers, &lives, &missed));
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

fn tell(
    open: &PendingWait<String>,
    activities: &mut Rows,
    timers: &mut Rows,
    lives: &LiveChildren,
    missed: &HashMap<String, u64>,
) -> OpenWait {
    let PendingWait { event_id, since_ms, wait } = open;
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
        Wait::Event(channel, name) => {
            let missed = missed.get(&**name).copied().filter(|_| *channel == Channel::Event);
            Awaited::Event { channel: *channel, name: name.to_string(), missed: missed.unwrap_or_default() }
        }
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

#[cfg(test)]
mod tests {
    use super::super::tests::row;
    use super::*;
    use crate::history;
    use crate::labels::MessageState;
    use serde_json::json;

    fn stored(event_id: u64, text: &str) -> history::Row<'_> {
        history::Row { instance_id: "i", execution_id: 2, event_id, event_type: "", text: Some(text) }
    }

    fn past(events: &[serde_json::Value]) -> OpenWaitReader {
        let mut past = OpenWaitReader::default();
        for (id, event) in (1_u64..).zip(events) {
            let mut whole = json!({"event_id": id, "instance_id": "i", "execution_id": 2, "timestamp_ms": 7});
            whole.as_object_mut().unwrap().extend(event.as_object().unwrap().clone());
            past.take(stored(whole["event_id"].as_u64().unwrap(), &whole.to_string()));
        }
        past.take(stored(99, "damage"));
        past
    }

    fn told(past: OpenWaitReader, activities: Vec<Row>, messages: Vec<Row>) -> InstanceWaits {
        let kept = |rows| BoundedRows { rows, more: false };
        let lives = LiveChildren::new(HashMap::new(), 0);
        let told = WaitReport { current: 2, activities: kept(activities), messages: kept(messages), lives };
        told.with(past, InstanceWaits::none("i", 2, Timestamp::from_unix_millis(0)))
    }

    fn about(kind: &str, execution: u64, id: u64) -> Row {
        let item = json!({kind: {"instance": "i", "execution_id": execution, "id": id}});
        row(&item.to_string(), MessageState::Ready, execution)
    }

    #[test]
    fn a_row_is_told_with_its_wait_or_by_itself() {
        let past = past(&[
            json!({"type": "OrchestrationStarted"}),
            json!({"type": "ActivityScheduled", "name": "A"}),
            json!({"type": "TimerCreated", "fire_at_ms": 9}),
            json!({"type": "ActivityScheduled", "name": "B"}),
            json!({"type": "ActivityScheduled", "name": "Done"}),
            json!({"type": "ActivityCompleted", "source_event_id": 5}),
        ]);
        let activities = vec![
            about("ActivityExecute", 2, 2),
            about("ActivityExecute", 2, 2),
            about("ActivityExecute", 1, 4),
            about("ActivityExecute", 2, 5),
        ];
        // The end of an activity is not the row of it.
        let messages =
            vec![about("ActivityCompleted", 2, 4), about("TimerFired", 2, 3), about("TimerFired", 2, 9)];
        let told = told(past, activities, messages);
        let waits: Vec<_> = told
            .waits
            .iter()
            .map(|wait| match &wait.awaited {
                Awaited::Activity { queued, .. } | Awaited::Timer { queued, .. } => {
                    (wait.event_id, queued.as_ref().map(|entry| entry.attempts))
                }
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(waits, [(2, Some(2)), (3, Some(2)), (4, None)]);
        let rest: Vec<_> = told
            .messages
            .iter()
            .map(|message| (message.kind.as_str(), message.execution_id, message.event_id))
            .collect();
        assert_eq!(
            rest,
            [
                ("ActivityCompleted", Some(2), Some(4)),
                ("TimerFired", Some(2), Some(9)),
                ("ActivityExecute", Some(2), Some(2)),
                ("ActivityExecute", Some(1), Some(4)),
                ("ActivityExecute", Some(2), Some(5)),
            ]
        );
        assert_eq!((told.undecodable_events, told.partial), (1, false));
    }

    #[test]
    fn too_many_are_not_told_and_that_is() {
        let event = json!({"type": "ExternalSubscribed", "name": "go"});
        let many = told(past(&vec![event.clone(); LARGEST + 1]), Vec::new(), Vec::new());
        assert_eq!((many.waits.len(), many.partial), (LARGEST, true));
        let most = told(past(&vec![event; LARGEST]), Vec::new(), Vec::new());
        assert_eq!((most.waits.len(), most.partial), (LARGEST, false));
        let rows = |count| (0..count).map(|_| about("QueueMessage", 2, 9)).collect();
        let messages = told(OpenWaitReader::default(), Vec::new(), rows(LARGEST + 1));
        assert_eq!((messages.messages.len(), messages.partial), (LARGEST, true));
        assert!(!told(OpenWaitReader::default(), Vec::new(), rows(LARGEST)).partial);
    }
}
