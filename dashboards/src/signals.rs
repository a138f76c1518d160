//! What several dashboards ask.

use crate::model::Panel;
use crate::panel::stat;
use crate::query::{Family, family, max, share, sum};

/// A second figure for "more than this": a queue that nobody empties drains in infinite time.
pub(crate) const DAY: f64 = 86_400.0;

/// Events of a history that a message of the orchestrator queue became.
const CONSUMED: &str = concat!(
    "type=~\"OrchestrationStarted|OrchestrationCancelRequested|ActivityCompleted|ActivityFailed|TimerFired|",
    "SubOrchestrationCompleted|SubOrchestrationFailed|ExternalEvent|ExternalEventPersistent\""
);

/// Messages a second that leave each queue. On a standby, which has no sequences to go by, what the history tells.
pub(crate) fn dequeued() -> String {
    let of_history = |queue, family: &Family| {
        format!(r#"label_replace({}, "queue", "{queue}", "", "")"#, sum(&["store"], &family.rate()))
    };
    format!(
        "{} or {} or {}",
        family("duroxide_queue_dequeued_total").rate(),
        of_history("worker", &family("duroxide_activities_finished_total")),
        of_history("orchestrator", &family("duroxide_history_events_total").with(CONSUMED)),
    )
}

/// What a worker would be handed now, by store and queue; due timers are work for orchestrators.
fn work() -> String {
    let fetchable = |matcher| family("duroxide_queue_fetchable_messages").with(matcher).now();
    format!(
        r#"{} or label_replace({}, "queue", "orchestrator", "", "")"#,
        fetchable(r#"queue="worker""#),
        sum(&["store"], &fetchable(r#"queue=~"orchestrator|timer""#)),
    )
}

/// Seconds until each queue is empty if nothing more came, at most a day; 0 when it is empty.
pub(crate) fn drain() -> String {
    let work = work();
    format!("clamp_max((({work}) > 0) / on (store, queue) ({}) or ({work}) == 0, {DAY})", dequeued())
}

/// How old what is known about a store is, by the freshest exporter: its poll, and how far behind the replica is.
pub(crate) fn data_age() -> String {
    let snapshot = family("duroxide_snapshot_age_seconds").least();
    let lag = family("duroxide_store_replication_lag_seconds").least();
    format!("{snapshot} + on (store) {lag} or {snapshot}")
}

pub(crate) fn oldest_ready_age(matcher: Option<&str>) -> String {
    filtered("duroxide_queue_oldest_ready_age_seconds", matcher).now()
}

pub(crate) fn filtered(name: &'static str, matcher: Option<&str>) -> Family {
    match matcher {
        Some(matcher) => family(name).with(matcher),
        None => family(name),
    }
}

/// Share of executions that failed in a quarter of an hour, by labels. What somebody cancelled did not fail, and what
/// continues as new did not end.
pub(crate) fn failed_share(by: &[&str], matcher: Option<&str>) -> String {
    let finished = filtered("duroxide_executions_finished_total", matcher);
    let failed = finished.clone().with(r#"outcome="failed",failure_kind!="cancelled""#).increase("15m");
    let ended = finished.with(r#"outcome=~"completed|failed""#).increase("15m");
    share(&sum(by, &failed), &sum(by, &ended))
}

pub(crate) fn stuck(matcher: Option<&str>) -> Family {
    filtered("duroxide_instances_waiting", matcher).with(r#"reason="stuck""#)
}

/// The stat of the oldest work.
pub(crate) fn oldest_ready_stat(matcher: Option<&str>) -> Panel {
    stat(
        "Oldest waiting work",
        "How long the oldest message that could be worked on has been waiting, in whichever store and queue that is \
         longest. The first number to look at: it is 0 whenever workers keep up, however much comes, and sleeping timers \
         are not in it.",
        "s",
        &max(&[], &oldest_ready_age(matcher)),
    )
    .thresholds(&[(60.0, "yellow"), (300.0, "red")])
}

/// The stat of failures.
pub(crate) fn failed_stat(matcher: Option<&str>) -> Panel {
    stat(
        "Failed, last 15 min",
        "Share of the executions that ended in the last 15 minutes which failed, for whatever reason but a \
         cancellation. Declined cards are failures here if the application fails its orchestrations for them.",
        "percentunit",
        &failed_share(&[], matcher),
    )
    .thresholds(&[(0.05, "yellow"), (0.25, "red")])
}

/// The stat of what will never wake.
pub(crate) fn stuck_stat(matcher: Option<&str>) -> Panel {
    stat(
        "Stuck instances",
        "Running instances that nothing will ever wake: a message they wait for was lost. `instances show` of the \
         command line says what each of them waits for.",
        "short",
        &sum(&[], &stuck(matcher).now()),
    )
    .thresholds(&[(1.0, "red")])
}
