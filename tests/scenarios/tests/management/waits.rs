//! Every reason there is, each brought about by rows; and that people are told what the metric counts.

use std::collections::BTreeMap;

use duroxide_exporter::{ManagementAPI, ManagementError, WaitReason, connect};
use scenarios::{
    exporter::{Running, STORE},
    over_every_store,
    scrape::wait_for,
    series::key,
    sql::quoted,
    store::Store,
    stores::{Fresh, Kind},
    truth::Truth,
};
use serde_json::{Value, json};

use crate::{subject::assert_not_found, suite::waits::waits};

/// An id in which every escape of JSON occurs. The framework and Postgres write them alike.
const ODD: &str = "odd \"quoted\" \\back\\ new\nline\u{1f} ünï 🚚 %_";

/// In 2100.
const FAR: i64 = 4_102_444_800_000;

/// Statements that write instances and rows of queues.
#[derive(Default)]
struct Rows(String);

impl Rows {
    /// An instance with its current execution and what that did.
    fn instance(&mut self, id: &str, execution: i64, status: &str, events: &[Value]) -> &mut Self {
        let text = quoted(id);
        self.0 += &format!(
            "INSERT INTO instances (instance_id, orchestration_name, orchestration_version, current_execution_id)
               VALUES ({text}, 'ByHand', '1.0.0', {execution});
             INSERT INTO executions (instance_id, execution_id, status) VALUES ({text}, {execution}, '{status}');"
        );
        let started = json!({"type": "OrchestrationStarted", "name": "ByHand", "version": "1.0.0", "input": "",
            "parent_instance": null, "parent_id": null});
        for (number, event) in (1..).zip([&started].into_iter().chain(events)) {
            let mut whole = json!({"event_id": number, "source_event_id": null, "instance_id": id,
                "execution_id": execution, "timestamp_ms": 1_795_408_935_949_u64, "duroxide_version": "0.1.32"});
            whole.as_object_mut().unwrap().extend(event.as_object().unwrap().clone());
            let (kind, whole) = (event["type"].as_str().unwrap(), quoted(&whole.to_string()));
            self.0 += &format!(
                "INSERT INTO history (instance_id, execution_id, event_id, event_type, event_data)
                   VALUES ({text}, {execution}, {number}, '{kind}', {whole});"
            );
        }
        self
    }

    fn message(&mut self, id: &str, item: &Value, visible: i64, attempts: i64) -> &mut Self {
        let (id, item) = (quoted(id), quoted(&item.to_string()));
        self.0 += &format!(
            "INSERT INTO orchestrator_queue (instance_id, work_item, visible_at, attempt_count)
               VALUES ({id}, {item}, MOMENT({visible}), {attempts});"
        );
        self
    }

    /// An activity that was scheduled by event 2, as far as a row without columns of identity tells.
    fn activity(&mut self, id: &str, execution: i64, visible: i64, attempts: i64, lease: &str) -> &mut Self {
        let item = json!({"ActivityExecute": {"instance": id, "execution_id": execution, "id": 2, "name": "Work",
            "input": "\u{0}"}});
        let item = quoted(&item.to_string());
        self.0 += &format!(
            "INSERT INTO worker_queue (work_item, visible_at, attempt_count, lock_token, locked_until, tag)
               VALUES ({item}, MOMENT({visible}), {attempts}, {lease}, 'gpu');"
        );
        self
    }
}

fn activity() -> Value {
    json!({"type": "ActivityScheduled", "name": "Work", "input": ""})
}

fn child() -> Value {
    json!({"type": "SubOrchestrationScheduled", "name": "ByHand", "instance": "sub::2", "input": ""})
}

fn timer() -> Value {
    json!({"type": "TimerCreated", "fire_at_ms": FAR})
}

fn fired(id: &str, execution: i64, event: i64) -> Value {
    json!({"TimerFired": {"instance": id, "execution_id": execution, "id": event, "fire_at_ms": FAR}})
}

fn start(id: &str) -> Value {
    json!({"StartOrchestration": {"instance": id, "orchestration": "ByHand", "input": "", "version": null,
        "parent_instance": "p", "parent_id": 2, "parent_execution_id": 1, "execution_id": 1}})
}

