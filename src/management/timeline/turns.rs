//! Where a turn begins, as far as a history tells.

/// Finds the turns of a history.
///
/// A turn records first what came in (completions, fired timers, events, requests to cancel) and then what the
/// orchestration did about it; of that, dropped futures come last, although they may have been dropped early. No
/// event says where a turn begins: turns in which the orchestration did nothing melt into the next.
#[derive(Debug, Default)]
pub(super) struct Turns {
    position: u64,
    coming_in: bool,
    first: Option<u64>,
}

impl Turns {
    /// Takes the next event: its position among all.
    pub(super) fn take(&mut self, event_type: &str) -> u64 {
        self.position += 1;
        let comes_in = comes_in(event_type);
        if comes_in && !self.coming_in {
            self.first = Some(self.position);
        }
        self.coming_in = comes_in;
        self.position
    }

    /// Position of the first event that came in for the turn at hand; names the turn. `None` in a first turn that
    /// nothing came in for.
    pub(super) fn first(&self) -> Option<u64> {
        self.first
    }
}

fn comes_in(event_type: &str) -> bool {
    matches!(
        event_type,
        "ActivityCompleted"
            | "ActivityFailed"
            | "TimerFired"
            | "SubOrchestrationCompleted"
            | "SubOrchestrationFailed"
            | "ExternalEvent"
            | "ExternalEventPersistent"
            | "OrchestrationCancelRequested"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_begins_with_what_came_in_after_something_was_done() {
        let mut turns = Turns::default();
        let mut first = |event_type| {
            turns.take(event_type);
            turns.first()
        };
        assert_eq!(first("OrchestrationStarted"), None);
        assert_eq!(first("ActivityScheduled"), None);
        let coming_in = [
            "ActivityCompleted",
            "ActivityFailed",
            "TimerFired",
            "SubOrchestrationCompleted",
            "SubOrchestrationFailed",
            "ExternalEvent",
            "ExternalEventPersistent",
            "OrchestrationCancelRequested",
        ];
        for (event_type, begin) in coming_in.into_iter().zip((3..).step_by(4)) {
            assert_eq!(first(event_type), Some(begin), "{event_type}");
            assert_eq!(first("TimerFired"), Some(begin), "{event_type}");
            assert_eq!(first("TimerCreated"), Some(begin));
            assert_eq!(first("ActivityCancelRequested"), Some(begin));
        }
    }
}
