//! Per orchestration and version: how many, how fast, how often they fail, what they wait for.

use crate::frame::{self, ORCHESTRATIONS, World, to};
use crate::layout::Layout;
use crate::model::{Dashboard, Panel};
use crate::panel::{Column, colors, heatmap, series, stat, table};
use crate::query::{family, max, some, sum};
use crate::signals::{failed_share, failed_stat, stuck_stat};

/// The orchestrations that are chosen.
const CHOSEN: &str = r#"orchestration=~"$orchestration""#;
const RUNNING: &str = r#"status="running""#;
/// Ends that took as long as they took: what continues as new goes on.
const ENDED: &str = r#"outcome=~"completed|failed""#;

pub(crate) fn dashboard() -> Dashboard {
    let panels = Layout::default()
        .line(5, stats())
        .line(8, vec![(24, by_version())])
        .heading("Throughput")
        .line(8, throughput())
        .heading("Latency")
        .line(8, latency())
        .heading("Failures")
        .line(8, failures())
        .heading("Waiting")
        .line(8, waiting())
        .heading("Histories, versions and events")
        .line(8, histories())
        .heading("Activities of all orchestrations")
        .line(8, activities())
        .finish();
    frame::dashboard(
        ORCHESTRATIONS,
        "duroxide / Orchestrations",
        "Per orchestration and version: throughput, latency, failures, what instances wait for, how long histories grow.",
        World::Store(&["store", "orchestration"]),
        panels,
    )
}

fn stats() -> Vec<(u32, Panel)> {
    vec![
        (
            4,
            stat(
                "Running instances",
                "Instances whose current execution has not ended, whatever they wait for.",
                "short",
                &sum(&[], &family("duroxide_instances").with(CHOSEN).with(RUNNING).now()),
            ),
        ),
        (
            4,
            stat(
                "Executions ending",
                "Executions a second that end, in whichever way.",
                "cps",
                &sum(&[], &family("duroxide_executions_finished_total").with(CHOSEN).rate()),
            )
            .decimals(2),
        ),
        (
            4,
            stat(
                "Duration, p95",
                "19 of 20 executions that completed or failed in the last minutes took no longer than this.",
                "s",
                &family("duroxide_execution_duration_seconds").with(CHOSEN).with(ENDED).quantile("0.95", &[]),
            ),
        ),
        (4, failed_stat(Some(CHOSEN))),
        (4, stuck_stat(Some(CHOSEN))),
        (
            4,
            stat(
                "Oldest running",
                "How long ago the oldest execution that runs now began. What continues as new begins again. Some \
                 orchestrations are meant to run for ever: choose others above.",
                "s",
                &max(&[], &family("duroxide_instances_oldest_running_age_seconds").with(CHOSEN).now()),
            ),
        ),
    ]
}

