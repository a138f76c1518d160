//! Names are written by strangers: any bytes, any length, any number of them. The exposition stays readable, values
//! come back as they were, sums stay exact, and the exporter stays small.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

use std::{collections::BTreeSet, path::Path};

use duroxide::providers::WorkItem;
use scenarios::{
    compare::{Exporter, assert_exact},
    exporter::{Running, STORE},
    files::Scratch,
    peers::promtool,
    scrape,
    series::{Series, family, key},
    sidecar::Program,
    sql,
    target::Target,
    workload,
};
use sqlx::SqliteConnection;

/// Names out of nightmares.
fn hostile() -> Vec<String> {
    let long = "l".repeat(200);
    let mut names: Vec<String> = [
        "",
        " ",
        "\0",
        "nul\0inside",
        "\"",
        "quo\"te\"",
        "\\",
        "back\\slash\\n",
        "\\\"",
        "line\nfeed",
        "\n",
        "carriage\rreturn",
        "\r\n",
        "tab\t",
        "\u{202e}desrever",
        "\u{200b}",
        "\u{feff}",
        "\u{85}\u{2028}",
        "🦀",
        "e\u{301}",
        "é",
        "{a=\"b\"} 1",
        "# HELP",
        "other",
        "unknown",
        "%00",
        "a,b=c",
        "\u{7f}\u{1b}[31m",
        "'; DROP TABLE instances; --",
        "\u{10ffff}\u{fffd}",
    ]
    .map(str::to_owned)
    .to_vec();
    // These two differ where nobody sees it any more.
    names.extend([
        format!("{long}a"),
        format!("{long}b"),
        long.clone(),
        "x".repeat(10_000),
        "🦀".repeat(201),
    ]);
    names
}

