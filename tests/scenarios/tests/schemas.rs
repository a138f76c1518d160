//! Every schema since 0.1.2 is read, from the migrations the framework itself ships, and so is one of its future:
//! more columns, more tables, another order, words nobody knows yet.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use duroxide_exporter::testing::Probe;
use scenarios::{
    compare::{self, Counting, Exporter},
    disk,
    files::Scratch,
    recount::{self, recount},
    series::{Series, key},
    sql, workload,
};
use sqlx::{Row as _, SqliteConnection};

/// The label of the probe's store.
const PROBE: &str = "probe";

/// The first migration is that of 0.1.1, which nobody runs any more.
const FIRST: usize = 2;
const LAST: usize = 12;

#[tokio::test]
async fn every_schema_since_0_1_2_is_read() {
    let migrations = migrations();
    assert_eq!(migrations.len(), LAST, "the framework has other migrations; are they read?");
    for applied in FIRST..=LAST {
        let scratch = Scratch::new();
        let path = scratch.file("store.db");
        let mut connection = sql::connect(&path).await;
        sql::run(
            &mut connection,
            "PRAGMA journal_mode = WAL; CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY)",
        )
        .await;
        for migration in &migrations[..applied] {
            sql::run(&mut connection, &fs::read_to_string(migration).unwrap()).await;
            let version = version(migration);
            sql::run(&mut connection, &format!("INSERT INTO _sqlx_migrations VALUES ({version})")).await;
        }
        fill(&mut connection).await;

        let what = format!("{applied} migrations");
        let told = assert_exact(&what, &path).await;
        let schema = version(&migrations[applied - 1]);
        let info = key(
            "duroxide_store_info",
            &[("store", PROBE), ("backend", "sqlite"), ("schema", &schema), ("mode", "live")],
        );
        assert_eq!(told.get(&info), Some(&1.0), "{what}: there is no {info}");
        for state in ["ready", "blocked", "delayed", "in_flight", "lease_expired"] {
            let labels = [("store", PROBE), ("queue", "orchestrator"), ("state", state)];
            assert!(
                told[&key("duroxide_queue_messages", &labels)] > 0.0,
                "{what}: no orchestrator message is {state}"
            );
        }

        // The same as a copy: its "now" is looked for in other columns.
        let copy = scratch.file("copy.db");
        disk::copy_at_rest(&path, &copy).await;
        let mut probe = Probe::open(&format!("sqlite:{}", copy.display())).await.unwrap();
        probe.poll().await.unwrap_or_else(|error| panic!("{what}, copied: {error}"));
    }
}

#[tokio::test]
async fn a_schema_of_the_future_is_read() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let store = workload::open(&path).await;
    workload::queue_without_runtime(store.clone()).await;
    workload::write_by_hand(&path).await;
    drop(store);
    let mut connection = sql::connect(&path).await;
    for table in [
        "instances",
        "executions",
        "history",
        "orchestrator_queue",
        "worker_queue",
        "instance_locks",
        "sessions",
    ] {
        reverse_columns(&mut connection, table).await;
        sql::run(
            &mut connection,
            &format!("ALTER TABLE {table} ADD COLUMN future TEXT NOT NULL DEFAULT 'x'"),
        )
        .await;
    }
    sql::run(
        &mut connection,
        r#"
        CREATE TABLE timeline (id INTEGER PRIMARY KEY, status TEXT);
        INSERT INTO timeline (status) VALUES ('x');
        INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
            VALUES (20990101000000, 'from the future', 1, x'00', 0);
        INSERT INTO instances (instance_id, orchestration_name, orchestration_version, current_execution_id) VALUES
            ('odd-1', 'Hello', '1.0.0', 1), ('odd-2', 'Hello', '1.0.0', 1), ('odd-3', 'Hello', '1.0.0', 1);
        INSERT INTO executions (instance_id, execution_id, status) VALUES
            ('odd-1', 1, 'Hibernating ❄'), ('odd-2', 1, CAST(x'ff00fe' AS TEXT)), ('odd-3', 1, x'ff');
        INSERT INTO history (instance_id, execution_id, event_id, event_type, event_data) VALUES
            ('odd-1', 1, 1, 'FromTheFuture', '{"event_id":1,"type":"FromTheFuture","timestamp_ms":"noon"}'),
            ('odd-1', 1, 2, 'FromTheFuture', 'no JSON at all');
        "#,
    )
    .await;
    let told = assert_exact("the future", &path).await;
    let unknown = [("store", PROBE), ("orchestration", "Hello"), ("version", "1.0.0"), ("status", "unknown")];
    // One with the word "Suspended", one without an execution, and the three above.
    assert_eq!(told[&key("duroxide_instances", &unknown)], 5.0, "instances whose status nobody knows");
    for queue in ["orchestrator", "worker"] {
        let undecodable = key("duroxide_queue_undecodable_messages", &[("store", PROBE), ("queue", queue)]);
        assert_eq!(told[&undecodable], 2.0, "unknown kinds of work items in the {queue} queue");
    }
    let info = [("store", PROBE), ("backend", "sqlite"), ("schema", "20990101000000"), ("mode", "live")];
    assert_eq!(told.get(&key("duroxide_store_info", &info)), Some(&1.0), "the newest migration's number");
    disk::copy_at_rest(&path, &scratch.file("copy.db")).await;
    let mut copy = Probe::open(&format!("sqlite:{}", scratch.file("copy.db").display())).await.unwrap();
    copy.poll().await.expect("a copy whose newest event is unknown is read");
}

