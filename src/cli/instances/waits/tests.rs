//! The sentence for every reason.

use super::super::super::text::Style;
use super::super::fixture::{NOW, ahead, entry, message, open};
use super::*;

fn said(reason: Option<WaitReason>, waits: Vec<OpenWait>, messages: Vec<QueuedMessage>) -> String {
    let waits = InstanceWaits { reason, waits, messages, ..InstanceWaits::none("order", 1, NOW) };
    sentence_of(&waits)
}

fn sentence_of(waits: &InstanceWaits) -> String {
    let style = Style::new(false, &[]);
    let terminal = Terminal {
        out: &mut std::io::sink(),
        err: &mut std::io::sink(),
        style,
        err_style: style,
        width: None,
        typed: &[],
        now: NOW,
    };
    super::reason(waits, &terminal).unwrap_or_default()
}

fn activity(queued: Option<QueueEntry>, tag: Option<&str>) -> OpenWait {
    open(5, 200, Awaited::Activity { name: "Charge".to_owned(), tag: tag.map(str::to_owned), queued })
}

fn worker(state: MessageState, attempts: u64) -> QueueEntry {
    entry(Queue::Worker, state, attempts, 190)
}

#[test]
fn an_activity_is_as_its_row_is() {
    use MessageState::{Delayed, InFlight, LeaseExpired, Ready};
    let leased = |state, seconds| QueueEntry { leased_until: Some(ahead(seconds)), ..worker(state, 1) };
    let again = QueueEntry { visible_at: Some(ahead(12)), ..worker(Delayed, 3) };
    for (entry, tag, expected) in [
        (worker(Ready, 0), None, ": ready since 3m10s, no worker has taken it yet"),
        (worker(Ready, 0), Some("gpu"), " with the tag gpu: ready since 3m10s, no worker has taken it yet"),
        (worker(Ready, 2), None, ": ready since 3m10s for attempt 3, no worker has taken it"),
        (leased(InFlight, 20), None, ": a worker is at it, leased for 20s, attempt 1"),
        (worker(InFlight, 1), None, ": a worker is at it, attempt 1"),
        (
            leased(LeaseExpired, -30),
            None,
            ": the lease of attempt 1 ran out 30s ago: its worker died or hangs; it will be handed out again",
        ),
        (again, None, ": tried 3 times, attempt 4 in 12s"),
    ] {
        let reason = if entry.is_retrying() { WaitReason::Retrying } else { WaitReason::Activity };
        let said = said(Some(reason), vec![activity(Some(entry), tag)], Vec::new());
        assert_eq!(said, format!("the activity Charge, since 3m20s, in the worker queue{expected}"));
    }
}

#[test]
fn the_first_of_its_kind_is_told_and_the_others_counted() {
    use MessageState::{Delayed, Ready};
    let lost = activity(None, None);
    let ready = activity(Some(worker(Ready, 0)), None);
    let again = QueueEntry { visible_at: Some(ahead(12)), ..worker(Delayed, 1) };
    let both = vec![lost, ready.clone(), ready, activity(Some(again), None)];
    let active = said(Some(WaitReason::Activity), both.clone(), Vec::new());
    assert!(active.starts_with("the activity Charge, since 3m20s, in the worker queue: ready"), "{active}");
    assert!(active.ends_with(", and 2 more like it"), "{active}");
    let retrying = said(Some(WaitReason::Retrying), both, Vec::new());
    assert!(retrying.ends_with("tried once, attempt 2 in 12s"), "{retrying}");
}