/// A name as a label shows it.
fn shown(name: &str) -> String {
    if name.chars().count() <= 200 {
        name.to_owned()
    } else {
        name.chars().take(200).chain(['…']).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_come_back_as_they_are() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let _provider = workload::open(&path).await;
    let mut connection = sql::connect(&path).await;
    for (number, name) in hostile().iter().enumerate() {
        insert(&mut connection, number, name).await;
    }
    // No UTF-8 at all, in every column that holds a name.
    let bytes = "CAST(x'61ff62c3' AS TEXT)";
    let item = |name: &str| {
        format!(
            "CAST(CAST('{{\"ActivityExecute\":{{\"name\":\"' AS BLOB) || {name} || CAST('\"}}}}' AS BLOB) AS TEXT)"
        )
    };
    sql::run(
        &mut connection,
        &format!(
            "INSERT INTO instances (instance_id, orchestration_name, orchestration_version)
                 VALUES ({bytes}, {bytes}, {bytes});
             INSERT INTO executions (instance_id, execution_id, status) VALUES ({bytes}, 1, 'Running');
             INSERT INTO orchestrator_queue (instance_id, work_item, visible_at) VALUES ({bytes}, {bytes}, 1);
             INSERT INTO sessions (session_id, worker_id, locked_until, last_activity_at) VALUES ({bytes}, 'w', 1, 1);
             INSERT INTO worker_queue (work_item, visible_at, tag) VALUES ({}, 1, {bytes})",
            item("x'61ff62'")
        ),
    )
    .await;

    let exporter = Running::start(&path).await;
    let told = assert_exact(&path, &exporter, Exporter::Fresh).await;
    for name in hostile() {
        let shown = shown(&name);
        let same = hostile().iter().filter(|other| self::shown(other) == shown).count() as f64;
        let labels =
            [("store", STORE), ("orchestration", &shown), ("version", &shown), ("status", "running")];
        assert_eq!(told.get(&key("duroxide_instances", &labels)), Some(&same), "the orchestration {shown:?}");
        let labels = [("store", STORE), ("activity", &shown), ("tag", &shown), ("state", "ready")];
        assert_eq!(
            told.get(&key("duroxide_activity_queue_messages", &labels)),
            Some(&same),
            "the activity {shown:?}"
        );
    }
    let lossy = "a\u{fffd}b\u{fffd}";
    let labels = [("store", STORE), ("orchestration", lossy), ("version", lossy), ("status", "running")];
    assert_eq!(
        told.get(&key("duroxide_instances", &labels)),
        Some(&1.0),
        "the orchestration that is no UTF-8"
    );
    let labels = [("store", STORE), ("activity", "a\u{fffd}b"), ("tag", lossy), ("state", "ready")];
    assert_eq!(
        told.get(&key("duroxide_activity_queue_messages", &labels)),
        Some(&1.0),
        "the activity that is no UTF-8"
    );

    let body = scrape::get(exporter.target().0, "/metrics").await.unwrap();
    promtool(&body).unwrap_or_else(|said| panic!("{said}"));
    exporter.stop().await;
}

/// The name in every place where one can stand.
async fn insert(connection: &mut SqliteConnection, number: usize, name: &str) {
    // Several names are equal as instance ids, too: none is left out, each is told apart by its number.
    let instance = format!("{name}{number}");
    let item = WorkItem::ActivityExecute {
        instance: instance.clone(),
        execution_id: 1,
        id: 2,
        name: name.to_owned(),
        input: name.to_owned(),
        session_id: Some(name.to_owned()),
        tag: Some(name.to_owned()),
    };
    let item = serde_json::to_string(&item).unwrap();
    let message =
        WorkItem::QueueMessage { instance: instance.clone(), name: name.to_owned(), data: name.to_owned() };
    let message = serde_json::to_string(&message).unwrap();
    for (statement, values) in [
        (
            "INSERT INTO instances (instance_id, orchestration_name, orchestration_version) VALUES (?, ?, ?)",
            vec![instance.as_str(), name, name],
        ),
        (
            "INSERT INTO executions (instance_id, execution_id, status) VALUES (?, 1, 'Running')",
            vec![instance.as_str()],
        ),
        (
            "INSERT INTO worker_queue (work_item, visible_at, tag, session_id) VALUES (?, 1, ?, ?)",
            vec![&item, name, name],
        ),
        (
            "INSERT INTO orchestrator_queue (instance_id, work_item, visible_at) VALUES (?, ?, 1)",
            vec![&instance, &message],
        ),
        (
            "INSERT INTO sessions (session_id, worker_id, locked_until, last_activity_at) VALUES (?, ?, 1, 1)",
            vec![instance.as_str(), name],
        ),
        (
            "INSERT INTO instance_locks (instance_id, lock_token, locked_until, locked_at) VALUES (?, ?, 1, 1)",
            vec![instance.as_str(), name],
        ),
    ] {
        let query =
            values.into_iter().fold(sqlx::query(statement), |query, value| query.bind(value.to_owned()));
        query
            .execute(&mut *connection)
            .await
            .unwrap_or_else(|error| panic!("{name:?}: {error} in {statement}"));
    }
}

/// How many distinct names of each kind.
const MANY: u32 = 100_000;

/// Label combinations a family may have, by default.
const CAP: usize = 200;

/// All names are counted before the most frequent are shown, so memory grows with them, by about a kibibyte for one of each
/// kind; what each message is about is remembered, so that it is read once; and so is what runs. It takes 106 to 114 MiB. What
/// more is kept of each, or kept twice, shows.
const MEMORY: u64 = 128 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn more_names_than_anybody_can_show_are_summed_up() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let _provider = workload::open(&path).await;
    many_names(&path).await;
    let program = Program::new(env!("CARGO_BIN_EXE_sidecar"));
    // With an arena of the allocator for each thread, what a poll needs would be there twice when the next one runs on another.
    let one_arena = ["env", "MALLOC_ARENA_MAX=1"];
    let sidecar = program.serve_in(&one_arena, &format!("sqlite:{}", path.display()), &[]);
    let target = sidecar.target();

    let first = once(target, |told| told[&key("duroxide_up", &[("store", STORE)])] == 1.0).await;
    let names = shown_names("the first poll", &first, MANY, MANY);
    // A name outside becomes the most frequent of all, and one inside vanishes: everybody keeps their place.
    let inside = &names.0[0];
    let outside =
        (1..=MANY).map(|i| format!("orchestration {i}")).find(|name| !names.0.contains(name)).unwrap();
    sql::execute(
        &path,
        &format!(
            "UPDATE instances SET orchestration_name = '{outside}'
             WHERE orchestration_name = '{inside}' OR instance_id > 'i5';
             -- No history tells of this; that there is one more does.
             INSERT INTO instances (instance_id, orchestration_name, orchestration_version) VALUES ('more', '{outside}', '1');
             INSERT INTO executions (instance_id, execution_id, status) VALUES ('more', 1, 'Running');"
        ),
    )
    .await;
    let vanished = key(
        "duroxide_instances",
        &[("store", STORE), ("orchestration", inside), ("version", "1"), ("status", "running")],
    );
    let second = once(target, |told| told[&vanished] == 0.0).await;
    assert_eq!(shown_names("a later poll", &second, MANY + 1, MANY), names, "the names that are shown");

    for family in ["duroxide_instances", "duroxide_activity_queue_messages"] {
        let dropped = key("duroxide_exporter_series_dropped_total", &[("family", family)]);
        let (before, after) = (first[&dropped], second[&dropped]);
        assert!(before >= f64::from(MANY) - CAP as f64, "{family}: {before} series were dropped");
        assert!(after > before, "{family}: the count of dropped series does not rise");
    }
    let peak = sidecar.peak_memory();
    assert!(peak < MEMORY, "the exporter needed {} MiB", peak >> 20);
}

