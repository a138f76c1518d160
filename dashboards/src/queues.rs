//! What waits in the queues, for how long, and why it does not move.

use crate::frame::{self, QUEUES, World};
use crate::layout::Layout;
use crate::model::{Dashboard, Panel};
use crate::panel::{Column, colors, series, stat, table};
use crate::query::{Family, family, max, sum};
use crate::signals::{NEVER, dequeued, drain, oldest_ready_age, oldest_ready_stat};

/// The queues that are chosen.
const CHOSEN: &str = r#"queue=~"$queue""#;

pub(crate) fn dashboard() -> Dashboard {
    let panels = Layout::default()
        .line(5, stats())
        .heading("States")
        .line(8, vec![(24, states())])
        .heading("Flow")
        .line(8, flow())
        .heading("Activities")
        .line(9, activities())
        .heading("Retries and leases")
        .line(7, retries())
        .heading("What blocks or is left over")
        .line(7, blocked())
        .finish();
    frame::dashboard(
        QUEUES,
        "duroxide / Queues",
        "What waits in the queues of a store, for how long, how fast it drains, and why it does not.",
        World::Store(&["store", "queue"]),
        panels,
    )
}

fn stats() -> Vec<(u32, Panel)> {
    vec![
        (4, oldest_ready_stat(Some(CHOSEN))),
        (
            4,
            stat(
                "Fetchable messages",
                "Messages that workers would be handed now: ready, or leased by a worker whose lease is over.",
                "short",
                &sum(&[], &family("duroxide_queue_fetchable_messages").with(CHOSEN).now()),
            ),
        ),
        (
            4,
            stat(
                "Ready instances",
                "Distinct instances with work for orchestrators, due timers included. One instance keeps one worker \
                 busy, however many messages it has: more workers than this would idle.",
                "short",
                &sum(&[], &family("duroxide_queue_ready_instances").now()),
            ),
        ),
        (
            4,
            stat(
                "Oldest expired lease",
                "How long ago the oldest lease that is over ran out: its worker died or hangs, and no other has taken \
                 the message yet.",
                "s",
                &max(&[], &family("duroxide_queue_oldest_expired_lease_age_seconds").with(CHOSEN).now()),
            )
            .thresholds(&[(30.0, "yellow"), (120.0, "red")]),
        ),
        (
            4,
            stat(
                "Most attempts",
                "Greatest number of times that a message which is still there was handed out. The runtime gives up at \
                 10, unless told otherwise, and fails the execution as poisoned.",
                "short",
                &max(&[], &family("duroxide_queue_max_attempts").with(CHOSEN).now()),
            )
            .thresholds(&[(3.0, "yellow"), (8.0, "red")]),
        ),
        (
            4,
            stat(
                "Blocking messages",
                "Messages for instances that do not exist, and messages that cannot be decoded. Each of them can stop \
                 everything behind it; see the last row of this page.",
                "short",
                &format!(
                    "{} + {}",
                    sum(&[], &family("duroxide_queue_orphan_messages").with(CHOSEN).now()),
                    sum(&[], &family("duroxide_queue_undecodable_messages").with(CHOSEN).now()),
                ),
            )
            .thresholds(&[(1.0, "red")]),
        ),
    ]
}

fn states() -> Panel {
    series(
        "Queue $queue by state",
        "Every row of the queue is in one state: ready (visible, not leased), blocked (visible, but its instance is \
         being executed), delayed (visible later; sleeping timers), in_flight (leased), lease_expired (leased by a \
         worker that is gone, and handed out again).",
        "short",
    )
    .stacked()
    .query(&sum(&["state"], &family("duroxide_queue_messages").with(CHOSEN).now()), "{{state}}")
    .palette(colors::MESSAGE_STATES)
    .repeat("queue", 3)
}

fn flow() -> Vec<(u32, Panel)> {
    vec![
        (
            12,
            series(
                "Oldest waiting work",
                "How long the oldest message that could be worked on has been waiting since it became visible.",
                "s",
            )
            .thresholds(&[(60.0, "yellow"), (300.0, "red")])
            .query(&oldest_ready_age(Some(CHOSEN)), "{{store}} {{queue}}"),
        ),
        (
            12,
            series(
                "Put in",
                "Messages a second that are put on the queues, from the tables' own sequences. The orchestrator queue \
                 includes timers. A standby cannot tell.",
                "cps",
            )
            .query(&family("duroxide_queue_enqueued_total").with(CHOSEN).rate(), "{{store}} {{queue}}"),
        ),
        (
            12,
            series(
                "Taken out",
                "Messages a second that leave the queues. Of a standby it is what the history tells: events that were \
                 messages, and activities that ended.",
                "cps",
            )
            .query(&chosen(&dequeued(Family::rate)), "{{store}} {{queue}}"),
        ),
        (
            12,
            series(
                "Time to drain",
                "How long what could be worked on would take at the pace of 10 minutes, if nothing more came; due timers \
                 are work for orchestrators. Never: nothing leaves the queue, or it takes 11 days and more. A second or less, \
                 also when nothing waits, is at the foot.",
                "s",
            )
            .log_from(1.0)
            .beyond(NEVER)
            .thresholds(&[(300.0, "yellow"), (1800.0, "red")])
            .query(&format!("clamp_min({}, 1)", chosen(&drain())), "{{store}} {{queue}}"),
        ),
    ]
}