/// Polls once and compares.
async fn assert_exact(what: &str, path: &Path) -> Series {
    let rows = recount::raw(path).await.unwrap();
    let before = recount::count(&rows, PROBE, rows.read_ms);
    let mut probe = Probe::open(&format!("sqlite:{}", path.display())).await.unwrap();
    let told = probe.poll().await.unwrap_or_else(|error| panic!("{what}: {error}"));
    let after = recount(path, PROBE).await.unwrap();
    let report = compare::differences(&before, &after, &told, Exporter::Fresh)
        + &compare::miscounted(&rows, PROBE, &told, Counting::Nothing);
    assert!(report.is_empty(), "{what}: the exporter does not tell the truth:\n{report}");
    told
}

/// The migrations in the sources of the framework that is linked, oldest first.
fn migrations() -> Vec<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = |arguments: &[&str]| {
        let output =
            Command::new(&cargo).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    // Without the platform Cargo would want the sources of every platform's packages.
    let about = output(&["-vV"]);
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).expect("the host platform");
    let metadata = output(&["metadata", "--format-version", "1", "--locked", "--filter-platform", host]);
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let duroxide =
        packages.iter().find(|package| package["name"] == "duroxide").expect("the package duroxide");
    let sources = Path::new(duroxide["manifest_path"].as_str().unwrap()).parent().unwrap();
    let mut migrations: Vec<_> =
        fs::read_dir(sources.join("migrations")).unwrap().map(|entry| entry.unwrap().path()).collect();
    migrations.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    migrations.sort();
    migrations
}

fn version(migration: &Path) -> String {
    migration.file_name().unwrap().to_string_lossy().split('_').next().unwrap().to_owned()
}

