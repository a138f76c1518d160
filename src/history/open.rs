//! What an execution waits for, event by event.
//!
//! Incremental and small: of an execution only what is still open is kept, so that its memory does not grow with its
//! history. The timeline, which is made of a whole history, follows finer rules for arrivals that race with dropped
//! waits; see `management/timeline/waits.rs`.

use super::{EventRef, SYSCALL};
use crate::labels::{Channel, EventType, Outcome};

/// Something an execution began and that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PendingWait<N> {
    /// The event that began it.
    pub(crate) event_id: u64,
    pub(crate) since_ms: u64,
    pub(crate) wait: Wait<N>,
}

/// What it is. `N` stands for a name that is counted under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wait<N> {
    Activity(N),
    Child {
        name: N,
        /// Its full id.
        instance_id: Box<str>,
    },
    Timer {
        due_ms: u64,
    },
    Event(Channel, Box<str>),
}

/// What an event did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WaitChange<N> {
    /// Nothing that is open has changed.
    None,
    /// Something began.
    Began(Wait<N>),
    /// Something ended.
    Ended(PendingWait<N>, Outcome),
}

/// Everything that is open in one execution.
#[derive(Debug, Clone)]
pub(crate) struct PendingWaits<N> {
    /// By event id, which only grows.
    open: Vec<Slot<N>>,
    closed: usize,
    /// Messages of queues that nobody has asked for yet.
    unread: Vec<Box<str>>,
}

#[derive(Debug, Clone)]
struct Slot<N> {
    what: PendingWait<N>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    PendingWait,
    /// An arrival ended it, which a drop in the same turn may take back.
    Answered,
    Closed,
}

impl<N> Default for PendingWaits<N> {
    fn default() -> Self {
        Self { open: Vec::new(), closed: 0, unread: Vec::new() }
    }
}

impl<N: Clone> PendingWaits<N> {
    /// Takes the next event of the execution. `name` makes the name that is counted under.
    pub(crate) fn take(&mut self, event: &EventRef<'_>, name: impl FnOnce(&str) -> N) -> WaitChange<N> {
        match event.event_type {
            EventType::ActivityScheduled => {
                let activity = event.name();
                if activity.starts_with(SYSCALL) {
                    return WaitChange::None;
                }
                self.begin(event, Wait::Activity(name(&activity)))
            }
            EventType::SubOrchestrationScheduled => {
                let id = event.other_instance();
                let instance_id = duroxide::build_child_instance_id(event.instance_id, &id).into_boxed_str();
                self.begin(event, Wait::Child { name: name(&event.name()), instance_id })
            }
            EventType::TimerCreated => {
                let due_ms = event.fire_at_ms().unwrap_or(event.timestamp_ms);
                self.begin(event, Wait::Timer { due_ms })
            }
            EventType::ExternalSubscribed => self.subscribe(event, Channel::Event),
            EventType::ExternalSubscribedPersistent => self.subscribe(event, Channel::Queue),
            EventType::ActivityCompleted | EventType::SubOrchestrationCompleted | EventType::TimerFired => {
                self.end(event, Outcome::Completed)
            }
            EventType::ActivityFailed | EventType::SubOrchestrationFailed => self.end(event, Outcome::Failed),
            EventType::ActivityCancelRequested | EventType::SubOrchestrationCancelRequested => {
                self.end(event, Outcome::Cancelled)
            }
            EventType::ExternalEvent => self.arrive(Channel::Event, &event.name()),
            EventType::ExternalEventPersistent => self.arrive(Channel::Queue, &event.name()),
            EventType::ExternalSubscribedCancelled | EventType::ExternalSubscribedPersistentCancelled => {
                self.unsubscribe(event)
            }
            _ => WaitChange::None,
        }
    }