/// Of an expression by queue, the chosen ones.
fn chosen(expression: &str) -> String {
    let queues = family("duroxide_queue_fetchable_messages").with(CHOSEN).now();
    format!("({expression}) and on (store, queue) {queues}")
}

fn activities() -> Vec<(u32, Panel)> {
    let rows = family("duroxide_activity_queue_messages");
    let by: &[&str] = &["store", "activity", "tag"];
    let state = |state: &str| sum(by, &rows.clone().with(&format!(r#"state="{state}""#)).now());
    let columns = [
        Column { field: "store", title: "Store", width: Some(170), ..Column::default() },
        Column { field: "activity", title: "Activity", ..Column::default() },
        Column { field: "tag", title: "Tag", width: Some(220), empty: "-", ..Column::default() },
        Column {
            field: "Value #A",
            title: "Ready",
            width: Some(140),
            thresholds: &[(1.0, "blue")],
            ..Column::default()
        },
        Column { field: "Value #B", title: "In flight", width: Some(140), ..Column::default() },
        Column { field: "Value #C", title: "Delayed", width: Some(140), ..Column::default() },
        Column {
            field: "Value #D",
            title: "Expired",
            width: Some(140),
            thresholds: &[(1.0, "red")],
            ..Column::default()
        },
    ];
    vec![
        (
            12,
            series(
                "Worker queue by activity",
                "Messages of the worker queue that could be worked on or are, by activity; unreadable are those that tell none.",
                "short",
            )
            .stacked()
            .query(
                &format!(
 r#"label_replace({}, "activity", "unreadable", "activity", "")"#,
 sum(&["activity"], &rows.clone().with(r#"state!="delayed""#).now())
),
                "{{activity}}",
            ),
        ),
        (
            12,
            series(
                "Oldest waiting work by tag",
                "How long the oldest activity of each routing tag has been waiting. One that only grows belongs to a \
                 tag that no worker serves.",
                "s",
            )
            .thresholds(&[(60.0, "yellow"), (300.0, "red")])
            .query(&family("duroxide_activity_queue_oldest_ready_age_seconds").now(), "{{store}} {{tag}}"),
        ),
        (
            24,
            table(
                "Activities in the queue",
                "Messages of the worker queue now, by activity and routing tag.",
                "short",
            )
            .query(&state("ready"), "")
            .query(&state("in_flight"), "")
            .query(&state("delayed"), "")
            .query(&state("lease_expired"), "")
            .columns(&columns, &[], "Ready"),
        ),
    ]
}

fn retries() -> Vec<(u32, Panel)> {
    vec![
        (
            12,
            series(
                "Messages tried again",
                "Messages that were handed out before without being acknowledged. A storm of them is a worker that \
                 dies, or a provider that fails, again and again.",
                "short",
            )
            .query(&family("duroxide_queue_retrying_messages").with(CHOSEN).now(), "{{store}} {{queue}}"),
        ),
        (
            12,
            series(
                "Expired leases",
                "How long ago the oldest lease that is over ran out. Short peaks are workers that were replaced; \
                 what grows, nobody takes over.",
                "s",
            )
            .thresholds(&[(30.0, "yellow"), (120.0, "red")])
            .query(
                &family("duroxide_queue_oldest_expired_lease_age_seconds").with(CHOSEN).now(),
                "{{store}} {{queue}}",
            ),
        ),
        (
            12,
            series(
                "Instance locks",
                "Instances that a runtime is executing (active), or that one was executing when it died or hung \
                 (expired).",
                "short",
            )
            .query(&sum(&["state"], &family("duroxide_instance_locks").now()), "{{state}}")
            .palette(&[("active", "green"), ("expired", "red")]),
        ),
        (
            12,
            series(
                "Worker sessions",
                "Sessions that bind activities to one worker. Expired ones are removed by the runtime after some \
                 minutes.",
                "short",
            )
            .query(&sum(&["state"], &family("duroxide_sessions").now()), "{{state}}")
            .palette(&[("active", "green"), ("expired", "red")]),
        ),
    ]
}

fn blocked() -> Vec<(u32, Panel)> {
    vec![
        (
            8,
            series(
                "Orphan messages",
                "Messages for instances that do not exist. On SQLite, one that is visible blocks every orchestration \
                 behind it: never raise events for, or cancel, what was never started.",
                "short",
            )
            .query(&family("duroxide_queue_orphan_messages").with(CHOSEN).now(), "{{store}} {{queue}}"),
        ),
        (
            8,
            series(
                "Undecodable messages",
                "Messages that are no work item the framework knows. The first of them in the worker queue of an \
                 SQLite store blocks all behind it; on Postgres one with an escaped NUL blocks all orchestrations.",
                "short",
            )
            .query(&family("duroxide_queue_undecodable_messages").with(CHOSEN).now(), "{{store}} {{queue}}"),
        ),
        (
            8,
            series(
                "Left-over timers",
                "Timers of executions that have ended: harmless, they disappear when due. They are among the delayed \
                 messages of the timer queue.",
                "short",
            )
            .query(&family("duroxide_queue_leftover_messages").with(CHOSEN).now(), "{{store}} {{queue}}"),
        ),
    ]
}
