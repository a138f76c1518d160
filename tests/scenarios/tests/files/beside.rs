//! What else can lie beside a store: the `-wal` of another file, a journal. Both would make SQLite show wrong
//! content, or create files.

use std::fs;

use scenarios::{
    compare::Exporter,
    disk::{self, Listing},
    exporter::{POLL_INTERVAL, Running},
    files::Scratch,
    sidecar::Program,
    sql,
};

use crate::{assert_copy, past};

const BUILT: &str = env!("CARGO_BIN_EXE_sidecar");

#[tokio::test(flavor = "multi_thread")]
async fn the_wal_of_another_file_is_not_read_into_a_new_one() {
    let scratch = Scratch::new();
    let (a, b, path) = (scratch.file("a.db"), scratch.file("b.db"), scratch.file("store.db"));
    let (_provider_a, newest_a) = past::create(&a).await;
    let (_provider_b, newest_b) = past::create(&b).await;
    sql::execute(&b, "INSERT INTO instances (instance_id, orchestration_name, orchestration_version) VALUES ('b', 'B', '2')")
        .await;
    disk::copy(&a, &path, &disk::LIVE);
    let url = format!("sqlite:{}?replica=true", path.display());
    let exporter = Running::with(&url, |exporter| exporter.poll_interval(POLL_INTERVAL)).await;
    let of_a = exporter.fresh_scrape().await;
    assert_copy("the first", &a, newest_a, &of_a, Exporter::Fresh).await;

    disk::copy_at_rest(&b, &scratch.file("next.db")).await;
    fs::rename(scratch.file("next.db"), &path).unwrap();
    let down = exporter.target().down().await;
    assert_eq!(down.reason, "replaced", "{down:?}");
    assert!(down.message.contains("remove the old -wal"), "{down:?}");

    fs::remove_file(disk::part(&path, "-wal")).unwrap();
    fs::remove_file(disk::part(&path, "-shm")).unwrap();
    let of_b = exporter.fresh_scrape().await;
    assert_copy("the second", &b, newest_b, &of_b, Exporter::Seasoned).await;
    exporter.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_is_told_and_nothing_is_created() {
    let scratch = Scratch::new();
    let (original, path) = (scratch.file("original.db"), scratch.file("store.db"));
    let (_provider, _) = past::create(&original).await;
    fs::create_dir(scratch.file("place")).unwrap();
    let path = scratch.file("place").join(path.file_name().unwrap());
    disk::copy_at_rest(&original, &path).await;
    fs::write(disk::part(&path, "-journal"), "left by a crash").unwrap();
    let before = Listing::of(&scratch.file("place"));

    let program = Program::new(BUILT);
    let exporter = program.serve(&format!("sqlite:{}", path.display()));
    let down = exporter.target().down().await;
    assert_eq!(down.reason, "locked", "{down:?}");
    assert!(down.message.contains("-journal"), "{down:?}");
    assert_eq!(Listing::of(&scratch.file("place")), before, "something was written");
    assert!(exporter.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_exporter_does_not_touch_a_wal_that_a_runtime_may_be_opening() {
    let scratch = Scratch::new();
    let (original, path) = (scratch.file("original.db"), scratch.file("store.db"));
    let (_provider, _) = past::create(&original).await;
    disk::copy(&original, &path, &["", "-wal"]);
    let url = format!("sqlite:{}", path.display());
    let mut embedded = duroxide_exporter::testing::Probe::open(&url).await.unwrap();
    let error = embedded.poll().await.unwrap_err();
    assert!(error.contains("no -shm yet"), "{error}");

    // The runtime opens it; from then on it is a live store.
    let _runtime = scenarios::workload::open(&path).await;
    embedded.poll().await.unwrap();
}