fn sent(id: &str) -> Value {
    json!({"QueueMessage": {"instance": id, "name": "inbox", "data": "secret"}})
}

/// Writes one instance for each case; the reasons.
fn cases(rows: &mut Rows) -> Vec<(&'static str, WaitReason)> {
    use WaitReason::{Activity, Child, Event, Executing, Ready, Retrying, Stuck, Timer};
    const RUNS: &str = "Running";
    rows.instance("executing", 1, RUNS, &[activity()]).activity("executing", 1, 1000, 0, "NULL, NULL");
    rows.0 += "INSERT INTO instance_locks (instance_id, lock_token, locked_until, locked_at)
        VALUES ('executing', 'turn', 4102444800000, 1000);";
    rows.instance("ready", 1, RUNS, &[activity()]).message("ready", &sent("ready"), 1000, 0);
    let done = json!({"SubOrchCompleted": {"parent_instance": "ready-by-child", "parent_execution_id": 1,
        "parent_id": 2, "result": "secret"}});
    rows.instance("ready-by-child", 1, RUNS, &[child()]).message("ready-by-child", &done, 1000, 0);
    rows.instance("ready-by-child::sub::2", 1, "Completed", &[]);
    rows.instance("turn-put-off", 1, RUNS, &[timer()]).message("turn-put-off", &sent("turn-put-off"), FAR, 2);
    rows.instance("retrying", 1, RUNS, &[activity()]).activity("retrying", 1, FAR, 3, "NULL, NULL");
    rows.instance("queued", 1, RUNS, &[activity(), timer()])
        .activity("queued", 1, 1000, 0, "NULL, NULL")
        .message("queued", &fired("queued", 1, 3), FAR, 0);
    rows.instance("in-flight", 1, RUNS, &[activity()]).activity(
        "in-flight",
        1,
        1000,
        1,
        "'w', 4102444800000",
    );
    rows.instance("dead-worker", 1, RUNS, &[activity()]).activity("dead-worker", 1, 1000, 1, "'w', 6000");
    rows.instance(ODD, 1, RUNS, &[activity()]).activity(ODD, 1, 1000, 0, "NULL, NULL");
    rows.instance("parent", 1, RUNS, &[child(), timer()]).message("parent", &fired("parent", 1, 3), FAR, 0);
    // Its id holds that of its parent, whose activity this is not.
    rows.instance("parent::sub::2", 1, RUNS, &[activity()]).activity(
        "parent::sub::2",
        1,
        1000,
        0,
        "NULL, NULL",
    );
    rows.instance("starting", 1, RUNS, &[child()]).message(
        "starting::sub::2",
        &start("starting::sub::2"),
        1000,
        0,
    );
    rows.instance("scheduled", 1, RUNS, &[child()]).message(
        "scheduled::sub::2",
        &start("scheduled::sub::2"),
        FAR,
        0,
    );
    rows.instance("event", 1, RUNS, &[json!({"type": "ExternalSubscribed", "name": "go"}), timer()]).message(
        "event",
        &fired("event", 1, 3),
        FAR,
        0,
    );
    rows.instance("inbox", 1, RUNS, &[json!({"type": "ExternalSubscribedPersistent", "name": "inbox"})]);
    // The framework has dropped the first and the third of these.
    let [raised, waits] =
        ["ExternalEvent", "ExternalSubscribed"].map(|kind| json!({"type": kind, "name": "go"}));
    rows.instance("too-early", 1, RUNS, &[raised.clone(), waits.clone(), raised.clone(), raised, waits]);
    rows.instance("timer", 1, RUNS, &[timer()]).message("timer", &fired("timer", 1, 2), FAR, 0);
    // The activity is lost; the timer may have lost a race, and will wake it all the same.
    rows.instance("late", 1, RUNS, &[activity(), timer()]).message("late", &fired("late", 1, 3), FAR, 0);
    rows.instance("stuck", 1, RUNS, &[activity(), activity()]);
    // A timer of the execution before.
    rows.instance("left-over", 2, RUNS, &[timer()]).message("left-over", &fired("left-over", 1, 2), FAR, 0);
    rows.instance("stuck-child", 1, RUNS, &[child()]);
    // A child that has failed leaves a timer behind.
    rows.instance("stuck-child::sub::2", 1, "Failed", &[timer()]).message(
        "stuck-child::sub::2",
        &fired("stuck-child::sub::2", 1, 2),
        FAR,
        0,
    );
    rows.instance("no-child", 1, RUNS, &[child()]);
    rows.instance("nothing", 1, RUNS, &[]);
    rows.instance("ended", 1, "Completed", &[activity()]).activity("ended", 1, 1000, 0, "NULL, NULL");
    vec![
        ("executing", Executing),
        ("ready", Ready),
        ("ready-by-child", Ready),
        ("turn-put-off", Retrying),
        ("retrying", Retrying),
        ("queued", Activity),
        ("in-flight", Activity),
        ("dead-worker", Activity),
        (ODD, Activity),
        ("parent", Child),
        ("parent::sub::2", Activity),
        ("starting", Child),
        ("scheduled", Child),
        ("event", Event),
        ("too-early", Event),
        ("inbox", Event),
        ("timer", Timer),
        ("late", Timer),
        ("stuck", Stuck),
        ("left-over", Stuck),
        ("stuck-child", Stuck),
        ("no-child", Stuck),
        ("nothing", Stuck),
    ]
}