    /// What is open, in the order in which it began.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &PendingWait<N>> {
        self.open.iter().filter(|slot| slot.state == State::PendingWait).map(|slot| &slot.what)
    }

    fn begin(&mut self, event: &EventRef<'_>, wait: Wait<N>) -> WaitChange<N> {
        let what = PendingWait { event_id: event.event_id, since_ms: event.timestamp_ms, wait: wait.clone() };
        self.open.push(Slot { what, state: State::PendingWait });
        // A history as it should be is sorted; one that is not must not hide what it began.
        let sorted =
            self.open.iter().rev().take(2).map(|slot| slot.what.event_id).is_sorted_by(|a, b| a >= b);
        if !sorted {
            self.open.sort_by_key(|slot| slot.what.event_id);
        }
        WaitChange::Began(wait)
    }

    fn subscribe(&mut self, event: &EventRef<'_>, channel: Channel) -> WaitChange<N> {
        let name = event.name();
        let unread =
            (channel == Channel::Queue).then(|| self.unread.iter().position(|unread| **unread == *name));
        if let Some(position) = unread.flatten() {
            self.unread.remove(position);
            return WaitChange::None;
        }
        self.begin(event, Wait::Event(channel, name.into()))
    }

    fn end(&mut self, event: &EventRef<'_>, outcome: Outcome) -> WaitChange<N> {
        let Some(source) = event.source_event_id else { return WaitChange::None };
        let Some(index) = self.find(source) else { return WaitChange::None };
        self.close(index, outcome, State::Closed)
    }

    fn arrive(&mut self, channel: Channel, name: &str) -> WaitChange<N> {
        match self.oldest_wait(channel, name) {
            Some(index) => self.close(index, Outcome::Completed, State::Answered),
            None => {
                if channel == Channel::Queue {
                    self.unread.push(name.into());
                }
                WaitChange::None
            }
        }
    }

    /// A subscription was dropped. What it had taken from a queue goes to the next of its name.
    fn unsubscribe(&mut self, event: &EventRef<'_>) -> WaitChange<N> {
        let Some(index) = event.source_event_id.and_then(|source| self.find(source)) else {
            return WaitChange::None;
        };
        let Some(slot) = self.open.get_mut(index) else { return WaitChange::None };
        match (slot.state, slot.what.wait.clone()) {
            (State::PendingWait, Wait::Event(..)) => self.close(index, Outcome::Cancelled, State::Closed),
            // When the execution ends, the framework marks the waits it believes unanswered.
            (State::Answered, Wait::Event(channel @ Channel::Queue, name))
                if event.reason() == "dropped_future" =>
            {
                slot.state = State::Closed;
                self.closed += 1;
                self.arrive(channel, &name)
            }
            _ => WaitChange::None,
        }
    }

    fn oldest_wait(&self, channel: Channel, name: &str) -> Option<usize> {
        self.open.iter().position(|slot| {
            slot.state == State::PendingWait
                && matches!(&slot.what.wait, Wait::Event(of, waits_for) if *of == channel && **waits_for == *name)
        })
    }

    fn find(&self, event_id: u64) -> Option<usize> {
        let index = self.open.binary_search_by_key(&event_id, |slot| slot.what.event_id).ok()?;
        self.open.get(index).filter(|slot| slot.state != State::Closed).map(|_| index)
    }

    fn close(&mut self, index: usize, outcome: Outcome, state: State) -> WaitChange<N> {
        let Some(slot) = self.open.get_mut(index).filter(|slot| slot.state == State::PendingWait) else {
            return WaitChange::None;
        };
        slot.state = state;
        let ended = slot.what.clone();
        self.closed += 1;
        // Amortised: what has ended is thrown away when it is most of what is kept.
        if self.closed > 16 && self.closed * 2 > self.open.len() {
            self.open.retain(|slot| slot.state == State::PendingWait);
            self.closed = 0;
        } else if self.closed == self.open.len() && state == State::Closed {
            self.open.clear();
            self.closed = 0;
        }
        WaitChange::Ended(ended, outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Row;
    use super::*;
    use serde_json::json;

    fn row(event_id: u64, json: &str) -> Row<'_> {
        Row { instance_id: "i", execution_id: 1, event_id, event_type: "", text: Some(json) }
    }

    /// Takes events, each an id, its source, its type and its fields; answers the ids of what is open.
    fn open_after(events: &[(u64, Option<u64>, &str, serde_json::Value)]) -> Vec<u64> {
        let mut opens = PendingWaits::<String>::default();
        for (id, source, kind, fields) in events {
            let mut event = json!({
                "event_id": id, "source_event_id": source, "instance_id": "i", "execution_id": 1, "timestamp_ms": 1,
                "type": kind,
            });
            event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            opens.take(&EventRef::of(row(*id, &event.to_string())).unwrap(), str::to_owned);
        }
        opens.iter().map(|open| open.event_id).collect()
    }

    fn named(name: &str) -> serde_json::Value {
        json!({ "name": name })
    }

    fn because(reason: &str) -> serde_json::Value {
        json!({ "reason": reason })
    }

    #[test]
    fn what_began_is_open_until_it_ends_once() {
        let none = json!({});
        let events = [
            (2, None, "ActivityScheduled", named("A")),
            (3, None, "ActivityScheduled", named("__duroxide_syscall:new_guid")),
            (4, None, "SubOrchestrationScheduled", json!({"name": "C", "instance": "sub::4"})),
            (5, None, "TimerCreated", json!({"fire_at_ms": 9})),
            (6, Some(2), "ActivityCancelRequested", because("dropped_future")),
            // The end of what was given up, of what never began, and of nothing.
            (7, Some(2), "ActivityCompleted", none.clone()),
            (8, Some(77), "ActivityFailed", none.clone()),
            (9, None, "TimerFired", none.clone()),
        ];
        assert_eq!(open_after(&events), [4, 5]);
    }

    #[test]
    fn an_event_goes_to_the_oldest_wait_of_its_name_or_is_lost() {
        let events = [
            (2, None, "ExternalEvent", named("go")),
            (3, None, "ExternalSubscribed", named("go")),
            (4, None, "ExternalSubscribed", named("go")),
            (5, None, "ExternalSubscribed", named("stop")),
            (6, None, "ExternalEvent", named("go")),
            (7, Some(5), "ExternalSubscribedCancelled", because("dropped_future")),
        ];
        assert_eq!(open_after(&events), [4]);
    }

    #[test]
    fn a_message_waits_for_who_asks_and_passes_from_who_gave_up_to_the_next() {
        let mut events = vec![
            (2, None, "ExternalEventPersistent", named("inbox")),
            (3, None, "ExternalSubscribedPersistent", named("inbox")),
            (4, None, "ExternalSubscribedPersistent", named("inbox")),
            (5, None, "ExternalSubscribedPersistent", named("inbox")),
        ];
        assert_eq!(open_after(&events), [4, 5], "what waited was taken by the first who asked");
        events.push((6, None, "ExternalEventPersistent", named("inbox")));
        assert_eq!(open_after(&events), [5]);
        events.push((7, Some(4), "ExternalSubscribedPersistentCancelled", because("dropped_future")));
        assert!(open_after(&events).is_empty());
    }

    #[test]
    fn the_marks_behind_the_end_do_not_take_an_answer_away() {
        let events = [
            (2, None, "ExternalSubscribedPersistent", named("inbox")),
            (3, None, "ExternalSubscribedPersistent", named("inbox")),
            (4, None, "ExternalEventPersistent", named("inbox")),
            (5, Some(2), "ExternalSubscribedPersistentCancelled", because("orchestration_terminal")),
        ];
        assert_eq!(open_after(&events), [3]);
    }

    #[test]
    fn a_fan_out_keeps_what_is_open_alone() {
        let mut opens = PendingWaits::<()>::default();
        let mut take = |json: serde_json::Value| {
            let id = json["event_id"].as_u64().unwrap();
            opens.take(&EventRef::of(row(id, &json.to_string())).unwrap(), |_| ());
            (opens.iter().count(), opens.open.len())
        };
        let event = |id: u64, source: Option<u64>, kind: &str| {
            json!({"event_id": id, "source_event_id": source, "instance_id": "i", "execution_id": 1, "timestamp_ms": 1,
                "type": kind, "name": "A"})
        };
        for id in 0..1000 {
            take(event(id, None, "ActivityScheduled"));
        }
        for id in 0..990 {
            let (open, kept) = take(event(1000 + id, Some(id * 7 % 1000), "ActivityCompleted"));
            assert_eq!(u64::try_from(open).unwrap(), 999 - id);
            assert!(kept <= 2 * open + 17, "{kept} kept for {open}");
        }
    }
}
