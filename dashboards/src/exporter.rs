//! Whether what the other dashboards show can be trusted, and what showing it costs.

use crate::frame::{self, EXPORTER, World};
use crate::layout::Layout;
use crate::model::{Dashboard, Panel};
use crate::panel::{Column, colors, series, stat, table, timeline};
use crate::query::{Family, family, max, some, sum};
use crate::signals::{data_age, data_age_stat, while_watched};

pub(crate) fn dashboard() -> Dashboard {
    let panels = Layout::default()
        .line(5, stats())
        .line(6, vec![(14, stores()), (10, up())])
        .heading("Polls")
        .line(8, polls())
        .heading("Replica")
        .line(8, replica())
        .heading("Completeness")
        .line(8, completeness())
        .heading("Lost on the way")
        .line(8, lost())
        .heading("Histories and size")
        .line(11, store())
        .heading("Pushes and traces")
        .line(8, otlp())
        .heading("Process")
        .line(7, process())
        .finish();
    frame::dashboard(
        EXPORTER,
        "duroxide / Exporter and store",
        "Whether the numbers are fresh and complete, what reading the stores costs, how replicas do.",
        World::Store(&["store"]),
        panels,
    )
}

/// What each exporter says of itself; process figures of others have the same names.
fn process_of(name: &'static str) -> (Family, String) {
    let ours = format!("on (job, instance) {}", family("duroxide_exporter_build_info").selector());
    (family(name), ours)
}

fn figure(name: &'static str) -> String {
    let (family, ours) = process_of(name);
    format!("{} and {ours}", family.now())
}

fn stats() -> Vec<(u32, Panel)> {
    // Without a push there is nothing to drop, without traces none to lose; without exporters nobody knows.
    let lost = dropped().map(|(family, _)| format!("({} or vector(0))", in_an_hour(&family))).join(" + ");
    let lost = while_watched(&lost);
    vec![
        (
            4,
            stat(
                "Stores down",
                "Stores whose last poll failed, with every exporter that watches them. What is shown of them is what \
                 the last good poll saw.",
                "short",
                &sum(&[], &format!("1 - {}", family("duroxide_up").now())),
            )
            .thresholds(&[(1.0, "red")]),
        ),
        (4, data_age_stat()),
        (
            4,
            stat(
                "Failed polls, 15 min",
                "Polls of all exporters that failed in the last 15 minutes; the reasons are below.",
                "short",
                &while_watched(&sum(&[], &family("duroxide_poll_failures_total").per_exporter().increase("15m"))),
            )
            .decimals(0)
            .thresholds(&[(1.0, "yellow"), (10.0, "red")]),
        ),
        (
            4,
            stat(
                "Time spent polling",
                "Share of the time in which the exporter that is busiest reads its busiest store. It polls less often \
                 before this passes a tenth.",
                "percentunit",
                &max(&[], &family("duroxide_poll_duration_seconds").per_exporter().rate_of("sum")),
            )
            .thresholds(&[(0.11, "yellow"), (0.5, "red")]),
        ),
        (
            4,
            stat(
                "Events to be counted",
                "Events in the stores that no exporter has counted yet: the rest of a backfill, or of the time an \
                 exporter was away. Counters and histograms lack them so far.",
                "short",
                &sum(&[], &family("duroxide_history_backlog_events").least()),
            )
            .thresholds(&[(1000.0, "yellow"), (100_000.0, "red")]),
        ),
        (
            4,
            stat(
                "Items lost, 1 h",
                "What was dropped on the way in the last hour: events deleted before they were read, names beyond \
                 --metrics.max-label-values, telemetry that did not reach the collector, lines of the log, traces. Which, is below; what each \
                 exporter drops adds up.",
                "short",
                &lost,
            )
            .decimals(0)
            .thresholds(&[(1.0, "yellow"), (100.0, "red")]),
        ),
    ]
}

