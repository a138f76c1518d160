//! Log records of what failed or is stuck, and of the exporter itself, received by somebody else's definitions.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

use std::{path::Path, time::Duration};

use duroxide::Client;
use duroxide_exporter::TraceIds;
use scenarios::{
    collector::{Collector, Protocol},
    exporter::STORE,
    over_every_store, recount,
    scrape::{PATIENCE, wait_for},
    series::key,
    sidecar::{Program, Sidecar},
    sql,
    store::Store,
    stores::Kind,
    workload,
};
use serde_json::{Value, json};

const SECRET: &str = "hunter2-secret";

/// Severity numbers of OpenTelemetry.
const WARN: u64 = 13;
const ERROR: u64 = 17;

/// Runs `serve` that sends logs.
fn serve(store: &Store, collector: &Collector, state: Option<&Path>, more: &[&str]) -> Sidecar {
    let mut flags = collector.flags_of_logs();
    if let Some(state) = state {
        flags.extend(["--state-dir".to_owned(), state.to_str().unwrap().to_owned()]);
    }
    let flags: Vec<&str> = flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
    Program::new(env!("CARGO_BIN_EXE_sidecar")).serve_in(&[], &store.url(), &flags)
}

/// The records about workflows.
fn about_workflows(collector: &Collector) -> Vec<Value> {
    collector.records().into_iter().filter(|record| record["event"] != "").collect()
}

/// Waits for so many of them.
async fn arrived(collector: &Collector, records: usize) -> Vec<Value> {
    wait_for(&format!("{records} records"), async || {
        Some(about_workflows(collector)).filter(|arrived| arrived.len() >= records)
    })
    .await
}

/// The one about an instance.
fn of<'a>(records: &'a [Value], instance: &str) -> &'a Value {
    let mut of = records.iter().filter(|record| record["attributes"]["duroxide.instance.id"] == instance);
    let first = of.next().unwrap_or_else(|| panic!("no record of {instance} in {records:#?}"));
    assert!(of.next().is_none(), "more than one record of {instance} in {records:#?}");
    first
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Ids of an execution's trace and of a span in it: that of an event, or the execution itself.
fn ids(instance: &str, event: Option<u64>) -> (String, String) {
    let ids = TraceIds::new("");
    let span = match event {
        Some(event) => ids.span_id(instance, 1, event),
        None => ids.root_span_id(instance, 1),
    };
    (hex(&ids.trace_id(instance, 1)), hex(&span))
}

over_every_store!(what_failed_was_given_up_or_is_stuck_is_told_with_its_trace);

