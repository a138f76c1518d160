//! What is open in an execution, event by event.

use std::collections::HashMap;

use crate::history::{EventRef, PendingWaits, Row, Wait, WaitChange};
use crate::labels::EventType;

/// What is open in an execution, so far.
#[derive(Default)]
pub(in crate::store) struct OpenWaitReader {
    pub(super) opens: PendingWaits<String>,
    /// Events that nothing waited for, by name.
    pub(super) missed: HashMap<String, u64>,
    pub(super) undecodable: u64,
}

impl OpenWaitReader {
    /// Takes the next event.
    pub(in crate::store) fn take(&mut self, row: Row<'_>) {
        match EventRef::of(row) {
            Ok(event) => {
                let effect = self.opens.take(&event, str::to_owned);
                if event.event_type == EventType::ExternalEvent && effect == WaitChange::None {
                    *self.missed.entry(event.name().into_owned()).or_default() += 1;
                }
            }
            Err(_) => self.undecodable += 1,
        }
    }

    pub(super) fn children(&self) -> Vec<String> {
        let child = |wait: &Wait<String>| match wait {
            Wait::Child { instance_id, .. } => Some(instance_id.to_string()),
            _ => None,
        };
        self.opens.iter().filter_map(|open| child(&open.wait)).collect()
    }
}
