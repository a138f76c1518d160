//! Whether what the other dashboards show can be trusted, and what showing it costs.

use crate::frame::{self, EXPORTER, World};
use crate::layout::Layout;
use crate::model::{Dashboard, Panel};
use crate::panel::{Column, colors, series, stat, table, timeline};
use crate::query::{Family, family, max, some, sum};
use crate::signals::data_age;

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
        .heading("Histories and size")
        .line(9, store())
        .heading("Names, pushes and traces")
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
    // What a store lost, all its exporters lost; what an exporter could not do is its own. Without --state-dir there is
    // nothing to write.
    let lost = [
        family("duroxide_history_missed_total"),
        family("duroxide_census_mismatches_total"),
        family("duroxide_exporter_state_write_failures_total").per_exporter(),
        family("duroxide_exporter_series_dropped_total"),
    ]
    .map(|family| format!("({} or vector(0))", sum(&[], &family.increase("1h"))))
    .join(" + ");
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
        (
            4,
            stat(
                "Age of the data",
                "Time since the last good poll, and the lag of the replica where one is read; of the store where that \
                 is longest.",
                "s",
                &max(&[], &data_age()),
            )
            .thresholds(&[(60.0, "yellow"), (300.0, "red")]),
        ),
        (
            4,
            stat(
                "Failed polls, 15 min",
                "Polls of all exporters that failed in the last 15 minutes; the reasons are below.",
                "short",
                &sum(&[], &family("duroxide_poll_failures_total").per_exporter().increase("15m")),
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
                "Lost or folded, 1 h",
                "What the exporters could not keep exact in the last hour: events deleted before they were read, recounts \
                 that did not agree, state that could not be written, names beyond --metrics.max-label-values.",
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
        "What each store is, and how many exporters watch it. Schema is its newest migration; mode replica is a standby \
         or a copy.",
        "short",
    )
    .query(&family("duroxide_store_info").now(), "")
    .query(&sum(by, &family("duroxide_store_size_bytes").now()), "")
    .query(&data_age(), "")
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
            6,
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
            6,
            timeline(
                "Standby",
                "Whether changes stream in from the primary (receiver), and whether they are replayed.",
                &[(0, "no", "red"), (1, "yes", "green")],
            )
            .query(&states("duroxide_store_receiver_up"), "{{store}} receives")
            .query(&format!("1 - {}", states("duroxide_store_replay_paused")), "{{store}} replays"),
        ),
        (
            6,
            series(
                "Newest change and conflicts",
                "Age of the newest change that reached the replica or copy (an idle primary makes it grow, too), and \
                 queries a second that the standby cancelled because they stood in the way of replaying.",
                "s",
            )
            .query(&family("duroxide_store_last_replay_age_seconds").now(), "{{store}} newest change")
            .query(&family("duroxide_store_recovery_conflicts_total").rate(), "{{store}} conflicts/s"),
        ),
        (
            6,
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
            8,
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
            8,
            series(
                "Events not counted yet",
                "Events that are in the store and not in the counters, by exporter: it should fall to 0 and stay near it.",
                "short",
            )
            .query(&family("duroxide_history_backlog_events").per_exporter().now(), "{{store}} {{instance}}"),
        ),
        (
            8,
            series(
                "Missed and miscounted",
                "Events a second that were deleted before a poll saw them, recounts of the instances that found others \
                 than reckoned, and state that could not be written. All should be 0.",
                "cps",
            )
            .query(&family("duroxide_history_missed_total").rate(), "{{store}} missed")
            .query(&family("duroxide_census_mismatches_total").rate(), "{{store}} mismatches")
            .query(&family("duroxide_exporter_state_write_failures_total").rate(), "{{store}} unwritten"),
        ),
    ]
}

fn store() -> Vec<(u32, Panel)> {
    vec![
        (
            12,
            series(
                "Events counted",
                "Events of the histories a second that were counted, by type. unknown and undecodable are types this \
                 exporter does not know, and rows that hold no event.",
                "cps",
            )
            .stacked()
            .query(&sum(&["type"], &family("duroxide_history_events_total").rate()), "{{type}}")
            .legend_table(),
        ),
        (
            12,
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
            6,
            series(
                "Names beyond the cap",
                "Label combinations a second that were summed up as other because their family is at its cap \
                 (--metrics.max-label-values), by family; one line at 0 while none is.",
                "cps",
            )
            .query(
                &some(
                    &["family"],
                    &family("duroxide_exporter_series_dropped_total").rate(),
                    &[("family", "any family")],
                ),
                "{{family}}",
            ),
        ),
        (
            6,
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
            6,
            series(
                "Rejected items",
                "Data points and spans a second that the collector did not take. Empty unless something is pushed.",
                "cps",
            )
            .query(&sum(&["signal"], &family("duroxide_exporter_otlp_rejected_items_total").rate()), "{{signal}}"),
        ),
        (
            6,
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
            6,
            series(
                "CPU",
                "Cores that each exporter uses. Figures of processes are scraped, not pushed.",
                "short",
            )
            .query(&format!("{} and {ours}", cpu.rate()), "{{instance}}"),
        ),
        (
            5,
            series("Resident memory", "Memory of each exporter that is not swapped out.", "bytes")
                .query(&figure("process_resident_memory_bytes"), "{{instance}}"),
        ),
        (
            5,
            series("Open files", "Open file descriptors of each exporter, and the limit.", "short")
                .query(&figure("process_open_fds"), "{{instance}}")
                .query(&figure("process_threads"), "{{instance}} threads"),
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
    ]
}
