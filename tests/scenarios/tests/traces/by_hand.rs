//! Executions in numbers and conditions that a workload does not bring about at the right moment.

use std::time::{SystemTime, UNIX_EPOCH};

use duroxide::Client;
use scenarios::{
    collector::{Collector, Protocol},
    over_every_store, recount,
    scrape::wait_for,
    sidecar::Program,
    sql::{Connection, quoted},
    store::Store,
    stores::{Fresh, Kind},
    workload,
};
use serde_json::{Value, json};

use super::{arrived, run, serve, traced, truth};

/// More than the exporter looks up at once.
const MANY: u64 = 150;

/// When the first of them began.
const BEGAN_MS: u64 = 1_795_408_935_000;

over_every_store!(what_began_before_is_looked_up_however_much_ends_at_once);

/// Their beginnings have been read when they end, all of them in one transaction, two executions of each instance.
async fn what_began_before_is_looked_up_however_much_ends_at_once(kind: Kind) {
    let Some(collector) = Collector::start(Protocol::Grpc).await else { return };
    let state = tempfile::tempdir().unwrap();
    let fresh = kind.create().await;
    let mut connection = fresh.store.connect().await;
    connection.run(&begin()).await;
    let sidecar = serve(&fresh.store, &collector, Some(state.path()), &[]);
    let position = state.path().join("traces/t.state");
    wait_for("the position", async || position.exists().then_some(())).await;

    if fresh.store.is_postgres() {
        // No runtime writes the turns of many instances in one transaction. Of one that does, that counts which is newer than
        // the last read, and a read may come before it ends.
        connection.run("ALTER TABLE history ALTER created_at SET DEFAULT now() + interval '1 hour'").await;
    }
    connection.run(&end(&fresh.store)).await;
    let ended = truth::ended(&recount::raw(&fresh.store).await.unwrap());
    assert_eq!(ended.len() as u64, 2 * MANY);
    arrived(&collector, ended.len()).await.assert_is(&ended);
    wait_for("the count", async || (traced(&sidecar, "exported").await == 300.0).then_some(())).await;
    connection.close().await;
}

