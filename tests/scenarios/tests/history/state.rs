//! The state file of the real exporter: what cannot be used is set aside, what cannot be written is told.

use std::{
    fs,
    path::{Path, PathBuf},
};

use duroxide::Client;
use scenarios::{
    exporter::STORE,
    over_every_store,
    scrape::{PATIENCE, wait_for},
    series::{Series, key},
    sidecar::{Program, Sidecar},
    stores::{Fresh, Kind},
    workload,
};
use tempfile::TempDir;

/// An exporter's place, and a store with some history.
struct Place {
    program: Program,
    state: TempDir,
    fresh: Fresh,
}

impl Place {
    async fn new(kind: Kind) -> Self {
        let place = Self {
            program: Program::new(env!("CARGO_BIN_EXE_sidecar")),
            state: tempfile::tempdir().unwrap(),
            fresh: kind.create().await,
        };
        place.work("first").await;
        place
    }

    /// Three events more, or four.
    async fn work(&self, id: &str) {
        let provider = self.fresh.store.provider().await;
        let runtime = workload::start_runtime(provider.clone()).await;
        let client = Client::new(provider);
        client.start_orchestration(id, "Hello", "x").await.unwrap();
        client.wait_for_orchestration(id, PATIENCE).await.unwrap();
        runtime.shutdown(Some(0)).await;
    }

    fn file(&self, suffix: &str) -> PathBuf {
        self.state.path().join(format!("{STORE}.state{suffix}"))
    }

    fn flags<'a>(directory: &'a Path, backfill: &'a str) -> [&'a str; 6] {
        let directory = directory.to_str().unwrap();
        ["--state-dir", directory, "--history.backfill", backfill, "--poll-interval", "50ms"]
    }

    fn serve(&self, backfill: &str) -> Sidecar {
        self.program.serve_in(&[], &self.fresh.store.url(), &Self::flags(self.state.path(), backfill))
    }
}

/// Executions that have been counted.
async fn started(sidecar: &Sidecar) -> f64 {
    let told = sidecar.target().fresh_scrape().await;
    let all = told.iter().filter(|(key, _)| key.starts_with("duroxide_executions_started_total"));
    all.map(|(_, n)| n).sum()
}