#[test]
fn what_is_no_activity() {
    let child = |status, alive| {
        let (name, instance_id) = ("Pay".to_owned(), "order::sub::2".to_owned());
        vec![open(2, 60, Awaited::Child { name, instance_id, status, alive })]
    };
    let event =
        |channel, missed| vec![open(2, 60, Awaited::Event { channel, name: "go".to_owned(), missed })];
    let timer = |queued| vec![open(2, 60, Awaited::Timer { due_at: ahead(90), queued })];
    let put_off = |seconds, attempts| QueueEntry {
        visible_at: Some(ahead(seconds)),
        ..entry(Queue::Timer, MessageState::Delayed, attempts, 60)
    };
    let stuck = "something that will never come (stuck): ";
    let lost = vec![activity(None, None), activity(None, None)];
    for (reason, waits, expected) in [
        (
            WaitReason::Child,
            child(Some(InstanceStatus::Running), true),
            "the child order::sub::2 (Pay), which runs, since 1m0s".to_owned(),
        ),
        (
            WaitReason::Child,
            child(None, true),
            "the child order::sub::2 (Pay), which is about to start, since 1m0s".to_owned(),
        ),
        (WaitReason::Event, event(Channel::Event, 0), "the event go, since 1m0s: not raised yet".to_owned()),
        (
            WaitReason::Event,
            event(Channel::Event, 1),
            "the event go, since 1m0s: raised once while nothing waited for it, and dropped by the framework"
                .to_owned(),
        ),
        (
            WaitReason::Event,
            event(Channel::Queue, 0),
            "a message of the queue go, since 1m0s: none has come yet".to_owned(),
        ),
        (
            WaitReason::Timer,
            timer(Some(put_off(90, 0))),
            "a timer, due in 1m30s (2026-11-23T12:01:30.000Z)".to_owned(),
        ),
        (WaitReason::Stuck, Vec::new(), format!("{stuck}everything it began has ended")),
        (WaitReason::Stuck, lost, format!("{stuck}the activity Charge (in no queue) and 1 more")),
        (
            WaitReason::Stuck,
            child(Some(InstanceStatus::Failed), false),
            format!("{stuck}the child order::sub::2 (has failed)"),
        ),
        (WaitReason::Stuck, timer(None), format!("{stuck}a timer (in no queue)")),
        (WaitReason::Executing, Vec::new(), "nothing: a runtime takes a turn of it".to_owned()),
    ] {
        assert_eq!(said(Some(reason), waits, Vec::new()), expected);
    }
    assert_eq!(said(None, Vec::new(), Vec::new()), "");
    assert_eq!(said(Some(WaitReason::Child), Vec::new(), Vec::new()), "child");
    let executing = InstanceWaits {
        reason: Some(WaitReason::Executing),
        executing_until: Some(ahead(4)),
        ..InstanceWaits::none("order", 1, NOW)
    };
    assert_eq!(sentence_of(&executing), "nothing: a runtime takes a turn of it, leased for 4.0s");
}

#[test]
fn a_message_that_is_in_no_wait_is_told_where_it_is_the_reason() {
    let ready = QueuedMessage {
        entry: entry(Queue::Orchestrator, MessageState::Ready, 0, 61),
        ..message("ActivityCompleted", "", 61)
    };
    assert_eq!(
        said(Some(WaitReason::Ready), Vec::new(), vec![ready]),
        "a runtime that takes its next turn: ActivityCompleted is ready since 1m1s, no runtime has taken it yet"
    );
    let again =
        QueueEntry { visible_at: Some(ahead(5)), ..entry(Queue::Orchestrator, MessageState::Delayed, 2, 61) };
    let again = QueuedMessage { entry: again, ..message("ExternalRaised", "go\u{1b}", 61) };
    assert_eq!(
        said(Some(WaitReason::Retrying), Vec::new(), vec![again]),
        "ExternalRaised go\u{fffd} in the orchestrator queue: tried 2 times, attempt 3 in 5.0s"
    );
    let lost =
        QueueEntry { visible_at: Some(ahead(90)), ..entry(Queue::Timer, MessageState::Delayed, 0, 61) };
    let lost = QueuedMessage { name: None, entry: lost, ..message("TimerFired", "", 61) };
    assert_eq!(
        said(Some(WaitReason::Timer), Vec::new(), vec![lost]),
        "TimerFired in the timer queue: due in 1m30s"
    );
}