async fn what_failed_was_given_up_or_is_stuck_is_told_with_its_trace(kind: Kind) {
    let Some(collector) = Collector::start(Protocol::Grpc).await else { return };
    let fresh = kind.create().await;
    let provider = fresh.store.provider().await;
    let runtime = workload::start_runtime(provider.clone()).await;
    let client = Client::new(provider);
    let sidecar = serve(&fresh.store, &collector, None, &[]);
    sidecar.target().fresh_scrape().await;

    for (id, orchestration) in
        [("good", "Hello"), ("bad", "Fails"), ("panicked", "Panics"), ("poisoned", "UnknownActivity")]
    {
        client.start_orchestration(id, orchestration, SECRET).await.unwrap();
    }
    for id in ["good", "bad", "panicked"] {
        client.wait_for_orchestration(id, PATIENCE).await.unwrap();
    }
    // duroxide-pg-opt sleeps until somebody writes to a queue: that something put off is due does not wake it.
    let mut traffic = 0;
    wait_for("the poison to be given up", async || {
        traffic += 1;
        client.start_orchestration(format!("traffic-{traffic}"), "Hello", "").await.unwrap();
        client.wait_for_orchestration("poisoned", Duration::from_millis(100)).await.ok()
    })
    .await;
    client.start_orchestration("cancelled", "Event", "").await.unwrap();
    client.start_orchestration("lost", "Tagged", workload::UNSERVED_TAGS[0]).await.unwrap();
    wait_for("both to wait", async || {
        let rows = recount::raw(&fresh.store).await.ok()?;
        let has = |id: &str, kind: &str| {
            rows.history.iter().any(|event| event.instance == id && event.data.contains(kind))
        };
        (has("cancelled", "ExternalSubscribed") && has("lost", "ActivityScheduled")).then_some(())
    })
    .await;
    client.cancel_instance("cancelled", "enough").await.unwrap();
    client.wait_for_orchestration("cancelled", PATIENCE).await.unwrap();
    runtime.shutdown(Some(0)).await;
    sql::execute(&fresh.store, "DELETE FROM worker_queue").await;

    // Both the activity and the execution that failed for it are told.
    let records = arrived(&collector, 6).await;
    let [poison, records]: [Vec<Value>; 2] = {
        let (poison, rest) =
            records.into_iter().partition(|record| record["event"] == "duroxide.activity.poisoned");
        [poison, rest]
    };
    let rows = recount::raw(&fresh.store).await.unwrap();
    let ended = |instance: &str| {
        let event = rows.history.iter().rfind(|event| {
            event.instance == instance && event.data.contains("\"type\":\"OrchestrationFailed\"")
        });
        let event: Value = serde_json::from_str(&event.unwrap().data).unwrap();
        event["timestamp_ms"].as_u64().unwrap() * 1_000_000
    };
    for (instance, orchestration, failure, severity) in [
        ("bad", "Fails", "application", ERROR),
        ("panicked", "Panics", "panicked", ERROR),
        ("poisoned", "UnknownActivity", "poison", ERROR),
        ("cancelled", "Event", "cancelled", WARN),
    ] {
        let record = of(&records, instance);
        let (trace, span) = ids(instance, None);
        assert_eq!(record["event"], "duroxide.execution.failed", "{record:#}");
        assert_eq!(record["severity"], severity, "{record:#}");
        assert_eq!((&record["trace"], &record["id"]), (&json!(trace), &json!(span)), "{record:#}");
        assert_eq!(record["flags"], 1);
        assert_eq!(record["time"], ended(instance), "{record:#}");
        let attributes = &record["attributes"];
        assert_eq!(attributes["duroxide.store"], STORE);
        assert_eq!(attributes["duroxide.execution.id"], 1);
        assert_eq!(attributes["duroxide.orchestration.name"], orchestration);
        assert_eq!(attributes["error.type"], failure);
        assert_eq!(record["resource"]["service.name"], "duroxide-exporter");
    }
    let lost = of(&records, "lost");
    assert_eq!(lost["event"], "duroxide.instance.stuck", "{lost:#}");
    assert_eq!(lost["severity"], ERROR);
    assert_eq!(lost["trace"], ids("lost", None).0);
    assert_eq!(lost["attributes"]["duroxide.orchestration.name"], "Tagged");

    let [poison] = poison.as_slice() else { panic!("one poisoned activity: {poison:#?}") };
    let scheduled = rows
        .history
        .iter()
        .find(|event| event.instance == "poisoned" && event.data.contains("\"type\":\"ActivityScheduled\""));
    let scheduled: Value = serde_json::from_str(&scheduled.unwrap().data).unwrap();
    let (trace, span) = ids("poisoned", scheduled["event_id"].as_u64());
    assert_eq!((&poison["trace"], &poison["id"]), (&json!(trace), &json!(span)));
    assert_eq!(poison["attributes"]["duroxide.activity.name"], scheduled["name"]);

    // Nobody is told twice, and no payload leaves the store.
    let telemetry = sidecar.target().fresh_scrape().await;
    assert_eq!(about_workflows(&collector).len(), 6);
    let all: Vec<String> = collector.records().iter().map(ToString::to_string).collect();
    assert!(!all.iter().any(|record| record.contains(SECRET)), "{all:#?}");
    assert!(
        telemetry
            [&key("duroxide_exporter_otlp_exports_total", &[("signal", "logs"), ("outcome", "success")])]
            > 0.0
    );
    assert!(
        !telemetry.keys().any(|key| key.contains("duroxide_exporter_traces_total")),
        "no traces are sent"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exporters_own_log_is_sent_as_it_is_written() {
    let Some(collector) = Collector::start(Protocol::Http).await else { return };
    let fresh = Kind::Sqlite.create().await;
    let sidecar = serve(&fresh.store, &collector, None, &["--log.format", "json"]);
    sidecar.target().fresh_scrape().await;
    wait_for("a line", async || {
        let records = collector.records();
        records
            .iter()
            .any(|record| record["body"].as_str().unwrap().starts_with("listening on"))
            .then_some(())
    })
    .await;
    let written: Vec<Value> =
        sidecar.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let records = collector.records();
    assert!(!records.is_empty());
    for record in &records {
        let line = written.iter().find(|line| line["message"] == record["body"]);
        let line = line.unwrap_or_else(|| panic!("{record:#} is not in {written:#?}"));
        assert_eq!(line["level"], record["level"]);
        assert_eq!(line["target"], record["scope"]);
        assert!(record["observed"].as_u64() >= record["time"].as_u64());
    }
    assert!(sidecar.terminate().success());
    let last = collector.records();
    let told = |words: &str| last.iter().any(|record| record["body"].as_str().unwrap().contains(words));
    assert!(told("stopping"), "what was written at the end is sent: {last:#?}");
}

/// While nobody takes them, what failed waits in the history, also while the exporter is away; the exporter's own lines
/// find room for so many and no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_misses_no_failure() {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let Some(mut collector) = Collector::start(protocol).await else { return };
        let fresh = Kind::Sqlite.create().await;
        let state = tempfile::tempdir().unwrap();
        let provider = fresh.store.provider().await;
        let runtime = workload::start_runtime(provider.clone()).await;
        let client = Client::new(provider);
        let noisy = ["--log.level", "trace", "--otlp.timeout", "1s"];
        let sidecar = serve(&fresh.store, &collector, Some(state.path()), &noisy);
        sidecar.target().fresh_scrape().await;
        collector.order(json!({"answer": "refuse", "message": "who are you?"})).await;
        for n in 0..3 {
            let id = format!("bad-{n}");
            client.start_orchestration(&id, "Fails", "").await.unwrap();
            client.wait_for_orchestration(&id, PATIENCE).await.unwrap();
        }
        let dropped = key("duroxide_exporter_otlp_dropped_items_total", &[("signal", "logs")]);
        wait_for("a failed export", async || {
            let refused =
                key("duroxide_exporter_otlp_exports_total", &[("signal", "logs"), ("outcome", "refused")]);
            (sidecar.target().scrape().await[&refused] >= 2.0).then_some(())
        })
        .await;
        assert!(sidecar.target().scrape().await.contains_key(&dropped), "it is there, whatever it says");
        drop(sidecar);
        let again = serve(&fresh.store, &collector, Some(state.path()), &[]);
        collector.order(json!({"answer": "ok"})).await;
        let records = arrived(&collector, 3).await;
        for n in 0..3 {
            of(&records, &format!("bad-{n}"));
        }
        runtime.shutdown(Some(0)).await;
        assert!(again.terminate().success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_unless_it_is_asked_for() {
    let Some(collector) = Collector::start(Protocol::Http).await else { return };
    let fresh = Kind::Sqlite.create().await;
    let flags = collector.flags("100ms");
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let sidecar = Program::new(env!("CARGO_BIN_EXE_sidecar")).serve_in(&[], &fresh.store.url(), &flags);
    collector.received(3).await;
    assert!(collector.records().is_empty());
    assert!(!sidecar.target().scrape().await.keys().any(|key| key.contains("signal=\"logs\"")));
}
