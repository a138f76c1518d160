use super::*;

impl History {
    fn wait(&mut self, name: &str) -> u64 {
        self.add("ExternalSubscribed", json!({"name": name}))
    }

    fn event(&mut self, name: &str) -> u64 {
        self.add("ExternalEvent", json!({"name": name, "data": "d"}))
    }

    fn wait_dropped(&mut self, wait: u64) -> u64 {
        self.add_about(Some(wait), "ExternalSubscribedCancelled", json!({"reason": "dropped_future"}))
    }

    fn wait_outlived(&mut self, wait: u64) -> u64 {
        let reason = json!({"reason": "orchestration_terminal"});
        self.add_about(Some(wait), "ExternalSubscribedCancelled", reason)
    }

    fn dequeue(&mut self, name: &str) -> u64 {
        self.add("ExternalSubscribedPersistent", json!({"name": name}))
    }

    fn message(&mut self, name: &str) -> u64 {
        self.add("ExternalEventPersistent", json!({"name": name, "data": "d"}))
    }

    fn dequeue_dropped(&mut self, wait: u64) -> u64 {
        let reason = json!({"reason": "dropped_future"});
        self.add_about(Some(wait), "ExternalSubscribedPersistentCancelled", reason)
    }

    /// A turn of its own in which something happens, so that it does not melt into the next.
    fn turn(&mut self) {
        let timer = self.timer();
        self.fired(timer);
        self.add("CustomStatusUpdated", json!({}));
    }

    fn ends<const N: usize>(&self, events: [u64; N]) -> [(TimelineOutcome, Option<u64>); N] {
        let timeline = self.timeline();
        events.map(|event| timeline.end_of(event))
    }
}

#[test]
fn events_go_to_the_oldest_wait_of_their_name() {
    let mut history = History::started();
    let [one, two, other] = ["E", "E", "F"].map(|name| history.wait(name));
    let first = history.event("E");
    let nobodys = history.event("nobody's");
    let second = history.event("F");
    assert_eq!(history.ends([one, two, other]), [completed(first), OPEN, completed(second)]);
    let timeline = history.timeline();
    assert_eq!((timeline.of(one).kind, timeline.of(one).name.as_deref()), (TimelineKind::Event, Some("E")));
    assert!(timeline.entries.iter().all(|entry| entry.event_id != nobodys));
}

#[test]
fn an_event_that_nobody_waits_for_is_lost_but_a_message_stays() {
    let mut history = History::started();
    history.event("E");
    let wait = history.wait("E");
    let [early, late] = [history.message("E"), history.message("E")];
    let [one, two, three] = [(); 3].map(|()| history.dequeue("E"));
    assert_eq!(history.ends([wait, one, two, three]), [OPEN, completed(early), completed(late), OPEN]);
    assert_eq!(history.timeline().of(one).kind, TimelineKind::QueueEvent);
    // Other names, other queues; and a queue's message is no event.
    history.message("F");
    let last = history.message("E");
    assert_eq!(history.ends([wait, three]), [OPEN, completed(last)]);
}

#[test]
fn a_dropped_wait_takes_nothing() {
    let mut history = History::started();
    let [one, two] = [history.wait("E"), history.wait("E")];
    let [first, second] = [history.dequeue("E"), history.dequeue("E")];
    history.turn();
    let [dropped, dequeue_dropped] = [history.wait_dropped(one), history.dequeue_dropped(first)];
    history.turn();
    let [event, message] = [history.event("E"), history.message("E")];
    assert_eq!(history.ends([one, two]), [cancelled(dropped), completed(event)]);
    assert_eq!(history.ends([first, second]), [cancelled(dequeue_dropped), completed(message)]);
}

/// The time limit fires, the wait is dropped, and then the turn meets an event for it.
#[test]
fn a_wait_is_dropped_before_its_turn_says_so() {
    let late_event = |version: &'static str| {
        let mut history = History::under(version);
        let [one, two, three] = [(); 3].map(|()| history.wait("E"));
        let limit = history.timer();
        history.fired(limit);
        let events = [history.event("E"), history.event("E")];
        let dropped = history.wait_dropped(one);
        (history.ends([one, two, three]), dropped, events)
    };
    let (ends, dropped, [first, second]) = late_event("0.1.32");
    assert_eq!(ends, [cancelled(dropped), completed(first), completed(second)]);
    // Formerly the drop counted only once it was recorded: the second had its event by then, so the third gets it,
    // too.
    let (ends, dropped, [_, second]) = late_event("0.1.30");
    assert_eq!(ends, [cancelled(dropped), completed(second), completed(second)]);
}

#[test]
fn an_event_for_a_wait_dropped_in_its_turn_does_not_reach_the_next_wait() {
    let mut history = History::started();
    let one = history.wait("E");
    let limit = history.timer();
    history.fired(limit);
    history.event("E");
    let two = history.wait("E");
    let dropped = history.wait_dropped(one);
    assert_eq!(history.ends([one, two]), [cancelled(dropped), OPEN]);
}