fn stores() -> Panel {
    let by: &[&str] = &["store"];
    let columns = [
        Column { field: "store", title: "Store", ..Column::default() },
        Column { field: "backend", title: "Backend", ..Column::default() },
        Column { field: "schema", title: "Schema", width: Some(150), ..Column::default() },
        Column { field: "mode", title: "Read", ..Column::default() },
        Column { field: "Value #B", title: "Size", unit: "bytes", ..Column::default() },
        Column {
            field: "Value #C",
            title: "Data age",
            unit: "s",
            decimals: Some(1),
            thresholds: &[(60.0, "yellow"), (300.0, "red")],
            ..Column::default()
        },
        Column { field: "Value #D", title: "Polls/min", decimals: Some(1), ..Column::default() },
        Column { field: "Value #E", title: "Exporters", decimals: Some(0), ..Column::default() },
    ];
    table(
        "Stores",
        "What each store is, and how many exporters watch it. Schema is its newest migration; read replica is a standby \
         or a copy. Data age is that of the exporter where it is longest.",
        "short",
    )
    .query(&family("duroxide_store_info").now(), "")
    .query(&sum(by, &family("duroxide_store_size_bytes").now()), "")
    .query(&data_age(by), "")
    .query(&format!("60 * {}", sum(by, &family("duroxide_polls_total").per_exporter().rate())), "")
    .query(&format!("count by (store) ({})", family("duroxide_up").per_exporter().now()), "")
    .columns(&columns, &["Value #A"], "Data age")
}

fn up() -> Panel {
    timeline(
        "Last poll",
        "Whether the last poll of each store succeeded, by exporter.",
        &[(0, "failed", "red"), (1, "good", "green")],
    )
    .query(&family("duroxide_up").per_exporter().now(), "{{store}} {{instance}}")
}

fn polls() -> Vec<(u32, Panel)> {
    let duration = family("duroxide_poll_duration_seconds").per_exporter();
    vec![
        (
            8,
            series(
                "Age of snapshots",
                "Time since the last good poll began, by store and exporter: a saw that stays low.",
                "s",
            )
            .thresholds(&[(60.0, "yellow"), (300.0, "red")])
            .query(&family("duroxide_snapshot_age_seconds").per_exporter().now(), "{{store}} {{instance}}"),
        ),
        (
            8,
            series("Duration of polls", "How long polls take, failed ones included, by store.", "s")
                .soft_max(0.01)
                .query(&duration.quantile("0.5", &["store"]), "{{store}} p50")
                .query(&duration.quantile("0.95", &["store"]), "{{store}} p95"),
        ),
        (
            8,
            series(
                "Share of time spent polling",
                "Share of the time in which a store is being read, by exporter: what it costs the database. It polls \
                 less often before this passes a tenth.",
                "percentunit",
            )
            .thresholds(&[(0.11, "yellow")])
            .query(&duration.rate_of("sum"), "{{store}} {{instance}}"),
        ),
    ]
}

fn replica() -> Vec<(u32, Panel)> {
    let states = |name| family(name).now();
    vec![
        (
            5,
            series(
                "Replication lag",
                "For how long what the primary may have done is not to be seen on the standby: states and ages are \
                 those of that long ago. 0 on an idle primary, too.",
                "s",
            )
            .thresholds(&[(60.0, "yellow"), (300.0, "red")])
            .query(&family("duroxide_store_replication_lag_seconds").now(), "{{store}}"),
        ),
        (
            5,
            timeline(
                "Standby",
                "Whether changes stream in from the primary (receiver), and whether they are replayed.",
                &[(0, "no", "red"), (1, "yes", "green")],
            )
            .query(&states("duroxide_store_receiver_up"), "{{store}} receives")
            .query(&format!("1 - {}", states("duroxide_store_replay_paused")), "{{store}} replays"),
        ),
        (
            4,
            series(
                "Newest change",
                "Age of the newest change that reached the replica or copy. An idle primary makes it grow, too.",
                "s",
            )
            .query(&family("duroxide_store_last_replay_age_seconds").now(), "{{store}}"),
        ),
        (
            5,
            series(
                "Recovery conflicts",
                "Queries a second, of anybody, that the standby cancelled because they stood in the way of replaying.",
                "cps",
            )
            .query(&family("duroxide_store_recovery_conflicts_total").rate(), "{{store}}"),
        ),
        (
            5,
            series(
                "Clock skew",
                "exporter: the database's clock less the exporter's. worker: how far the newest moment that a worker \
                 wrote is ahead of the database's clock; such a lead delays work and stretches leases.",
                "s",
            )
            .signed()
            .query(&family("duroxide_store_clock_skew_seconds").now(), "{{store}} {{clock}}"),
        ),
    ]
}

