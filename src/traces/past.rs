//! What an execution did, from its events.

use super::payload::Payloads;
use crate::history::{Event, Row};
use crate::management::{Timeline, TimelineBuilder};
use crate::source::{Chunk, ExecutionKey};

/// What one execution did.
#[derive(Debug)]
pub(super) struct ExecutionEvents {
    timeline: TimelineBuilder,
    payloads: Payloads,
}

impl ExecutionEvents {
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
    open: Option<(ExecutionKey, ExecutionEvents)>,
    done: Vec<ExecutionEvents>,
}

impl Reader {
    pub(super) fn new(payloads: bool) -> Self {
        Self { payloads, open: None, done: Vec::new() }
    }

    pub(super) fn take(&mut self, chunk: &Chunk) {
        chunk.each(|row| {
            let past = self.of(row);
            match Event::of(row) {
                Ok(event) => past.push(&event),
                Err(_) => past.timeline.skip(1),
            }
        });
    }

    /// The past of the execution that a row belongs to.
    fn of(&mut self, row: Row<'_>) -> &mut ExecutionEvents {
        let same = |(key, _): &(ExecutionKey, ExecutionEvents)| {
            *key.instance_id == *row.instance_id && key.execution_id == row.execution_id
        };
        if !self.open.as_ref().is_some_and(same) {
            self.close();
        }
        let payloads = self.payloads;
        let (_, past) = self.open.get_or_insert_with(|| {
            let key = ExecutionKey { instance_id: row.instance_id.into(), execution_id: row.execution_id };
            let past = ExecutionEvents::new(&key, payloads);
            (key, past)
        });
        past
    }

    fn close(&mut self) {
        self.done.extend(self.open.take().map(|(_, past)| past));
    }

    pub(super) fn finish(mut self) -> Vec<ExecutionEvents> {
        self.close();
        self.done
    }
}