fn event(instance: &str, execution: u64, id: u64, source: Option<u64>, what: &str, fields: Value) -> String {
    let mut event = json!({
        "event_id": id, "source_event_id": source, "instance_id": instance, "execution_id": execution,
        "timestamp_ms": BEGAN_MS + 1_000 * execution + 10 * id, "duroxide_version": "0.1.32", "type": what,
    });
    let Value::Object(fields) = fields else { panic!("{fields} are no fields") };
    event.as_object_mut().unwrap().extend(fields);
    let (instance, data) = (quoted(instance), quoted(&event.to_string()));
    format!(
        "INSERT INTO history (instance_id, execution_id, event_id, event_type, event_data) \
         VALUES ({instance}, {execution}, {id}, '{what}', {data});"
    )
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

fn instances() -> impl Iterator<Item = String> {
    (0..MANY).map(|n| format!("order-{n:03}"))
}

/// The first executions, as far as their timers.
fn begin() -> String {
    let mut sql = "BEGIN;".to_owned();
    for instance in instances() {
        let id = quoted(&instance);
        sql += &format!(
            "INSERT INTO instances (instance_id, orchestration_name, orchestration_version, current_execution_id) \
               VALUES ({id}, 'Order', '1.0.0', 1); \
             INSERT INTO executions (instance_id, execution_id, status) VALUES ({id}, 1, 'Running');"
        );
        sql += &event(
            &instance,
            1,
            1,
            None,
            "OrchestrationStarted",
            json!({"name": "Order", "version": "1.0.0", "input": ""}),
        );
        sql += &event(&instance, 1, 2, None, "TimerCreated", json!({"fire_at_ms": BEGAN_MS}));
    }
    sql + "COMMIT"
}

/// They continue as new, and that ends, too. Beside them is something damaged, which may be part of anything: so all of
/// them are looked up.
fn end(store: &Store) -> String {
    let mut sql = "BEGIN; \
         INSERT INTO instances (instance_id, orchestration_name, orchestration_version, current_execution_id) \
           VALUES ('damaged', 'Order', '1.0.0', 1); \
         INSERT INTO history (instance_id, execution_id, event_id, event_type, event_data) \
           VALUES ('damaged', 1, 1, 'Event', '{\"no\":\"event\"}');"
        .to_owned();
    for instance in instances() {
        let id = quoted(&instance);
        let now = store.time(now_ms());
        sql += &format!(
            "UPDATE instances SET current_execution_id = 2, updated_at = {now} WHERE instance_id = {id}; \
             UPDATE executions SET status = 'ContinuedAsNew' WHERE instance_id = {id}; \
             INSERT INTO executions (instance_id, execution_id, status) VALUES ({id}, 2, 'Completed');"
        );
        sql += &event(&instance, 1, 3, Some(2), "TimerFired", json!({"fire_at_ms": BEGAN_MS}));
        sql += &event(&instance, 1, 4, None, "OrchestrationContinuedAsNew", json!({"input": ""}));
        sql += &event(
            &instance,
            2,
            1,
            None,
            "OrchestrationStarted",
            json!({"name": "Order", "version": "1.0.0", "input": ""}),
        );
        sql += &event(&instance, 2, 2, None, "ActivityScheduled", json!({"name": "Charge", "input": ""}));
        sql += &event(&instance, 2, 3, Some(2), "ActivityCompleted", json!({"result": ""}));
        sql += &event(&instance, 2, 4, None, "OrchestrationCompleted", json!({"output": ""}));
    }
    sql + "COMMIT"
}

/// What cannot be read is told of, and the rest is there, whether the execution was read along with or looked up.
#[tokio::test(flavor = "multi_thread")]
async fn a_trace_tells_what_of_its_history_is_damaged() {
    for looked_up in [false, true] {
        let Some(collector) = Collector::start(Protocol::Http).await else { return };
        let state = tempfile::tempdir().unwrap();
        let fresh = Kind::Sqlite.create().await;
        let mut connection = fresh.store.connect().await;
        let [start, end] = damaged();
        let backfill = if looked_up { "false" } else { "true" };
        connection.run(&start).await;
        if !looked_up {
            connection.run(&end).await;
        }
        let more = ["--otlp.traces.backfill", backfill];
        let _sidecar = serve(&fresh.store, &collector, Some(state.path()), &more);
        if looked_up {
            let position = state.path().join("traces/t.state");
            wait_for("the position", async || position.exists().then_some(())).await;
            connection.run(&end).await;
        }
        let received = arrived(&collector, 1).await;
        let root = received.named("Order");
        assert_eq!(root["attributes"]["duroxide.history.undecodable_events"], 1, "{root:#}");
        assert_eq!(root["attributes"]["duroxide.history.unknown_events"], 1, "{root:#}");
        assert_eq!(received.below(root).len(), 1);
        connection.close().await;
    }
}

fn damaged() -> [String; 2] {
    let id = "damaged";
    let start = "INSERT INTO instances (instance_id, orchestration_name, orchestration_version, current_execution_id) \
         VALUES ('damaged', 'Order', '1.0.0', 1); \
         INSERT INTO executions (instance_id, execution_id, status) VALUES ('damaged', 1, 'Running');"
        .to_owned()
        + &event(id, 1, 1, None, "OrchestrationStarted", json!({"name": "Order", "version": "1.0.0", "input": ""}))
        + &event(id, 1, 2, None, "FromTheFuture", json!({"news": 1}))
        + "INSERT INTO history (instance_id, execution_id, event_id, event_type, event_data) \
           VALUES ('damaged', 1, 3, 'ActivityScheduled', 'no JSON');";
    let end = event(id, 1, 4, None, "TimerCreated", json!({"fire_at_ms": BEGAN_MS}))
        + &event(id, 1, 5, Some(4), "TimerFired", json!({"fire_at_ms": BEGAN_MS}))
        + &event(id, 1, 6, None, "OrchestrationCompleted", json!({"output": ""}))
        + "UPDATE executions SET status = 'Completed' WHERE instance_id = 'damaged';";
    [start, end]
}

/// gRPC servers take 4 MiB, this one as well.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_step_finds_comes_in_requests_that_a_server_takes() {
    let Some(collector) = Collector::start(Protocol::Grpc).await else { return };
    let fresh = Kind::Sqlite.create().await;
    large(&mut fresh.store.connect().await).await;
    let more = ["--otlp.traces.backfill", "true", "--otlp.traces.payloads", "true"];
    let _sidecar = serve(&fresh.store, &collector, None, &more);
    let received = arrived(&collector, 700).await;
    received.assert_is(&truth::ended(&recount::raw(&fresh.store).await.unwrap()));
    assert!(collector.traces().len() >= 5, "{} requests: less than 5 MiB", collector.traces().len());
}