fn completeness() -> Vec<(u32, Panel)> {
    vec![
        (
            6,
            series(
                "Failed polls",
                "Polls a second that failed, by store and reason; one line at 0 while none does. The log and the landing \
                 page have the message; recovery_conflict is a standby that cancelled the query, and is tried again.",
                "cps",
            )
            .query(
                &some(
                    &["store", "reason"],
                    &family("duroxide_poll_failures_total").per_exporter().rate(),
                    &[("store", "any store,"), ("reason", "any reason")],
                ),
                "{{store}} {{reason}}",
            ),
        ),
        (
            6,
            series(
                "Events not counted yet",
                "Events that are in the store and not in the counters, by exporter: it should fall to 0 and stay near it.",
                "short",
            )
            .query(&family("duroxide_history_backlog_events").per_exporter().now(), "{{store}} {{instance}}"),
        ),
        (
            6,
            series(
                "Recounts that disagree",
                "Recounts of the instances, in the last hour, that found others than had been reckoned from the history. \
                 Always 0, unless somebody edits the store by hand.",
                "short",
            )
            .query(&family("duroxide_census_mismatches_total").increase("1h"), "{{store}}"),
        ),
        (
            6,
            series(
                "State not written",
                "How often, in the last hour, an exporter could not write its counters to --state-dir: after a restart it \
                 would count some events twice. 0 without a directory.",
                "short",
            )
            .query(
                &family("duroxide_exporter_state_write_failures_total").per_exporter().increase("1h"),
                "{{store}} {{instance}}",
            ),
        ),
    ]
}

