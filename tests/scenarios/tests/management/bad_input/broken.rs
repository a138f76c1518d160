//! Stores that are not there, or damaged, or locked.

use std::{fs, path::Path, sync::Arc, time::Instant};

use duroxide_exporter::{InstanceFilter, ManagementAPI, ManagementError, PageRequest, SearchQuery, connect};
use scenarios::{
    disk,
    files::Scratch,
    scrape::{PATIENCE, wait_for},
    sql,
};

use super::store;

/// A payload that must not be in any message.
const SECRET: &str = "Output of secret";

fn api(path: &Path) -> Arc<dyn ManagementAPI> {
    connect(&format!("sqlite:{}", path.display())).unwrap()
}

/// What every method says about a store it cannot read.
async fn errors(api: &Arc<dyn ManagementAPI>) -> Vec<ManagementError> {
    // Whatever happens to the store, no call hangs; by itself one would wait half a minute.
    let began = Instant::now();
    let answers = [
        api.list_instances(PageRequest::default()).await.err(),
        api.count_instances(InstanceFilter::default()).await.err(),
        api.search_instances(SearchQuery::new("a").payloads(true)).await.err(),
        api.get_instance_info("secret").await.err(),
        api.get_instance_tree("secret").await.err(),
        api.list_executions("secret", PageRequest::default()).await.err(),
        api.get_execution_metadata("secret", 1).await.err(),
        api.read_execution("secret", 1, PageRequest::default()).await.err(),
        api.get_metrics().await.err(),
        api.get_queue_depths().await.err(),
        api.export_instance("secret").await.err(),
    ];
    assert!(began.elapsed() < PATIENCE, "took {:?}", began.elapsed());
    let errors: Vec<_> = answers.into_iter().flatten().collect();
    for error in &errors {
        assert!(!error.to_string().contains(SECRET), "{error}");
        assert!(!matches!(error, ManagementError::NotFound { .. }), "not read, so nobody knows: {error}");
    }
    errors
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_gone_is_unavailable_until_it_is_back() {
    let scratch = Scratch::new();
    let (original, path) = (scratch.file("original.db"), scratch.file("store.db"));
    let _provider = store(&original, &["secret"]).await;
    let api = api(&path);
    for round in 0..2 {
        let errors = errors(&api).await;
        assert_eq!(errors.len(), 11, "round {round}: {errors:?}");
        for error in errors {
            assert!(matches!(error, ManagementError::Unavailable(_)), "round {round}: {error:?}");
        }
        disk::copy_at_rest(&original, &path).await;
        wait_for("the file that is there again", async || api.get_instance_info("secret").await.ok()).await;
        fs::remove_file(&path).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_store_is_told_from_what_is_not_there() {
    let scratch = Scratch::new();
    let text = scratch.file("text.db");
    fs::write(&text, "no database at all ".repeat(1000)).unwrap();
    let empty = scratch.file("empty.db");
    sql::execute(&empty, "CREATE TABLE something_else (x)").await;
    let nothing = scratch.file("nothing.db");
    fs::write(&nothing, "").unwrap();
    let folder = scratch.file("folder.db");
    fs::create_dir(&folder).unwrap();
    for path in [text, empty, nothing, folder] {
        let errors = errors(&api(&path)).await;
        assert_eq!(errors.len(), 11, "{}: {errors:?}", path.display());
        for error in errors {
            let told = matches!(
                error,
                ManagementError::IncompatibleSchema(_)
                    | ManagementError::Failed(_)
                    | ManagementError::Unavailable(_)
            );
            assert!(told, "{}: {error:?}", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_gives_errors_and_no_payloads() {
    let scratch = Scratch::new();
    let (original, path) = (scratch.file("original.db"), scratch.file("store.db"));
    let ids: Vec<_> = (0..300).map(|n| format!("secret-{n}")).chain(["secret".to_owned()]).collect();
    let _provider = store(&original, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    disk::copy_at_rest(&original, &path).await;
    let whole = fs::read(&path).unwrap();
    let page = 4096;
    let mut failed = 0;
    // Every page in turn: tables, indexes, the schema itself.
    for damaged in 0..whole.len() / page {
        let mut bytes = whole.clone();
        bytes[damaged * page + 8..(damaged + 1) * page].fill(0xa5);
        fs::write(&path, bytes).unwrap();
        failed += usize::from(!errors(&api(&path)).await.is_empty());
    }
    assert!(failed > 3, "{failed} damages were noticed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_keeps_readers_out_makes_a_store_unavailable() {
    let scratch = Scratch::new();
    let (original, path) = (scratch.file("original.db"), scratch.file("store.db"));
    let _provider = store(&original, &["secret"]).await;
    disk::copy_at_rest(&original, &path).await;
    let mut writer = sql::connect(&path).await;
    sql::run(&mut writer, "PRAGMA journal_mode = DELETE").await;
    let api = api(&path);
    wait_for("a first answer", async || api.get_instance_info("secret").await.ok()).await;
    sql::run(&mut writer, "BEGIN EXCLUSIVE; DELETE FROM history").await;
    let began = Instant::now();
    let error = api.get_instance_info("secret").await.expect_err("it is locked");
    assert!(began.elapsed() < PATIENCE, "took {:?}", began.elapsed());
    assert!(matches!(error, ManagementError::Unavailable(_) | ManagementError::TimedOut(_)), "{error:?}");
    sql::run(&mut writer, "ROLLBACK").await;
    wait_for("an answer after the lock", async || api.get_instance_info("secret").await.ok()).await;
}