fn failures(told: &Series) -> f64 {
    told[&key("duroxide_exporter_state_write_failures_total", &[("store", STORE)])]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_used_is_set_aside_told_and_never_overwritten() {
    let place = Place::new(Kind::Sqlite).await;
    let sidecar = place.serve("true");
    assert_eq!(started(&sidecar).await, 1.0);
    drop(sidecar);
    let good = fs::read(place.file("")).unwrap();
    // The checksum is that of the rest: this is whole, and of another version.
    let newer =
        [b"duroxide-exporter state 99".as_slice(), &good["duroxide-exporter state 1".len()..]].concat();
    let half = &good[..good.len() / 2];
    for (content, aside, words) in [
        (half, ".damaged-1", "is damaged or no state file"),
        (b"".as_slice(), ".damaged-2", "is damaged or no state file"),
        (&newer, ".newer-1", "was written by another version of the exporter"),
    ] {
        fs::write(place.file(""), content).unwrap();
        let sidecar = place.serve("false");
        assert_eq!(started(&sidecar).await, 0.0, "{aside}: counters begin anew");
        let log = sidecar.log();
        let name = place.file(aside);
        for told in ["WARN", words, name.to_str().unwrap(), "counters begin anew"] {
            assert!(log.contains(told), "{told:?} is not in the log:\n{log}");
        }
        drop(sidecar);
        assert!(fs::read(name).unwrap() == content, "{aside} is not what was there");
    }
    // What was put aside before is still what it was; what is in its place can be used.
    assert!(fs::read(place.file(".damaged-1")).unwrap() == half);
    place.work("second").await;
    let sidecar = place.serve("false");
    assert_eq!(started(&sidecar).await, 1.0, "{}", sidecar.log());
    assert!(sidecar.log().contains("counters go on where they ended"), "{}", sidecar.log());
}

over_every_store!(a_file_of_another_store_is_set_aside);

async fn a_file_of_another_store_is_set_aside(kind: Kind) {
    let (mine, other) = (Place::new(kind).await, Place::new(kind).await);
    for place in [&mine, &other] {
        assert_eq!(started(&place.serve("true")).await, 1.0);
    }
    let foreign = fs::read(other.file("")).unwrap();
    fs::write(mine.file(""), &foreign).unwrap();
    let sidecar = mine.serve("true");
    assert_eq!(started(&sidecar).await, 1.0, "those of this store, from the beginning");
    let log = sidecar.log();
    let name = mine.file(".foreign-1");
    for told in ["WARN", "belongs to another store", name.to_str().unwrap(), "counters begin anew"] {
        assert!(log.contains(told), "{told:?} is not in the log:\n{log}");
    }
    drop(sidecar);
    assert!(fs::read(name).unwrap() == foreign);
    // The one of this store is there again.
    let sidecar = mine.serve("false");
    assert_eq!(started(&sidecar).await, 1.0);
    assert!(!sidecar.log().contains("WARN"), "{}", sidecar.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_is_told_once_and_counting_goes_on() {
    let place = Place::new(Kind::Sqlite).await;
    // In the way of the file that is written before it takes the old one's place.
    fs::create_dir(place.file(".new")).unwrap();
    let sidecar = place.serve("true");
    assert_eq!(started(&sidecar).await, 1.0);
    let before = failures(&sidecar.target().scrape().await);
    place.work("second").await;
    wait_for("counting to go on", async || (started(&sidecar).await == 2.0).then_some(())).await;
    let after = failures(&sidecar.target().scrape().await);
    assert!(before >= 1.0 && after > before, "{before}, then {after} failures to write");
    let told = "the state file cannot be written";
    assert_eq!(sidecar.log().matches(told).count(), 1, "{}", sidecar.log());
    assert!(!place.file("").exists());

    fs::remove_dir(place.file(".new")).unwrap();
    wait_for("the file to be written", async || place.file("").exists().then_some(())).await;
    wait_for("that it is told", async || sidecar.log().contains("is written again").then_some(())).await;
    drop(sidecar);
    let sidecar = place.serve("false");
    assert_eq!(started(&sidecar).await, 2.0, "{}", sidecar.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_leaves_the_old_file_as_it_was() {
    let place = Place::new(Kind::Sqlite).await;
    let sidecar = place.serve("true");
    assert_eq!(started(&sidecar).await, 1.0);
    let old = fs::read(place.file("")).unwrap();
    // Every write to it finds no space; taking it away makes space.
    std::os::unix::fs::symlink("/dev/full", place.file(".new")).unwrap();
    place.work("second").await;
    let told = wait_for("a failure to write", async || {
        let told = sidecar.target().scrape().await;
        (failures(&told) > 0.0).then_some(told)
    })
    .await;
    assert_eq!(told[&key("duroxide_up", &[("store", STORE)])], 1.0);
    assert!(sidecar.log().contains("No space left on device"), "{}", sidecar.log());
    wait_for("the file to be written", async || (fs::read(place.file("")).unwrap() != old).then_some(()))
        .await;
    assert_eq!(started(&sidecar).await, 2.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_exporter_on_the_same_directory_refuses_to_start() {
    let place = Place::new(Kind::Sqlite).await;
    let sidecar = place.serve("true");
    assert_eq!(started(&sidecar).await, 1.0);
    let said = place.program.refuses(&place.fresh.store.url(), &Place::flags(place.state.path(), "true"));
    let lock = place.state.path().join(format!("{STORE}.lock"));
    for told in [lock.to_str().unwrap(), "is in use by another exporter", "--state-dir"] {
        assert!(said.contains(told), "{told:?} is not in what it said: {said}");
    }
    assert_eq!(started(&sidecar).await, 1.0, "the first goes on");
    // One that is killed holds nothing.
    drop(sidecar);
    assert_eq!(started(&place.serve("true")).await, 1.0);
}
