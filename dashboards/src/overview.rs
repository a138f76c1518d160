//! Is work late? Where? Since when?

use crate::frame::{self, OVERVIEW, World, to};
use crate::layout::Layout;
use crate::model::{Dashboard, Panel};
use crate::panel::{Column, colors, series, stat, table};
use crate::query::{Family, family, max, sum};
use crate::signals::{
    NEVER, data_age, data_age_stat, drain, failed_share, failed_stat, oldest_ready_age, oldest_ready_stat,
    stuck, stuck_stat,
};

/// The rules of alerts about queues, orchestrations, stores and exporters.
const RULES: [&str; 4] = [
    include_str!("../rules/duroxide-alerts-queues.yaml"),
    include_str!("../rules/duroxide-alerts-workflows.yaml"),
    include_str!("../rules/duroxide-alerts-store.yaml"),
    include_str!("../rules/duroxide-alerts-exporter.yaml"),
];

pub(crate) fn dashboard() -> Dashboard {
    let panels = Layout::default()
        .line(5, stats())
        .line(6, vec![(24, stores())])
        .line(7, vec![(24, alerts())])
        .heading("Throughput and failures")
        .line(8, throughput())
        .heading("Waiting")
        .line(8, waiting())
        .heading("Latency")
        .line(8, latency())
        .finish();
    frame::dashboard(
        OVERVIEW,
        "duroxide / Overview",
        "Whether work is late, where, and what it waits for, in all stores that are watched.",
        World::Store(&["store"]),
        panels,
    )
}

fn queues() -> String {
    to(frame::QUEUES, "var-store=${__field.labels.store}")
}

fn orchestrations() -> String {
    to(frame::ORCHESTRATIONS, "${store:queryparam}")
}

fn stats() -> Vec<(u32, Panel)> {
    vec![
        (4, oldest_ready_stat(None).link("Queues", &to(frame::QUEUES, "${store:queryparam}"))),
        (
            4,
            stat(
                "Fetchable backlog",
                "Messages that workers would be handed now, in all queues. How much is no alarm by itself: how old \
                 the oldest is, and how long the rest will take, is.",
                "short",
                &sum(&[], &family("duroxide_queue_fetchable_messages").now()),
            )
            .link("Queues", &to(frame::QUEUES, "${store:queryparam}")),
        ),
        (
            4,
            stat(
                "Time to drain",
                "How long the slowest queue would need for what is in it at the pace of the last 10 minutes, if nothing \
                 more came. 0 when all are empty; never is a queue that nobody empties, or that takes 11 days and more.",
                "s",
                &max(&[], &drain()),
            )
            .beyond(NEVER)
            .thresholds(&[(300.0, "yellow"), (1800.0, "red")])
            .link("Queues", &to(frame::QUEUES, "${store:queryparam}")),
        ),
        (4, failed_stat(None).link("Orchestrations", &orchestrations())),
        (4, stuck_stat(None).link("Orchestrations", &orchestrations())),
        (4, data_age_stat().link("Exporter and store", &to(frame::EXPORTER, "${store:queryparam}"))),
    ]
}

