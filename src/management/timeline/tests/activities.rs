use super::*;
use crate::labels::FailureKind;

#[test]
fn activities_and_timers_end_as_their_events_say() {
    let mut history = History::started();
    let [good, bad, cancelled_one, open] = ["a", "b", "c", "d"].map(|input| history.activity("A", input));
    let tagged = history.add("ActivityScheduled", json!({"name": "T", "input": "", "tag": "gpu"}));
    let [fired, unfired] = [history.timer(), history.timer()];
    let good_end = history.completed(good);
    let bad_end = history.failed(bad);
    let fired_end = history.fired(fired);
    let cancelled_end = history.dropped(cancelled_one);

    let timeline = history.timeline();
    assert_eq!(timeline.end_of(good), completed(good_end));
    assert_eq!(timeline.end_of(bad), failed(bad_end));
    assert_eq!(timeline.end_of(cancelled_one), cancelled(cancelled_end));
    assert_eq!(timeline.end_of(fired), completed(fired_end));
    assert_eq!([open, unfired, tagged].map(|event| timeline.end_of(event)), [OPEN; 3]);
    assert_eq!(timeline.of(bad).failure_kind, Some(FailureKind::Application));
    assert_eq!(timeline.of(good).failure_kind, None);
    assert_eq!(timeline.of(tagged).tag.as_deref(), Some("gpu"));
    assert_eq!(
        (timeline.of(good).kind, timeline.of(fired).kind),
        (TimelineKind::Activity, TimelineKind::Timer)
    );
    assert_eq!(timeline.of(good).name.as_deref(), Some("A"));
    assert_eq!((timeline.of(fired).due_at, timeline.of(good).due_at), (Some(at(77)), None));
    assert_eq!(timeline.entries.len(), 7);
}

#[test]
fn the_first_end_counts() {
    let mut history = History::started();
    let [late, dropped] = [history.activity("A", "1"), history.activity("A", "2")];
    let result = history.completed(late);
    history.dropped(late);
    let given_up = history.dropped(dropped);
    history.completed(dropped);
    let timeline = history.timeline();
    assert_eq!(timeline.end_of(late), completed(result), "its result had been recorded");
    assert_eq!(timeline.end_of(dropped), cancelled(given_up), "nobody looked at its result");
}

#[test]
fn pseudo_activities_are_left_out() {
    let mut history = History::started();
    for name in ["new_guid", "utc_now_ms", "get_kv_value"] {
        let syscall = history.activity(&format!("__duroxide_syscall:{name}"), "");
        history.completed(syscall);
    }
    history.add("SystemCall", json!({"op": "guid", "value": "v"}));
    let timeline = history.timeline();
    assert_eq!(timeline.entries, []);
    assert_eq!((timeline.unknown_events, timeline.undecodable_events), (0, 0));
}

#[test]
fn a_call_after_a_failed_one_is_its_next_try() {
    let mut history = History::started();
    let first = history.activity("A", "x");
    history.failed(first);
    let back_off = history.timer();
    history.fired(back_off);
    let second = history.activity("A", "x");
    history.failed(second);
    let third = history.activity("A", "x");
    history.completed(third);
    let anew = history.activity("A", "x");
    let timeline = history.timeline();
    assert_eq!(
        timeline.tries_of(&[first, second, third, anew]),
        [(1, None), (2, Some(first)), (3, Some(first)), (1, None)]
    );
    assert_eq!(timeline.tries_of(&[back_off]), [(1, None)]);
}

#[test]
fn only_the_very_same_call_is_a_try() {
    let mut history = History::started();
    let call = |input: &str, tag: Option<&str>, session: Option<&str>, name: &str| json!({"name": name, "input": input, "tag": tag, "session_id": session});
    let first = history.add("ActivityScheduled", call("x", None, None, "A"));
    history.failed(first);
    let others = [
        call("y", None, None, "A"),
        call("x", Some("gpu"), None, "A"),
        call("x", None, Some("s"), "A"),
        call("x", None, None, "B"),
        call("A", None, None, "x"),
    ]
    .map(|fields| history.add("ActivityScheduled", fields));
    let same = history.add("ActivityScheduled", call("x", None, None, "A"));
    let timeline = history.timeline();
    assert_eq!(timeline.tries_of(&others), [(1, None); 5]);
    assert_eq!(timeline.tries_of(&[same]), [(2, Some(first))]);
}

#[test]
fn equal_calls_side_by_side_are_no_tries_of_each_other() {
    let mut history = History::started();
    let [one, two, three] = [(); 3].map(|()| history.activity("A", "x"));
    history.failed(two);
    history.failed(one);
    let [again_two, again_one, fresh] = [(); 3].map(|()| history.activity("A", "x"));
    history.failed(three);
    let again_three = history.activity("A", "x");
    let timeline = history.timeline();
    assert_eq!(timeline.tries_of(&[one, two, three, fresh]), [(1, None); 4]);
    // Whoever failed first is tried again first.
    assert_eq!(
        timeline.tries_of(&[again_two, again_one, again_three]),
        [(2, Some(two)), (2, Some(one)), (2, Some(three))]
    );
}

#[test]
fn a_call_after_a_dropped_one_is_its_next_try() {
    let mut history = History::started();
    let first = history.activity("A", "x");
    let limit = history.timer();
    history.fired(limit);
    // In one turn: scheduled anew, and only then recorded as dropped.
    let second = history.activity("A", "x");
    let second_limit = history.timer();
    history.dropped(first);
    history.fired(second_limit);
    let back_off = history.timer();
    history.dropped(second);
    history.fired(back_off);
    let third = history.activity("A", "x");
    assert_eq!(
        history.timeline().tries_of(&[first, second, third]),
        [(1, None), (2, Some(first)), (3, Some(first))]
    );
}

#[test]
fn calls_dropped_together_are_tried_again_in_their_order() {
    let mut history = History::started();
    let [one, two] = [history.activity("A", "x"), history.activity("A", "x")];
    let limit = history.timer();
    history.fired(limit);
    let [again_one, again_two] = [history.activity("A", "x"), history.activity("A", "x")];
    history.dropped(one);
    history.dropped(two);
    assert_eq!(history.timeline().tries_of(&[again_one, again_two]), [(2, Some(one)), (2, Some(two))]);
}

#[test]
fn what_the_same_turn_drops_or_the_end_clears_up_has_no_next_try() {
    let mut history = History::started();
    let timer = history.timer();
    history.fired(timer);
    let [raced, winner] = [history.activity("A", "x"), history.activity("A", "x")];
    history.dropped(raced);
    assert_eq!(history.timeline().tries_of(&[raced, winner]), [(1, None); 2]);

    let mut history = History::started();
    let early = history.activity("A", "x");
    let timer = history.timer();
    history.fired(timer);
    let late = history.activity("A", "x");
    history.add("OrchestrationCompleted", json!({}));
    for activity in [early, late] {
        let reason = json!({"reason": "orchestration_terminal_completed"});
        history.add_about(Some(activity), "ActivityCancelRequested", reason);
    }
    assert_eq!(history.timeline().tries_of(&[early, late]), [(1, None); 2]);
}

#[test]
fn a_race_of_equal_calls_leaves_the_loser_to_the_next_call() {
    let mut history = History::started();
    let [winner, loser] = [history.activity("A", "x"), history.activity("A", "x")];
    history.completed(winner);
    history.dropped(loser);
    let timer = history.timer();
    history.fired(timer);
    let later = history.activity("A", "x");
    assert_eq!(history.timeline().tries_of(&[loser, later]), [(1, None), (2, Some(loser))]);
}
