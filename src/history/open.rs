//! What an execution waits for, event by event.
//!
//! Incremental and small: of an execution only what is still open is kept, so that its memory does not grow with its
//! history. The timeline, which is made of a whole history, follows finer rules for arrivals that race with dropped
//! waits; see `management/timeline/waits.rs`.

use super::Brief;
use crate::labels::{Channel, EventType, Outcome};

/// What the names of the framework's pseudo-activities begin with: new ids, the clock, other instances' values.
pub(crate) const SYSCALL: &str = "__duroxide_syscall:";

/// Something an execution began and that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Open<N> {
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
pub(crate) enum Effect<N> {
    /// Nothing that is open has changed.
    None,
    /// Something began.
    Began(Wait<N>),
    /// Something ended.
    Ended(Open<N>, Outcome),
}

/// Everything that is open in one execution.
#[derive(Debug, Clone)]
pub(crate) struct Opens<N> {
    /// By event id, which only grows.
    open: Vec<Slot<N>>,
    closed: usize,
    /// Messages of queues that nobody has asked for yet.
    unread: Vec<Box<str>>,
}

#[derive(Debug, Clone)]
struct Slot<N> {
    what: Open<N>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// An arrival ended it, which a drop in the same turn may take back.
    Answered,
    Closed,
}

impl<N> Default for Opens<N> {
    fn default() -> Self {
        Self { open: Vec::new(), closed: 0, unread: Vec::new() }
    }
}

impl<N: Clone> Opens<N> {
    /// Takes the next event of the execution. `name` makes the name that is counted under.
    pub(crate) fn take(&mut self, event: &Brief<'_>, name: impl FnOnce(&str) -> N) -> Effect<N> {
        match event.event_type {
            EventType::ActivityScheduled => {
                let activity = event.name();
                if activity.starts_with(SYSCALL) {
                    return Effect::None;
                }
                self.begin(event, Wait::Activity(name(&activity)))
            }
            EventType::SubOrchestrationScheduled => {
                let id = event.other_instance();
                let instance_id = duroxide::build_child_instance_id(&event.instance_id, &id).into_boxed_str();
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
            _ => Effect::None,
        }
    }

    /// What is open, in the order in which it began.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Open<N>> {
        self.open.iter().filter(|slot| slot.state == State::Open).map(|slot| &slot.what)
    }

    fn begin(&mut self, event: &Brief<'_>, wait: Wait<N>) -> Effect<N> {
        let what = Open { event_id: event.event_id, since_ms: event.timestamp_ms, wait: wait.clone() };
        self.open.push(Slot { what, state: State::Open });
        // A history as it should be is sorted; one that is not must not hide what it began.
        let sorted =
            self.open.iter().rev().take(2).map(|slot| slot.what.event_id).is_sorted_by(|a, b| a >= b);
        if !sorted {
            self.open.sort_by_key(|slot| slot.what.event_id);
        }
        Effect::Began(wait)
    }

    fn subscribe(&mut self, event: &Brief<'_>, channel: Channel) -> Effect<N> {
        let name = event.name();
        let unread =
            (channel == Channel::Queue).then(|| self.unread.iter().position(|unread| **unread == *name));
        if let Some(position) = unread.flatten() {
            self.unread.remove(position);
            return Effect::None;
        }
        self.begin(event, Wait::Event(channel, name.into()))
    }

    fn end(&mut self, event: &Brief<'_>, outcome: Outcome) -> Effect<N> {
        let Some(source) = event.source_event_id else { return Effect::None };
        let Some(index) = self.find(source) else { return Effect::None };
        self.close(index, outcome, State::Closed)
    }

    fn arrive(&mut self, channel: Channel, name: &str) -> Effect<N> {
        match self.oldest_wait(channel, name) {
            Some(index) => self.close(index, Outcome::Completed, State::Answered),
            None => {
                if channel == Channel::Queue {
                    self.unread.push(name.into());
                }
                Effect::None
            }
        }
    }

    /// A subscription was dropped. What it had taken from a queue goes to the next of its name.
    fn unsubscribe(&mut self, event: &Brief<'_>) -> Effect<N> {
        let Some(index) = event.source_event_id.and_then(|source| self.find(source)) else {
            return Effect::None;
        };
        let Some(slot) = self.open.get_mut(index) else { return Effect::None };
        match (slot.state, slot.what.wait.clone()) {
            (State::Open, Wait::Event(..)) => self.close(index, Outcome::Cancelled, State::Closed),
            // When the execution ends, the framework marks the waits it believes unanswered.
            (State::Answered, Wait::Event(channel @ Channel::Queue, name))
                if event.reason() == "dropped_future" =>
            {
                slot.state = State::Closed;
                self.closed += 1;
                self.arrive(channel, &name)
            }
            _ => Effect::None,
        }
    }

    fn oldest_wait(&self, channel: Channel, name: &str) -> Option<usize> {
        self.open.iter().position(|slot| {
            slot.state == State::Open
                && matches!(&slot.what.wait, Wait::Event(of, waits_for) if *of == channel && **waits_for == *name)
        })
    }

    fn find(&self, event_id: u64) -> Option<usize> {
        let index = self.open.binary_search_by_key(&event_id, |slot| slot.what.event_id).ok()?;
        self.open.get(index).filter(|slot| slot.state != State::Closed).map(|_| index)
    }

    fn close(&mut self, index: usize, outcome: Outcome, state: State) -> Effect<N> {
        let Some(slot) = self.open.get_mut(index).filter(|slot| slot.state == State::Open) else {
            return Effect::None;
        };
        slot.state = state;
        let ended = slot.what.clone();
        self.closed += 1;
        // Amortised: what has ended is thrown away when it is most of what is kept.
        if self.closed > 16 && self.closed * 2 > self.open.len() {
            self.open.retain(|slot| slot.state == State::Open);
            self.closed = 0;
        } else if self.closed == self.open.len() && state == State::Closed {
            self.open.clear();
            self.closed = 0;
        }
        Effect::Ended(ended, outcome)
    }
}