/// Rows in every state the columns can tell.
async fn fill(connection: &mut SqliteConnection) {
    let now = recount::now_ms();
    let (past, future) = ((now - 60_000).to_string(), (now + 600_000).to_string());
    let activity = |name: &str| {
        format!(
            r#"'{{"ActivityExecute":{{"instance":"i","execution_id":1,"id":2,"name":"{name}","input":""}}}}'"#
        )
    };
    let message = r#"'{"QueueMessage":{"instance":"held","name":"n","data":"d"}}'"#;
    let timer = r#"'{"TimerFired":{"instance":"held","execution_id":1,"id":3,"fire_at_ms":1}}'"#;
    let (greet, slow) = (activity("Greet"), activity("Slow"));
    let (past, future) = (past.as_str(), future.as_str());
    let rows: &[(&str, &[(&str, &str)])] = &[
        (
            "instances",
            &[("instance_id", "'held'"), ("orchestration_name", "'Hello'"), ("orchestration_version", "'1'")],
        ),
        (
            "instances",
            &[("instance_id", "'dead'"), ("orchestration_name", "'Hello'"), ("orchestration_version", "'1'")],
        ),
        ("executions", &[("instance_id", "'held'"), ("execution_id", "1"), ("status", "'Running'")]),
        ("executions", &[("instance_id", "'dead'"), ("execution_id", "1"), ("status", "'Failed'")]),
        (
            "instance_locks",
            &[
                ("instance_id", "'held'"),
                ("lock_token", "'l'"),
                ("locked_until", future),
                ("locked_at", past),
            ],
        ),
        (
            "instance_locks",
            &[("instance_id", "'dead'"), ("lock_token", "'d'"), ("locked_until", past), ("locked_at", past)],
        ),
        (
            "orchestrator_queue",
            &[
                ("instance_id", "'held'"),
                ("work_item", message),
                ("visible_at", past),
                ("lock_token", "'l'"),
                ("attempt_count", "2"),
            ],
        ),
        ("orchestrator_queue", &[("instance_id", "'held'"), ("work_item", message), ("visible_at", past)]),
        (
            "orchestrator_queue",
            &[
                ("instance_id", "'dead'"),
                ("work_item", message),
                ("visible_at", past),
                ("lock_token", "'d'"),
                ("attempt_count", "1"),
            ],
        ),
        ("orchestrator_queue", &[("instance_id", "'new'"), ("work_item", message), ("visible_at", past)]),
        ("orchestrator_queue", &[("instance_id", "'new'"), ("work_item", message), ("visible_at", future)]),
        ("orchestrator_queue", &[("instance_id", "'held'"), ("work_item", timer), ("visible_at", future)]),
        ("worker_queue", &[("work_item", &greet), ("visible_at", past), ("tag", "'gpu'")]),
        ("worker_queue", &[("work_item", &greet), ("visible_at", future), ("attempt_count", "1")]),
        (
            "worker_queue",
            &[
                ("work_item", &slow),
                ("visible_at", past),
                ("lock_token", "'w'"),
                ("locked_until", future),
                ("attempt_count", "1"),
            ],
        ),
        (
            "worker_queue",
            &[
                ("work_item", &slow),
                ("visible_at", past),
                ("lock_token", "'w'"),
                ("locked_until", past),
                ("attempt_count", "3"),
            ],
        ),
        (
            "sessions",
            &[
                ("session_id", "'s'"),
                ("worker_id", "'w'"),
                ("locked_until", future),
                ("last_activity_at", past),
            ],
        ),
    ];
    for (table, values) in rows {
        let there: Vec<String> =
            columns(connection, table).await.iter().map(|column| column.get::<String, _>("name")).collect();
        // A table that this schema does not have has no columns.
        if there.is_empty() {
            continue;
        }
        let values: Vec<_> =
            values.iter().filter(|(column, _)| there.contains(&(*column).to_owned())).collect();
        let names: Vec<_> = values.iter().map(|(name, _)| *name).collect();
        let values: Vec<_> = values.iter().map(|(_, value)| *value).collect();
        let insert = format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), values.join(", "));
        sql::run(connection, &insert).await;
    }
}

async fn columns(connection: &mut SqliteConnection, table: &str) -> Vec<sqlx::sqlite::SqliteRow> {
    sqlx::query(&format!("PRAGMA table_info({table})")).fetch_all(connection).await.unwrap()
}

/// Makes the table anew with its columns from last to first.
async fn reverse_columns(connection: &mut SqliteConnection, table: &str) {
    let mut columns = columns(connection, table).await;
    columns.reverse();
    let mut definitions = Vec::new();
    let mut keys: Vec<(i64, String)> = Vec::new();
    for column in &columns {
        let (name, kind): (String, String) = (column.get("name"), column.get("type"));
        let (required, key): (bool, i64) = (column.get("notnull"), column.get("pk"));
        let default: Option<String> = column.get("dflt_value");
        if name == "id" {
            definitions.push("id INTEGER PRIMARY KEY AUTOINCREMENT".to_owned());
            continue;
        }
        let required = if required { "NOT NULL" } else { "" };
        let default = default.map_or_else(String::new, |default| format!("DEFAULT {default}"));
        definitions.push(format!("{name} {kind} {required} {default}"));
        if key > 0 {
            keys.push((key, name));
        }
    }
    if !keys.is_empty() {
        keys.sort();
        let keys: Vec<_> = keys.into_iter().map(|(_, name)| name).collect();
        definitions.push(format!("PRIMARY KEY ({})", keys.join(", ")));
    }
    let names: Vec<String> = columns.iter().map(|column| column.get("name")).collect();
    let names = names.join(", ");
    sql::run(
        connection,
        &format!(
            "CREATE TABLE reversed ({}); INSERT INTO reversed ({names}) SELECT {names} FROM {table};
             DROP TABLE {table}; ALTER TABLE reversed RENAME TO {table}",
            definitions.join(", ")
        ),
    )
    .await;
}