/// The wait held an event that nobody had looked at.
#[test]
fn what_a_dropped_wait_held() {
    let held = |version: &'static str| {
        let mut history = History::under(version);
        let [one, two] = [history.wait("E"), history.wait("E")];
        let event = history.event("E");
        history.turn();
        let dropped = history.wait_dropped(one);
        let three = history.wait("E");
        (history.ends([one, two, three]), dropped, event)
    };
    for version in ["0.1.31", "0.1.32", "0.2.0", "1.0.0", "0.1.31+build-7"] {
        let (ends, dropped, _) = held(version);
        assert_eq!(ends, [cancelled(dropped), OPEN, OPEN], "{version}: it is lost");
    }
    for version in ["0.1.30", "0.0.99", "0.1.31-rc.1", "", "x", "0.1", "0.1.31.1"] {
        let (ends, dropped, event) = held(version);
        assert_eq!(ends, [cancelled(dropped), completed(event), OPEN], "{version}: the next wait has it");
    }
}

#[test]
fn what_a_dropped_wait_held_may_reach_a_later_wait_of_old_frameworks() {
    let mut history = History::under("0.1.30");
    let one = history.wait("E");
    let event = history.event("E");
    history.turn();
    let dropped = history.wait_dropped(one);
    history.turn();
    let [two, three] = [history.wait("E"), history.wait("E")];
    assert_eq!(history.ends([one, two, three]), [cancelled(dropped), completed(event), OPEN]);
}

#[test]
fn the_first_event_decides_about_the_policy() {
    let mut history = History::under("0.1.30");
    let one = history.wait("E");
    history.version = "0.1.32";
    let two = history.wait("E");
    let event = history.event("E");
    history.turn();
    history.wait_dropped(one);
    assert_eq!(history.ends([two]), [completed(event)]);
}

#[test]
fn a_message_outlives_the_drop_of_its_reader() {
    for version in ["0.1.30", "0.1.32"] {
        let mut history = History::under(version);
        let message = history.message("E");
        history.turn();
        let one = history.dequeue("E");
        history.turn();
        let dropped = history.dequeue_dropped(one);
        history.turn();
        let two = history.dequeue("E");
        assert_eq!(history.ends([one, two]), [cancelled(dropped), completed(message)], "{version}");
    }
}

#[test]
fn readers_of_a_queue_keep_their_order_when_one_is_dropped() {
    let mut history = History::started();
    let [one, two, three] = [(); 3].map(|()| history.dequeue("E"));
    let limit = history.timer();
    history.fired(limit);
    let [first, second] = [history.message("E"), history.message("E")];
    let dropped = history.dequeue_dropped(one);
    assert_eq!(history.ends([one, two, three]), [cancelled(dropped), completed(first), completed(second)]);
}

#[test]
fn a_wait_dropped_in_the_turn_that_began_it_takes_nothing() {
    let mut history = History::started();
    let timer = history.timer();
    history.fired(timer);
    let [one, two] = [history.wait("E"), history.wait("E")];
    let dropped = history.wait_dropped(one);
    let event = history.event("E");
    assert_eq!(history.ends([one, two]), [cancelled(dropped), completed(event)]);
}

#[test]
fn a_reader_dropped_in_the_turn_that_began_it_does_not_count() {
    let mut history = History::started();
    let timer = history.timer();
    history.fired(timer);
    let one = history.dequeue("Q");
    let dropped = history.dequeue_dropped(one);
    let message = history.message("Q");
    let two = history.dequeue("Q");
    assert_eq!(history.ends([one, two]), [cancelled(dropped), completed(message)]);
}

/// The first event ends a race that the wait for the second loses.
#[test]
fn an_event_may_be_why_a_wait_is_dropped() {
    let mut history = History::started();
    let [raced, one, two] = ["F", "E", "E"].map(|name| history.wait(name));
    let cause = history.event("F");
    let event = history.event("E");
    let dropped = history.wait_dropped(one);
    assert_eq!(history.ends([raced, one, two]), [completed(cause), cancelled(dropped), completed(event)]);
}

#[test]
fn the_framework_may_be_wrong_about_waits_at_the_end() {
    let mut history = History::started();
    let [one, two] = [history.wait("E"), history.wait("E")];
    let limit = history.timer();
    history.fired(limit);
    let event = history.event("E");
    let dropped = history.wait_dropped(one);
    let third = history.wait("E");
    // It believes that the event went to the first wait.
    history.wait_outlived(two);
    let outlived = history.wait_outlived(third);
    history.add("OrchestrationCompleted", json!({}));
    assert_eq!(history.ends([one, two, third]), [cancelled(dropped), completed(event), cancelled(outlived)]);
}

#[test]
fn a_wait_is_given_up_once() {
    let mut history = History::started();
    let [one, two] = [history.wait("E"), history.wait("E")];
    let first = history.wait_dropped(one);
    history.wait_dropped(one);
    history.wait_outlived(one);
    let event = history.event("E");
    assert_eq!(history.ends([one, two]), [cancelled(first), completed(event)]);
}