/// 700 executions, each given and giving 4,000 characters.
async fn large(connection: &mut Connection) {
    let text = "x".repeat(4_000);
    let mut sql = "BEGIN;".to_owned();
    for n in 0..700 {
        let id = format!("large-{n}");
        sql += &format!(
            "INSERT INTO instances (instance_id, orchestration_name, orchestration_version, current_execution_id) \
               VALUES ('{id}', 'Order', '1.0.0', 1); \
             INSERT INTO executions (instance_id, execution_id, status) VALUES ('{id}', 1, 'Completed');"
        );
        sql += &event(
            &id,
            1,
            1,
            None,
            "OrchestrationStarted",
            json!({"name": "Order", "version": "1.0.0", "input": text}),
        );
        sql += &event(&id, 1, 2, None, "OrchestrationCompleted", json!({"output": text}));
    }
    connection.run(&(sql + "COMMIT")).await;
}

/// What ends after the last look is looked for once more.
#[tokio::test(flavor = "multi_thread")]
async fn an_exporter_that_is_told_to_end_sends_what_has_ended_since() {
    let Some(collector) = Collector::start(Protocol::Grpc).await else { return };
    let fresh = Kind::Sqlite.create().await;
    let provider = fresh.store.provider().await;
    let runtime = workload::start_runtime(provider.clone()).await;
    let client = Client::new(provider);
    run(&client, "first", "Hello", "").await;
    let mut flags = collector.flags("1d");
    let rarely = ["--poll-interval", "1h", "--otlp.traces.enabled", "true", "--otlp.traces.backfill", "true"];
    flags.extend(rarely.map(str::to_owned));
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let sidecar = Program::new(env!("CARGO_BIN_EXE_sidecar")).serve_in(&[], &fresh.store.url(), &flags);
    arrived(&collector, 1).await;
    run(&client, "second", "Hello", "").await;
    runtime.shutdown(Some(0)).await;
    assert!(sidecar.terminate().success());
    arrived(&collector, 2).await.assert_is(&truth::ended(&recount::raw(&fresh.store).await.unwrap()));
}

/// A directory of state that is of another store, as after a restore: its position means nothing here.
#[tokio::test(flavor = "multi_thread")]
async fn a_position_in_another_store_is_none() {
    let state = tempfile::tempdir().unwrap();
    let stores: [Fresh; 2] = [Kind::Sqlite.create().await, Kind::Sqlite.create().await];
    for (number, fresh) in stores.iter().enumerate() {
        let Some(collector) = Collector::start(Protocol::Grpc).await else { return };
        let provider = fresh.store.provider().await;
        let runtime = workload::start_runtime(provider.clone()).await;
        let client = Client::new(provider);
        for n in 0..3 {
            run(&client, &format!("{number}-{n}"), "Hello", "").await;
        }
        runtime.shutdown(Some(0)).await;
        let more = ["--otlp.traces.backfill", "true"];
        let sidecar = serve(&fresh.store, &collector, Some(state.path()), &more);
        let received = arrived(&collector, 3).await;
        received.assert_is(&truth::ended(&recount::raw(&fresh.store).await.unwrap()));
        let position = state.path().join("traces/t.state");
        wait_for("the position", async || position.exists().then_some(())).await;
        let said = sidecar.log().contains("the state file of the traces");
        assert_eq!(said, number == 1, "{}", sidecar.log());
    }
}