async fn filled(kind: Kind) -> (Fresh, Vec<(&'static str, WaitReason)>) {
    let fresh = kind.create().await;
    let mut rows = Rows::default();
    let cases = cases(&mut rows);
    scenarios::sql::execute(&fresh.store, &rows.0).await;
    (fresh, cases)
}

fn api(store: &Store) -> std::sync::Arc<dyn ManagementAPI> {
    connect(&store.url()).unwrap()
}

async fn every_reason_is_told(kind: Kind) {
    let (fresh, cases) = filled(kind).await;
    let api = api(&fresh.store);
    let truth = Truth::read(&fresh.store).await;
    for (id, reason) in cases {
        let said = api.get_instance_waits(id).await.unwrap();
        assert_eq!(said.reason, Some(reason), "{id:?}: {said:#?}");
        let instance = truth.instance(id).unwrap();
        assert_eq!(said, waits(&truth, instance, said.as_of.unix_millis()), "{id:?}");
        assert!(!serde_json::to_string(&said).unwrap().contains("secret"), "{id:?}: no payload");
    }
    let ended = api.get_instance_waits("ended").await.unwrap();
    assert!(ended.reason.is_none() && ended.waits.is_empty() && ended.messages.is_empty(), "{ended:?}");
    // One that is only queued is none yet.
    for id in ["nobody", "starting::sub::2", ""] {
        let answer = api.get_instance_waits(id).await;
        if !matches!(answer, Err(ManagementError::InvalidArgument { .. })) {
            assert_not_found(id, answer);
        }
    }
}

async fn the_metric_counts_what_people_are_told(kind: Kind) {
    let (fresh, cases) = filled(kind).await;
    let mut wanted: BTreeMap<WaitReason, f64> = BTreeMap::new();
    for (_, reason) in cases {
        *wanted.entry(reason).or_default() += 1.0;
    }
    assert_eq!(wanted.len(), WaitReason::ALL.len(), "{wanted:?}");
    let exporter = Running::start(&fresh.store).await;
    // It is not sure that somebody is stuck before its second look.
    let counted = wait_for("the second look", async || {
        let series = exporter.scrape().await;
        let count = |reason: &WaitReason| {
            let labels = [("orchestration", "ByHand"), ("reason", reason.as_str()), ("store", STORE)];
            series.get(&key("duroxide_instances_waiting", &labels)).copied()
        };
        let counted: BTreeMap<_, _> =
            WaitReason::ALL.iter().filter_map(|reason| Some((*reason, count(reason)?))).collect();
        (counted == wanted).then_some(counted)
    })
    .await;
    assert_eq!(counted, wanted);
    exporter.stop().await;
}

over_every_store!(every_reason_is_told, the_metric_counts_what_people_are_told);
