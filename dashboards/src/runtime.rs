//! What runtimes with an instrumented provider measure themselves: the store as they feel it.

use crate::frame::{self, RUNTIME, World};
use crate::layout::Layout;
use crate::model::{Dashboard, Panel};
use crate::panel::{heatmap, series, stat};
use crate::query::{Family, family, share, sum};

/// Other messaging clients in the same services measure the same by the same convention; no other has queues of these
/// names, while the name of the system is the application's choice.
const OURS: &str = r#"messaging_destination_name=~"orchestrator|worker""#;
const QUEUE: &str = "messaging_destination_name";
const OPERATION: &str = "messaging_operation_name";

pub(crate) fn dashboard() -> Dashboard {
    let panels = Layout::default()
        .line(5, stats())
        .heading("Throughput")
        .line(8, throughput())
        .heading("Latency of the store")
        .line(8, latency())
        .heading("Failures")
        .line(8, failures())
        .finish();
    frame::dashboard(
        RUNTIME,
        "duroxide / Runtime provider",
        "The calls of runtimes on their provider, measured in their own processes by Instrumented (feature otel) and \
         sent by the application as OTLP metrics.",
        World::Runtime,
        panels,
    )
}

fn calls() -> Family {
    family("messaging_client_operation_duration_seconds").with(OURS)
}

fn operation(names: &str) -> Family {
    calls().with(&format!(r#"{OPERATION}=~"{names}""#))
}

fn empty() -> Family {
    family("duroxide_provider_empty_receives_total").with(OURS)
}

fn failed(family: Family) -> Family {
    family.with(r#"error_type!="""#)
}

fn stats() -> Vec<(u32, Panel)> {
    let settled =
        |queue: &str| sum(&[], &operation("ack").with(&format!(r#"{QUEUE}="{queue}""#)).rate_of("count"));
    let received = sum(&[], &operation("receive").rate_of("count"));
    let nothing = sum(&[], &empty().rate());
    vec![
        (4, stat("Turns", "Orchestration turns a second that ended with an acknowledgement.", "cps", &settled("orchestrator")).decimals(2)),
        (4, stat("Activities", "Activities a second that ended with an acknowledgement.", "cps", &settled("worker")).decimals(2)),
        (
            4,
            stat(
                "Receive, p95",
                "19 of 20 receives that brought something took no longer. With providers that wait for work, waiting is \
                 part of it.",
                "s",
                &operation("receive").quantile("0.95", &[]),
            ),
        ),
        (
            4,
            stat(
                "Acknowledge, p95",
                "19 of 20 acknowledgements took no longer: what the store needs to commit a turn or an activity.",
                "s",
                &operation("ack").quantile("0.95", &[]),
            )
            .thresholds(&[(0.25, "yellow"), (1.0, "red")]),
        ),
        (
            4,
            stat(
                "Failed calls",
                "Share of the calls that the store refused or that were dropped.",
                "percentunit",
                &share(&sum(&[], &failed(calls()).rate_of("count")), &sum(&[], &calls().rate_of("count"))),
            )
            .thresholds(&[(0.001, "yellow"), (0.01, "red")]),
        ),
        (
            4,
            stat(
                "Empty receives",
                "Share of the receives that brought nothing: near 1 the runtimes are idle, near 0 they have no rest.",
                "percentunit",
                &share(&nothing, &format!("({received} + {nothing})")),
            ),
        ),
    ]
}

fn throughput() -> Vec<(u32, Panel)> {
    vec![
        (
            8,
            series(
                "Calls by operation",
                "Calls a second on the two queues: receive (only what brought something), ack and abandon (the end of a \
                 turn or an activity), send.",
                "cps",
            )
            .query(&sum(&[OPERATION, QUEUE], &calls().rate_of("count")), "{{messaging_operation_name}} {{messaging_destination_name}}"),
        ),
        (
            8,
            series(
                "Work by process",
                "Turns and activities a second that each process acknowledged: whether all of them take their part.",
                "cps",
            )
            .query(
                &sum(&["job", "instance", QUEUE], &operation("ack").rate_of("count")),
                "{{job}} {{instance}} {{messaging_destination_name}}",
            ),
        ),
        (
            8,
            series(
                "Empty receives",
                "Receives a second that brought nothing. Many of them cost the store more than the work does: see the \
                 runtime's poll interval.",
                "cps",
            )
            .query(&sum(&[QUEUE], &empty().rate()), "{{messaging_destination_name}}"),
        ),
    ]
}

fn latency() -> Vec<(u32, Panel)> {
    let by_queue = |title, description, names: &str| {
        let found = operation(names);
        series(title, description, "s")
            .soft_max(0.01)
            .query(&found.quantile("0.5", &[QUEUE]), "{{messaging_destination_name}} p50")
            .query(&found.quantile("0.95", &[QUEUE]), "{{messaging_destination_name}} p95")
            .query(&found.quantile("0.99", &[QUEUE]), "{{messaging_destination_name}} p99")
    };
    vec![
        (6, by_queue("Receive", "How long receives took that brought something.", "receive")),
        (
            6,
            by_queue(
                "Acknowledge",
                "How long it took to commit a turn (its new history and messages) or the result of an activity.",
                "ack",
            ),
        ),
        (
            6,
            by_queue("Send", "How long it took to enqueue a message: starts, events, cancellations.", "send"),
        ),
        (
            6,
            heatmap(
                "All calls",
                "How many calls a second took how long, of all operations on both queues.",
                "s",
                &calls().buckets(&[]),
            ),
        ),
    ]
}

fn failures() -> Vec<(u32, Panel)> {
    // There are no series of what never happened.
    let by_queue = |name: &str| sum(&[QUEUE], &operation(name).rate_of("count"));
    vec![
        (
            8,
            series(
                "Failed calls by kind",
                "Calls a second that failed: the provider's method, and whether the runtime tries again (retryable) or \
                 not (permanent); cancelled for a call that was dropped.",
                "cps",
            )
            .stacked()
            .query(
                &format!(
                    r#"{} or on () label_replace({} * 0, "error_type", "none", "", "")"#,
                    sum(&["error_type"], &failed(calls()).rate_of("count")),
                    sum(&[], &calls().rate_of("count")),
                ),
                "{{error_type}}",
            ),
        ),
        (
            8,
            series(
                "Failed share by operation",
                "Share of each operation's calls that failed.",
                "percentunit",
            )
            .query(
                &share(
                    &sum(&[OPERATION], &failed(calls()).rate_of("count")),
                    &sum(&[OPERATION], &calls().rate_of("count")),
                ),
                "{{messaging_operation_name}}",
            ),
        ),
        (
            8,
            series(
                "Abandoned",
                "Turns and activities a second that were given back: the runtime could not do them now, or shuts down.",
                "cps",
            )
            .query(&format!("{} or {} * 0", by_queue("abandon"), by_queue("receive")), "{{messaging_destination_name}}"),
        ),
    ]
}