fn by_version() -> Panel {
    let by: &[&str] = &["store", "orchestration", "version"];
    let instances = |status: &str| {
        sum(by, &family("duroxide_instances").with(CHOSEN).with(&format!(r#"status="{status}""#)).now())
    };
    let finished = |matcher: &str| {
        sum(by, &family("duroxide_executions_finished_total").with(CHOSEN).with(matcher).increase("1h"))
    };
    let only = to(ORCHESTRATIONS, "var-store=${__data.fields.Store}&var-orchestration=${__value.text}");
    let columns = [
        Column { field: "store", title: "Store", width: Some(110), ..Column::default() },
        Column {
            field: "orchestration",
            title: "Orchestration",
            link: Some(("Only ${__value.text}", &only)),
            ..Column::default()
        },
        Column { field: "version", title: "Version", width: Some(100), ..Column::default() },
        Column { field: "Value #A", title: "Running", width: Some(110), ..Column::default() },
        Column { field: "Value #B", title: "Completed", width: Some(110), ..Column::default() },
        Column { field: "Value #C", title: "Failed", width: Some(110), ..Column::default() },
        Column {
            field: "Value #D",
            title: "Started in 1 h",
            unit: "none",
            decimals: Some(0),
            width: Some(130),
            ..Column::default()
        },
        Column {
            field: "Value #E",
            title: "Completed in 1 h",
            unit: "none",
            decimals: Some(0),
            width: Some(140),
            ..Column::default()
        },
        Column {
            field: "Value #F",
            title: "Failed in 1 h",
            unit: "none",
            decimals: Some(0),
            width: Some(130),
            thresholds: &[(1.0, "orange")],
            ..Column::default()
        },
        Column {
            field: "Value #G",
            title: "Failed share",
            unit: "percentunit",
            decimals: Some(1),
            width: Some(120),
            thresholds: &[(0.05, "yellow"), (0.25, "red")],
            ..Column::default()
        },
    ];
    table(
        "Orchestrations and versions",
        "Instances that the store holds now, by the status of their current execution, and executions of the last hour; \
         cancelled ones are failed in both. Failed share: failed ones of those that completed or failed in the last 15 minutes, but for cancelled ones. A click \
         on a name chooses it.",
        "short",
    )
    .query(&instances("running"), "")
    .query(&instances("completed"), "")
    .query(&instances("failed"), "")
    .query(&sum(by, &family("duroxide_executions_started_total").with(CHOSEN).increase("1h")), "")
    .query(&finished(r#"outcome="completed""#), "")
    .query(&finished(r#"outcome="failed""#), "")
    .query(&failed_share(by, Some(CHOSEN)), "")
    .columns(&columns, &[], "Running")
}

fn throughput() -> Vec<(u32, Panel)> {
    vec![
        (
            12,
            series("Started", "Executions a second that took their first turn, by orchestration.", "cps")
                .stacked()
                .query(
                    &sum(
                        &["orchestration"],
                        &family("duroxide_executions_started_total").with(CHOSEN).rate(),
                    ),
                    "{{orchestration}}",
                ),
        ),
        (
            12,
            series(
                "Ended by outcome",
                "Executions a second that ended, by how: completed, failed, or continued as new.",
                "cps",
            )
            .stacked()
            .query(
                &sum(&["outcome"], &family("duroxide_executions_finished_total").with(CHOSEN).rate()),
                "{{outcome}}",
            )
            .palette(colors::OUTCOMES),
        ),
        (
            12,
            series(
                "Started by version",
                "Executions a second that began, by orchestration and version: how far a roll-out is.",
                "cps",
            )
            .query(
                &sum(
                    &["orchestration", "version"],
                    &family("duroxide_executions_started_total").with(CHOSEN).rate(),
                ),
                "{{orchestration}} {{version}}",
            ),
        ),
        (
            12,
            series(
                "Running instances by version",
                "Instances that run now, by orchestration and version: what still needs its code.",
                "short",
            )
            .query(
                &sum(
                    &["orchestration", "version"],
                    &family("duroxide_instances").with(CHOSEN).with(RUNNING).now(),
                ),
                "{{orchestration}} {{version}}",
            ),
        ),
    ]
}

fn latency() -> Vec<(u32, Panel)> {
    let duration = family("duroxide_execution_duration_seconds").with(CHOSEN).with(ENDED);
    let by = &["orchestration"];
    vec![
        (
            8,
            series(
                "Median duration",
                "Half of the executions that completed or failed took no longer. Logarithmic: some take \
                 milliseconds, others days.",
                "s",
            )
            .log()
            .query(&duration.quantile("0.5", by), "{{orchestration}}"),
        ),
        (
            8,
            series(
                "95th percentile",
                "19 of 20 took no longer. Points are exemplars: each leads to the trace of an execution, where \
                 traces are sent.",
                "s",
            )
            .log()
            .query(&duration.quantile("0.95", by), "{{orchestration}}")
            .exemplars(),
        ),
        (
            8,
            heatmap(
                "All durations",
                "How many executions a second ended after how long. Points are exemplars: each leads to the trace of an \
                 execution, where traces are sent.",
                "s",
                &duration.buckets(&[]),
            ),
        ),
    ]
}

fn failures() -> Vec<(u32, Panel)> {
    let failed = family("duroxide_executions_finished_total").with(CHOSEN).with(r#"outcome="failed""#);
    vec![
        (
            8,
            series(
                "Failed by kind",
                "Executions a second that failed, by why: application (what it returned), cancelled, panicked, \
                 nondeterminism (the code no longer fits the history), configuration (not registered), infrastructure, \
                 poison (tried too often).",
                "cps",
            )
            .stacked()
            .query(&sum(&["failure_kind"], &failed.rate()), "{{failure_kind}}")
            .palette(colors::FAILURE_KINDS),
        ),
        (
            8,
            series("Failed by orchestration", "Executions a second that failed, by orchestration.", "cps")
                .query(&sum(&["orchestration"], &failed.rate()), "{{orchestration}}"),
        ),
        (
            8,
            series(
                "Children",
                "Sub-orchestrations a second whose end their parent learnt of, by the child's name and outcome.",
                "cps",
            )
            .query(
                &sum(
                    &["orchestration", "outcome"],
                    &family("duroxide_children_finished_total").with(CHOSEN).rate(),
                ),
                "{{orchestration}} {{outcome}}",
            )
            .query(
                &sum(&["orchestration"], &family("duroxide_children_scheduled_total").with(CHOSEN).rate()),
                "{{orchestration}} scheduled",
            ),
        ),
    ]
}

fn waiting() -> Vec<(u32, Panel)> {
    let waiting = family("duroxide_instances_waiting").with(CHOSEN);
    vec![
        (
            8,
            series(
                "What running instances wait for",
                "The first that holds: a turn that is running, a runtime that takes a turn, the end of a back-off, an \
                 activity, a child, an event, a timer. Stuck: nothing will ever wake them.",
                "short",
            )
            .stacked()
            .query(&sum(&["reason"], &waiting.now()), "{{reason}}")
            .palette(colors::REASONS),
        ),
        (
            8,
            series(
                "Waiting for a runtime or a retry",
                "Instances that wait for a turn, or for the end of a back-off, or are stuck: those that do not do what \
                 they should, by orchestration.",
                "short",
            )
            .query(
                &sum(
                    &["orchestration"],
                    &waiting.clone().with(r#"reason=~"ready|retrying|stuck""#).now(),
                ),
                "{{orchestration}}",
            ),
        ),
        (
            8,
            series(
                "Oldest running execution",
                "How long ago the oldest execution that runs now began, by orchestration.",
                "s",
            )
            .query(
                &max(
                    &["orchestration"],
                    &family("duroxide_instances_oldest_running_age_seconds").with(CHOSEN).now(),
                ),
                "{{orchestration}}",
            ),
        ),
    ]
}

fn histories() -> Vec<(u32, Panel)> {
    vec![
        (
            8,
            series(
                "Length of histories, p95",
                "Events of an execution when it ended. Each turn replays them all, so turns of long ones are slow: \
                 thousands ask for a continue-as-new.",
                "short",
            )
            .thresholds(&[(1000.0, "yellow"), (5000.0, "red")])
            .query(
                &family("duroxide_execution_history_events").with(CHOSEN).quantile("0.95", &["orchestration"]),
                "{{orchestration}}",
            ),
        ),
        (
            8,
            series(
                "Running executions by runtime version",
                "Running executions of all orchestrations by the version of the framework that began them: a runtime \
                 that no longer supports it must not take its place.",
                "short",
            )
            .stacked()
            .query(
                &sum(&["runtime_version"], &family("duroxide_executions_running").now()),
                "duroxide {{runtime_version}}",
            ),
        ),
        (
            8,
            series(
                "Events received",
                "Events from outside that executions took in, a second: raised (event) or sent to a queue of the instance \
                 (queue).",
                "cps",
            )
            .query(&sum(&["channel"], &family("duroxide_events_received_total").rate()), "{{channel}}"),
        ),
    ]
}

fn activities() -> Vec<(u32, Panel)> {
    let finished = family("duroxide_activities_finished_total");
    let unsuccessful = |outcome: &str| {
        let rate = finished.clone().with(&format!(r#"outcome="{outcome}""#)).rate();
        some(&["activity"], &rate, &[("activity", "any activity")])
    };
    vec![
        (
            12,
            series(
                "Activities scheduled",
                "Activities a second that orchestrations asked for, by name. Each try of a retry is one.",
                "cps",
            )
            .stacked()
            .query(&sum(&["activity"], &family("duroxide_activities_scheduled_total").rate()), "{{activity}}"),
        ),
        (
            12,
            series(
                "Activities ended",
                "Activities a second that ended as far as their orchestration is concerned, by name. Each try of a \
                 retry is one.",
                "cps",
            )
            .stacked()
            .query(&sum(&["activity"], &finished.rate()), "{{activity}}"),
        ),
        (
            12,
            series(
                "Activities that failed",
                "Activities a second that failed, by name; each try of a retry is one. One line at 0 while none does.",
                "cps",
            )
            .query(&unsuccessful("failed"), "{{activity}}"),
        ),
        (
            12,
            series(
                "Activities given up",
                "Activities a second that their orchestration gave up, by name: it was cancelled, or something else was \
                 faster. What runs may yet run to its end. One line at 0 while none is.",
                "cps",
            )
            .query(&unsuccessful("cancelled"), "{{activity}}"),
        ),
        (
            24,
            series(
                "Round trip of activities, p95",
                "From the turn that scheduled an activity to the turn that took its result, by name: queueing, running, \
                 and the wait for a turn.",
                "s",
            )
            .log()
            .query(&family("duroxide_activity_roundtrip_seconds").quantile("0.95", &["activity"]), "{{activity}}"),
        ),
    ]
}