/// What is dropped between a store and whoever looks at it, and how a legend calls it. What a store lost, all its exporters
/// lost, and it counts once; what an exporter dropped is its own.
fn dropped() -> [(Family, &'static str); 6] {
    [
        (family("duroxide_history_missed_total"), "events missed"),
        (family("duroxide_exporter_series_dropped_total"), "names folded"),
        (family("duroxide_exporter_otlp_rejected_items_total"), "telemetry rejected"),
        (family("duroxide_exporter_otlp_dropped_items_total"), "log records dropped"),
        (family("duroxide_exporter_log_dropped_lines_total"), "log lines dropped"),
        (family("duroxide_exporter_traces_total").with(r#"outcome=~"missing|refused""#), "traces lost"),
    ]
}

fn in_an_hour(family: &Family) -> String {
    sum(&[], &family.increase("1h"))
}

fn lost() -> Vec<(u32, Panel)> {
    let all = series(
        "Items lost, by kind",
        "What was dropped on the way in the last hour: events of histories, deleted before a poll saw them; names summed \
         up as other, once a poll each; data points, spans and log records that the collector did not take; log records \
         that found no place in the queue for it; lines of its own log that standard error did not take; traces.",
        "short",
    );
    let all =
        dropped().into_iter().fold(all, |panel, (family, name)| panel.query(&in_an_hour(&family), name));
    vec![
        (12, all),
        (
            12,
            series(
                "Names beyond the cap",
                "Label combinations in the last hour that an exporter summed up as other, once a poll each, because their \
                 family is at its cap (--metrics.max-label-values), by family; one line at 0 while none is.",
                "short",
            )
            .query(
                &some(
                    &["family"],
                    &family("duroxide_exporter_series_dropped_total").increase("1h"),
                    &[("family", "any family")],
                ),
                "{{family}}",
            ),
        ),
        (
            12,
            series(
                "Events missed",
                "Events in the last hour that were deleted before a poll saw them, as far as the store lets it be known, by \
                 store: counters and histograms are too low by them.",
                "short",
            )
            .query(&family("duroxide_history_missed_total").increase("1h"), "{{store}}"),
        ),
        (
            12,
            series(
                "Telemetry not taken",
                "Data points, spans and log records in the last hour that the collector rejected, and log records that were \
                 dropped while they waited for it. Empty unless something is pushed.",
                "short",
            )
            .query(
                &sum(&["signal"], &family("duroxide_exporter_otlp_rejected_items_total").increase("1h")),
                "{{signal}} rejected",
            )
            .query(
                &sum(&["signal"], &family("duroxide_exporter_otlp_dropped_items_total").increase("1h")),
                "{{signal}} dropped",
            ),
        ),
    ]
}

fn store() -> Vec<(u32, Panel)> {
    vec![
        (
            24,
            series(
                "Events counted",
                "Events of the histories a second that were counted, by type. unknown and undecodable are types this \
                 exporter does not know, and rows that hold no event.",
                "cps",
            )
            .stacked()
            .query(&sum(&["type"], &family("duroxide_history_events_total").rate()), "{{type}}"),
        ),
        (
            24,
            series(
                "Size of the store",
                "For SQLite the database and its write-ahead log, for Postgres each table with its indexes.",
                "bytes",
            )
            .query(&family("duroxide_store_size_bytes").now(), "{{store}} {{part}}")
            .legend_table(),
        ),
    ]
}

fn otlp() -> Vec<(u32, Panel)> {
    vec![
        (
            12,
            series(
                "Pushes by outcome",
                "Requests a second to the OTLP collector by how they ended, tries again included in one. Empty unless \
                 something is pushed.",
                "reqps",
            )
            .query(
                &some(
                    &["signal", "outcome"],
                    &family("duroxide_exporter_otlp_exports_total").rate(),
                    &[("signal", "any signal,"), ("outcome", "any outcome")],
                ),
                "{{signal}} {{outcome}}",
            ),
        ),
        (
            12,
            series(
                "Traces by outcome",
                "Finished executions a second by what became of their traces: exported, unsampled, missing (deleted \
                 before they were read), refused by the collector. Empty unless traces are sent.",
                "cps",
            )
            .stacked()
            .query(&sum(&["outcome"], &family("duroxide_exporter_traces_total").rate()), "{{outcome}}")
            .palette(colors::EXPORTS),
        ),
    ]
}

fn process() -> Vec<(u32, Panel)> {
    let (cpu, ours) = process_of("process_cpu_seconds_total");
    vec![
        (
            8,
            series(
                "CPU",
                "Cores that each exporter uses. Figures of processes are scraped, not pushed.",
                "short",
            )
            .soft_max(0.1)
            .query(&format!("{} and {ours}", cpu.rate()), "{{instance}}"),
        ),
        (
            8,
            series("Resident memory", "Memory of each exporter that is not swapped out.", "bytes")
                .query(&figure("process_resident_memory_bytes"), "{{instance}}"),
        ),
        (
            8,
            table("Exporters", "Version of each exporter, and since when it runs.", "short")
                .query(&family("duroxide_exporter_build_info").now(), "")
                .query(&format!("time() - ({})", figure("process_start_time_seconds")), "")
                .columns(
                    &[
                        Column { field: "instance", title: "Instance", ..Column::default() },
                        Column { field: "job", title: "Job", ..Column::default() },
                        Column { field: "version", title: "Version", width: Some(75), ..Column::default() },
                        Column {
                            field: "Value #B",
                            title: "Up for",
                            unit: "s",
                            width: Some(90),
                            ..Column::default()
                        },
                    ],
                    &["Value #A"],
                    "Up for",
                ),
        ),
        (
            12,
            series(
                "Open files",
                "Open file descriptors of each exporter: its connections and files.",
                "short",
            )
            .query(&figure("process_open_fds"), "{{instance}}"),
        ),
        (
            12,
            series("Threads", "Threads of each exporter's process: a number that stays what it is.", "short")
                .query(&figure("process_threads"), "{{instance}}"),
        ),
    ]
}