async fn many_names(path: &Path) {
    let fill = format!(
        r#"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY})
           INSERT INTO instances (instance_id, orchestration_name, orchestration_version)
           SELECT 'i' || i, 'orchestration ' || i, '1' FROM n;
           INSERT INTO executions (instance_id, execution_id, status) SELECT instance_id, 1, 'Running' FROM instances;
           WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY})
           INSERT INTO worker_queue (work_item, visible_at)
           SELECT '{{"ActivityExecute":{{"instance":"i","execution_id":1,"id":1,"name":"activity ' || i || '","input":""}}}}', 1
           FROM n"#
    );
    sql::execute(path, &fill).await;
}

/// The orchestrations and the activities that are shown; the sums over all are right.
fn shown_names(what: &str, told: &Series, instances: u32, activities: u32) -> (Vec<String>, Vec<String>) {
    let of = |name: &str, label: &str, sum: u32| -> Vec<String> {
        let keys = told.iter().filter(|(key, _)| family(key) == name);
        let total: f64 = keys.clone().map(|(_, value)| value).sum();
        assert_eq!(total, f64::from(sum), "{what}: the sum over {name}");
        let value = |key: &str| {
            let (_, rest) =
                key.split_once(&format!("{label}=\"")).unwrap_or_else(|| panic!("no {label} in {key}"));
            rest.split('"').next().unwrap_or_default().to_owned()
        };
        let mut names: BTreeSet<String> = keys.map(|(key, _)| value(key)).collect();
        assert!(names.remove("other"), "{what}: no combination `other` in {name}");
        assert_eq!(names.len(), CAP, "{what}: names shown in {name}");
        names.into_iter().collect()
    };
    (
        of("duroxide_instances", "orchestration", instances),
        of("duroxide_activity_queue_messages", "activity", activities),
    )
}

/// A scrape that fulfils a condition. A long poll is followed by a pause nine times as long, so this may take a
/// while.
async fn once(target: Target, condition: impl Fn(&Series) -> bool) -> Series {
    let deadline = tokio::time::Instant::now() + 4 * scrape::PATIENCE;
    loop {
        let told = target.scrape().await;
        if condition(&told) {
            return told;
        }
        let health = target.health().await;
        assert!(tokio::time::Instant::now() < deadline, "waited in vain for a poll; the store is {health:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
