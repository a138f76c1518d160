//! How an entry begins and ends.

use super::model::{TimelineEntry, TimelineKind, TimelineOutcome};
use super::waits::Ending;
use crate::history::Event;
use crate::management::Timestamp;

/// An entry that is open from this event on.
pub(super) fn begin(event: &Event, kind: TimelineKind, name: Option<&str>) -> TimelineEntry {
    TimelineEntry {
        kind,
        name: name.map(str::to_owned),
        instance_id: None,
        tag: None,
        event_id: event.event_id,
        ended_by: None,
        started_at: moment(event.timestamp_ms),
        ended_at: None,
        due_at: None,
        outcome: TimelineOutcome::Open,
        failure_kind: None,
        attempt: 1,
        retry_of: None,
    }
}

pub(super) fn end_at(entry: &mut TimelineEntry, outcome: TimelineOutcome, ending: Ending) {
    entry.outcome = outcome;
    entry.ended_by = Some(ending.event_id);
    // A message may have been there before its wait, and the clocks of two workers differ.
    entry.ended_at = Some(ending.at.max(entry.started_at));
}

pub(super) fn ending(event: &Event) -> Ending {
    Ending { event_id: event.event_id, at: moment(event.timestamp_ms) }
}

/// A time of the framework. A damaged store may hold any number.
pub(super) fn moment(millis: u64) -> Timestamp {
    Timestamp::from_unix_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}
