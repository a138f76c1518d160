//! What an execution did, from its events.

use super::payload::Payloads;
use crate::history::Event;
use crate::management::{Timeline, TimelineBuilder};
use crate::source::{Chunk, ExecutionKey};

/// What one execution did.
#[derive(Debug)]
pub(super) struct Past {
    timeline: TimelineBuilder,
    payloads: Payloads,
}

impl Past {
    pub(super) fn new(key: &ExecutionKey, payloads: bool) -> Self {
        let timeline = Timeline::builder(&key.instance_id, key.execution_id);
        Self { timeline, payloads: Payloads::new(payloads) }
    }

    /// Takes the next of its events.
    pub(super) fn push(&mut self, event: &Event) {
        self.timeline.push(event);
        self.payloads.push(event);
    }

    pub(super) fn finish(self) -> (Timeline, Payloads) {
        (self.timeline.finish(), self.payloads)
    }
}

/// Makes pasts of events that arrive execution by execution.
pub(super) struct Reader {
    payloads: bool,
    open: Option<(ExecutionKey, Past)>,
    done: Vec<Past>,
}

impl Reader {
    pub(super) fn new(payloads: bool) -> Self {
        Self { payloads, open: None, done: Vec::new() }
    }

    pub(super) fn take(&mut self, chunk: &Chunk) {
        for text in chunk.texts() {
            match Event::from_stored(text) {
                Some(event) => self.push(&event),
                None => self.lost(1),
            }
        }
        self.lost(chunk.unreadable());
    }

    fn push(&mut self, event: &Event) {
        let same = self.open.as_ref().is_some_and(|(key, _)| {
            *key.instance_id == *event.instance_id && key.execution_id == event.execution_id
        });
        if !same {
            self.close();
            let key = ExecutionKey {
                instance_id: event.instance_id.as_str().into(),
                execution_id: event.execution_id,
            };
            let past = Past::new(&key, self.payloads);
            self.open = Some((key, past));
        }
        if let Some((_, past)) = &mut self.open {
            past.push(event);
        }
    }

    /// Events that cannot be decoded are of the execution whose others they are among.
    fn lost(&mut self, events: u64) {
        if let Some((_, past)) = &mut self.open {
            past.timeline.skip(events);
        }
    }

    fn close(&mut self) {
        self.done.extend(self.open.take().map(|(_, past)| past));
    }

    pub(super) fn finish(mut self) -> Vec<Past> {
        self.close();
        self.done
    }
}
