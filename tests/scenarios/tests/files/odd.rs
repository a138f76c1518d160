//! What SQLite can hold and the framework never writes: values of other types than their columns say, other encodings,
//! other tables in the file. None of it hides the rest.

use duroxide_exporter::{PageRequest, connect, testing::Probe};
use scenarios::{
    compare::{Exporter, assert_exact},
    exporter::Running,
    files::Scratch,
    series::{Series, family},
    sql, workload,
};
use sqlx::Row as _;

use crate::past;

/// One of each type, and what arithmetic stumbles over.
const VALUES: [&str; 9] =
    ["NULL", "'text'", "''", "x'00ff'", "1.5", "9e999", "-1", "9223372036854775807", "CAST(x'ff61' AS TEXT)"];

fn total(told: &Series, name: &str) -> f64 {
    told.iter().filter(|(key, _)| family(key) == name).map(|(_, value)| value).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_any_type_in_any_column_hides_nothing_else() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let (provider, _) = past::create(&path).await;
    drop(provider);
    let url = format!("sqlite:{}", path.display());
    let mut writer = sql::connect(&path).await;
    sql::run(&mut writer, "PRAGMA ignore_check_constraints = ON").await;
    let columns = sqlx::query(
        "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table'
           AND (t.name NOT LIKE 'sqlite_%' OR t.name = 'sqlite_sequence')",
    );
    let columns = columns.fetch_all(&mut writer).await.unwrap();
    assert!(columns.len() > 50, "{}", columns.len());
    let mut probe = Probe::open(&url).await.unwrap();
    let mut tried = 0;
    for column in columns {
        let (table, column): (String, String) = (column.get(0), column.get(1));
        sql::run(&mut writer, &format!("DROP TABLE IF EXISTS saved; CREATE TEMP TABLE saved AS SELECT rowid AS id, {column} AS value FROM {table} LIMIT 1")).await;
        for value in VALUES {
            let change = format!(
                "UPDATE OR IGNORE {table} SET {column} = {value} WHERE rowid = (SELECT id FROM saved)"
            );
            // A constraint may keep it out.
            if sqlx::query(&change).execute(&mut writer).await.is_err() {
                continue;
            }
            tried += 1;
            let what = format!("{value} in {table}.{column}");
            let told = probe.poll().await.unwrap_or_else(|error| panic!("{what}: {error}"));
            let rows =
                "SELECT (SELECT COUNT(*) FROM orchestrator_queue) + (SELECT COUNT(*) FROM worker_queue)";
            let rows: i64 = sqlx::query_scalar(rows).fetch_one(&mut writer).await.unwrap();
            assert_eq!(total(&told, "duroxide_queue_messages"), rows as f64, "{what}");
            let rows = "SELECT COUNT(*) FROM instances";
            let rows: i64 = sqlx::query_scalar(rows).fetch_one(&mut writer).await.unwrap();
            assert_eq!(total(&told, "duroxide_instances"), rows as f64, "{what}");
            let api = connect(&url).unwrap();
            let listed = api.list_instances(PageRequest::first(100)).await;
            let listed = listed.unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(listed.items.len() as i64, rows, "{what}");
            api.get_queue_depths().await.unwrap_or_else(|error| panic!("{what}: {error}"));
        }
        let back = format!(
            "UPDATE {table} SET {column} = (SELECT value FROM saved) WHERE rowid = (SELECT id FROM saved)"
        );
        sql::run(&mut writer, &back).await;
    }
    assert!(tried > 200, "{tried}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_in_utf_16_is_read_like_any_other() {
    for encoding in ["UTF-16le", "UTF-16be"] {
        let scratch = Scratch::new();
        let path = scratch.file("store.db");
        let encode = format!("PRAGMA encoding = '{encoding}'; CREATE TABLE t (a); DROP TABLE t");
        sql::execute(&path, &encode).await;
        let provider = workload::open(&path).await;
        if encoding == "UTF-16le" {
            let runtime = workload::start_runtime(provider.clone()).await;
            workload::run(provider.clone(), &path).await;
            runtime.shutdown(None).await;
        }
        workload::queue_without_runtime(provider.clone()).await;
        let name = "naïve 🦀 ".repeat(60);
        sql::execute(
            &path,
            &format!(
                "INSERT INTO instances (instance_id, orchestration_name, orchestration_version) VALUES ('é🦀', '{name}', 'ß');
                 INSERT INTO executions (instance_id, execution_id, status) VALUES ('é🦀', 1, 'Running')"
            ),
        )
        .await;
        let exporter = Running::start(&path).await;
        assert_exact(&path, &exporter, Exporter::Fresh).await;
        let api = connect(&format!("sqlite:{}", path.display())).unwrap();
        let instance = api.get_instance_info("é🦀").await.unwrap();
        assert_eq!((instance.orchestration_name, instance.orchestration_version), (name, "ß".to_owned()));
        exporter.stop().await;
    }
}

/// Other tables are the application's own business: SQLite cannot even describe one whose module it does not have.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_needs_an_extension_hides_nothing() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let (_provider, _) = past::create(&path).await;
    sql::execute(
        &path,
        "PRAGMA writable_schema = ON;
         INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql)
           VALUES ('table', 'vectors', 'vectors', 0, 'CREATE VIRTUAL TABLE vectors USING vec0(embedding)');
         PRAGMA writable_schema = RESET",
    )
    .await;
    let mut probe = Probe::open(&format!("sqlite:{}", path.display())).await.unwrap();
    probe.poll().await.unwrap();
}
