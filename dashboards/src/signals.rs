//! What several dashboards ask.

use crate::model::Panel;
use crate::panel::stat;
use crate::query::{Family, family, max, share, sum};

/// A queue that nobody empties drains in infinite time, for which no axis has a place: from eleven days on it is "never".
pub(crate) const NEVER: (f64, &str, &str) = (1e6, "never", "dark-red");

/// Events of a history that a message of the orchestrator queue became.
const CONSUMED: &str = concat!(
    "type=~\"OrchestrationStarted|OrchestrationCancelRequested|ActivityCompleted|ActivityFailed|TimerFired|",
    "SubOrchestrationCompleted|SubOrchestrationFailed|ExternalEvent|ExternalEventPersistent\""
);

/// Messages that leave each queue, by how counters grow: `Family::rate`, say. On a standby, which has no sequences to go by,
/// what the history tells.
pub(crate) fn dequeued(growth: impl Fn(&Family) -> String) -> String {
    let of_history = |queue, family: &Family| {
        format!(r#"label_replace({}, "queue", "{queue}", "", "")"#, sum(&["store"], &growth(family)))
    };
    format!(
        "{} or {} or {}",
        growth(&family("duroxide_queue_dequeued_total")),
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

/// Seconds until each queue is empty if nothing more came; 0 when it is empty, `NEVER` when nothing leaves it. The pace is
/// that of ten minutes, as in the alert: what is worked off in bursts would stand still between two of them.
pub(crate) fn drain() -> String {
    let work = work();
    let pace = dequeued(|family| format!("{} / 600", family.increase("10m")));
    let none = format!("({work}) * 0");
    format!("clamp_max((({work}) > 0) / on (store, queue) ({pace} or {none}) or {none} == 0, {})", NEVER.0)
}

/// How old what each exporter knows about a store is: its poll, and how far behind the replica is that it reads. One that
/// is fresh must not hide another that hangs.
fn data_ages() -> String {
    let snapshot = family("duroxide_snapshot_age_seconds").per_exporter().now();
    let lag = family("duroxide_store_replication_lag_seconds").per_exporter().now();
    format!("{snapshot} + on (job, instance, store) {lag} or {snapshot}")
}

/// That of the exporter with the oldest data, by labels.
pub(crate) fn data_age(by: &[&str]) -> String {
    max(by, &data_ages())
}

/// The stat of it.
pub(crate) fn data_age_stat() -> Panel {
    stat(
        "Age of the data",
        "How old what these pages show may be: the time since the last good poll, and the lag of the replica where one is \
         read, of the store and the exporter where that is longest. An exporter that is gone has none.",
        "s",
        &data_age(&[]),
    )
    .thresholds(&[(60.0, "yellow"), (300.0, "red")])
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

/// Share of executions that failed in a quarter of an hour, by labels: of those that completed or failed. What somebody
/// cancelled did neither, and what continues as new did not end. The alert DuroxideFailureRatio reckons alike.
pub(crate) fn failed_share(by: &[&str], matcher: Option<&str>) -> String {
    let finished =
        filtered("duroxide_executions_finished_total", matcher).with(r#"failure_kind!="cancelled""#);
    let failed = finished.clone().with(r#"outcome="failed""#).increase("15m");
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

/// What is known of the last minutes or hours, as long as an exporter still tells: the growth of counters outlives it.
pub(crate) fn while_watched(expression: &str) -> String {
    format!("({expression}) and {}", sum(&[], &family("duroxide_up").now()))
}

/// The stat of failures.
pub(crate) fn failed_stat(matcher: Option<&str>) -> Panel {
    stat(
        "Failed, last 15 min",
        "Failed executions of the last 15 minutes, divided by all that completed or failed in them. What was cancelled \
         counts on neither side, nor does what continued as new. Declined cards are failures here if the application \
         fails its orchestrations for them.",
        "percentunit",
        &while_watched(&failed_share(&[], matcher)),
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