fn stores() -> Panel {
    let by_store: &[&str] = &["store"];
    let columns = [
        Column {
            field: "store",
            title: "Store",
            link: Some(("Queues of ${__value.text}", &to(frame::QUEUES, "var-store=${__value.text}"))),
            ..Column::default()
        },
        Column { field: "backend", title: "Backend", ..Column::default() },
        Column { field: "mode", title: "Read", ..Column::default() },
        Column {
            field: "Value #B",
            title: "State",
            unit: "none",
            states: &[(0, "down", "red"), (1, "up", "green")],
            ..Column::default()
        },
        Column {
            field: "Value #C",
            title: "Data age",
            unit: "s",
            decimals: Some(1),
            thresholds: &[(60.0, "yellow"), (300.0, "red")],
            ..Column::default()
        },
        Column { field: "Value #D", title: "Fetchable", unit: "short", ..Column::default() },
        Column {
            field: "Value #E",
            title: "Oldest",
            unit: "s",
            decimals: Some(1),
            thresholds: &[(60.0, "yellow"), (300.0, "red")],
            ..Column::default()
        },
        Column {
            field: "Value #F",
            title: "Drain",
            unit: "s",
            decimals: Some(1),
            thresholds: &[(300.0, "yellow"), (1800.0, "red")],
            beyond: Some(NEVER),
            ..Column::default()
        },
        Column { field: "Value #G", title: "Running", unit: "short", ..Column::default() },
        Column {
            field: "Value #H",
            title: "Stuck",
            unit: "short",
            thresholds: &[(1.0, "red")],
            ..Column::default()
        },
        Column {
            field: "Value #I",
            title: "Failed",
            unit: "percentunit",
            decimals: Some(1),
            thresholds: &[(0.05, "yellow"), (0.25, "red")],
            ..Column::default()
        },
    ];
    table(
        "Stores",
        "Each store with its worst queue. A click on a name leads to its queues. Data age: of the exporter where it is \
         longest. Drain: at the pace of 10 minutes. Failed: of the executions that completed or failed in 15 minutes. \
         Read replica: a standby or a copy.",
        "short",
    )
    .query(&family("duroxide_store_info").now(), "")
    .query(&family("duroxide_up").now(), "")
    .query(&data_age(by_store), "")
    .query(&sum(by_store, &family("duroxide_queue_fetchable_messages").now()), "")
    .query(&max(by_store, &oldest_ready_age(None)), "")
    .query(&max(by_store, &drain()), "")
    .query(&sum(by_store, &family("duroxide_instances").with(r#"status="running""#).now()), "")
    .query(&sum(by_store, &stuck(None).now()), "")
    .query(&format!("({}) and on (store) {}", failed_share(by_store, None), family("duroxide_up").now()), "")
    .columns(&columns, &["schema", "Value #A"], "Oldest")
}

fn alerts() -> Panel {
    let columns = [
        Column {
            field: "alertname",
            title: "Alert",
            link: Some((
                "Its cause, on ${__data.fields.Dashboard}",
                &to("${__data.fields.Dashboard}", "var-store=${__data.fields.Store}"),
            )),
            ..Column::default()
        },
        Column {
            field: "Value",
            title: "Severity",
            unit: "none",
            width: Some(160),
            states: &[(3, "critical", "red"), (2, "warning", "orange"), (1, "info", "blue")],
            ..Column::default()
        },
        Column { field: "store", title: "Store", width: Some(260), ..Column::default() },
        Column { field: "queue", title: "Queue", width: Some(260), empty: "-", ..Column::default() },
        Column { field: "dashboard", title: "Dashboard", width: Some(260), ..Column::default() },
    ];
    // As numbers, for the worst to come first: in the order of letters, critical would be below warning.
    let severity = |matcher: &str| {
        format!(r#"ALERTS{{alertname=~"Duroxide.*",alertstate="firing",store=~"$store|",severity{matcher}}}"#)
    };
    table(
        "Firing alerts",
        "Alerts of this project's rules that fire now, the gravest first. A click on one leads to the dashboard on which its \
         cause is seen, with its store. Empty while nothing is wrong, and where the rules are not loaded.",
        "short",
    )
    .query(
        &seen(&format!(
            "max by (alertname, store, queue) (3 * {} or 2 * {} or {})",
            severity(r#"="critical""#),
            severity(r#"="warning""#),
            severity(r#"!~"critical|warning""#),
        )),
        "",
    )
    .no_value("None")
    .columns(&columns, &[], "Severity")
}

/// The dashboard that each alert's own link leads to, as a label; what is about no store is about all of them.
fn seen(alerts: &str) -> String {
    let all = format!(r#"label_replace({alerts}, "store", "All", "store", "")"#);
    let elsewhere = format!(r#"label_replace({all}, "dashboard", "{}", "", "")"#, frame::EXPORTER);
    [frame::QUEUES, frame::ORCHESTRATIONS].iter().fold(elsewhere, |found, dashboard| {
        let names = seen_on(dashboard).join("|");
        format!(r#"label_replace({found}, "dashboard", "{dashboard}", "alertname", "{names}")"#)
    })
}

/// Names of the alerts whose link leads to a dashboard, out of the shipped rules.
fn seen_on(dashboard: &str) -> Vec<&'static str> {
    let mut names = Vec::new();
    let mut alert = "";
    for line in RULES.iter().flat_map(|file| file.lines()).map(str::trim) {
        alert = line.strip_prefix("- alert: ").unwrap_or(alert);
        let path = line.strip_prefix("dashboard_url: /d/").unwrap_or_default();
        if path.split('?').next() == Some(dashboard) && !names.contains(&alert) {
            names.push(alert);
        }
    }
    names
}

fn throughput() -> Vec<(u32, Panel)> {
    let finished = family("duroxide_executions_finished_total");
    vec![
        (
            8,
            series(
                "Messages in and out",
                "Messages a second that come into the queues (above) and leave them (below the line). A queue that \
                 gets more than it gives grows. Not told by a standby, whose sequences are ahead of its rows.",
                "cps",
            )
            .signed()
            .query(&sum(&["queue"], &family("duroxide_queue_enqueued_total").rate()), "{{queue}} in")
            .query(&format!("-{}", sum(&["queue"], &family("duroxide_queue_dequeued_total").rate())), "{{queue}} out")
            .link("Queues", &to(frame::QUEUES, "${store:queryparam}&var-queue=${__field.labels.queue}")),
        ),
        (
            8,
            series(
                "Executions",
                "Executions a second that began and ended. What continues as new ends and begins again.",
                "cps",
            )
            .query(&sum(&[], &family("duroxide_executions_started_total").rate()), "started")
            .query(&sum(&["outcome"], &finished.rate()), "{{outcome}}")
            .palette(colors::OUTCOMES)
            .link("Orchestrations", &orchestrations()),
        ),
        (
            8,
            series(
                "Failures by kind",
                "Executions that failed, per second, by why: application is what the orchestration itself returned; \
                 nondeterminism, panicked, configuration, poison and infrastructure are for developers and operators.",
                "cps",
            )
            .stacked()
            .query(&sum(&["failure_kind"], &finished.with(r#"outcome="failed""#).rate()), "{{failure_kind}}")
            .palette(colors::FAILURE_KINDS)
            .link("Orchestrations", &orchestrations()),
        ),
    ]
}

fn waiting() -> Vec<(u32, Panel)> {
    vec![
        (
            8,
            series(
                "Oldest waiting work",
                "How long the oldest message that could be worked on has been waiting.",
                "s",
            )
            .thresholds(&[(60.0, "yellow"), (300.0, "red")])
            .query(&oldest_ready_age(None), "{{store}} {{queue}}")
            .link("Queues of ${__field.labels.store}", &queues()),
        ),
        (
            8,
            series(
                "Fetchable messages",
                "Messages that workers would be handed now. Due timers are queue timer.",
                "short",
            )
            .query(&family("duroxide_queue_fetchable_messages").now(), "{{store}} {{queue}}")
            .link("Queues of ${__field.labels.store}", &queues()),
        ),
        (
            8,
            series(
                "What running instances wait for",
                "Running instances by the first thing that holds: a turn that is running, a runtime that takes a \
                 turn, the end of a back-off, an activity, a child, an event, a timer; stuck is nothing at all.",
                "short",
            )
            .stacked()
            .query(&sum(&["reason"], &family("duroxide_instances_waiting").now()), "{{reason}}")
            .palette(colors::REASONS)
            .link("Orchestrations", &orchestrations()),
        ),
    ]
}

fn latency() -> Vec<(u32, Panel)> {
    let duration = family("duroxide_execution_duration_seconds").with(r#"outcome=~"completed|failed""#);
    let roundtrip = family("duroxide_activity_roundtrip_seconds");
    let lateness = family("duroxide_timer_lateness_seconds");
    let three = |title, description, family: &Family| {
        series(title, description, "s")
            .query(&family.quantile("0.5", &[]), "p50")
            .query(&family.quantile("0.95", &[]), "p95")
            .query(&family.quantile("0.99", &[]), "p99")
            .palette(&[("p50", "green"), ("p95", "yellow"), ("p99", "red")])
    };
    vec![
        (
            8,
            three(
                "Duration of executions",
                "From the first event of an execution to its last, of those that completed or failed in the last \
                 minutes, all orchestrations together. Points are exemplars: they lead to the trace of one of them, \
                 where traces are sent.",
                &duration,
            )
            .exemplars()
            .link("Orchestrations", &orchestrations()),
        ),
        (
            8,
            three(
                "Round trip of activities",
                "From the turn that scheduled an activity to the turn that took its result: queueing, running, and the \
                 wait for a turn.",
                &roundtrip,
            )
            .link("Orchestrations", &orchestrations()),
        ),
        (
            8,
            three(
                "Lateness of timers",
                "By how much the turn that noticed a timer was later than it was due: the clearest sign of \
                 orchestrators that do not keep up.",
                &lateness,
            )
            .link("Queues", &to(frame::QUEUES, "${store:queryparam}")),
        ),
    ]
}
