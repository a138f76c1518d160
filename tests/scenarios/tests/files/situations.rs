//! The four ways in which the files of a store lie about, each read with the right clock: a live store with the
//! machine's, a copy with that of its newest change.

use std::path::Path;

use duroxide_exporter::testing::Probe;
use scenarios::{
    compare::{self, Exporter},
    disk,
    exporter::STORE,
    files::Scratch,
    recount,
    scrape::wait_for,
    series::{Series, key},
    workload,
};

use crate::{assert_copy, assert_live, past, value};

/// A probe; what it tells, under the name all scenarios use.
struct Poll(Probe);

impl Poll {
    async fn of(url: &str) -> Self {
        Self(Probe::sidecar(url).await.unwrap())
    }

    async fn now(&mut self) -> Series {
        let numbers = self.0.poll().await.unwrap_or_else(|error| panic!("the poll failed: {error}"));
        let store = |key: String| key.replace("store=\"probe\"", &format!("store=\"{STORE}\""));
        numbers.into_iter().map(|(key, value)| (store(key), value)).collect()
    }
}

fn url(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

#[tokio::test]
async fn a_live_store_is_read_by_the_clock() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let (_provider, _) = past::create(&path).await;
    assert!(disk::part(&path, "-shm").exists(), "the provider keeps the files of a live store");
    let mut probe = Poll::of(&url(&path)).await;
    let live = assert_live("a live store", &path, async || probe.now().await).await;
    let in_flight =
        key("duroxide_queue_messages", &[("store", STORE), ("queue", "worker"), ("state", "in_flight")]);
    assert_eq!(live[&in_flight], 0.0, "all leases ran out an hour ago");
    assert!(
        !live.keys().any(|key| key.starts_with("duroxide_store_last_replay_age")),
        "a live store has no replay"
    );
}

#[tokio::test]
async fn files_left_by_a_runtime_that_is_gone_are_read_by_the_clock() {
    let scratch = Scratch::new();
    let (path, left) = (scratch.file("store.db"), scratch.file("left.db"));
    let (_provider, _) = past::create(&path).await;
    // What a runtime that ended leaves: the same bytes, and nobody who has them open.
    disk::copy(&path, &left, &disk::LIVE);
    let mut probe = Poll::of(&url(&left)).await;
    assert_live("files left behind", &path, async || probe.now().await).await;
}

#[tokio::test]
async fn a_clean_copy_is_read_as_of_its_newest_change() {
    let scratch = Scratch::new();
    let (path, copy) = (scratch.file("store.db"), scratch.file("copy.db"));
    let (_provider, newest) = past::create(&path).await;
    disk::copy_at_rest(&path, &copy).await;
    stands_still(&path, &copy, newest, "").await;
}

#[tokio::test]
async fn a_copy_with_a_wal_is_read_with_it_as_of_its_newest_change() {
    let scratch = Scratch::new();
    let (path, copy) = (scratch.file("store.db"), scratch.file("copy.db"));
    let (_provider, newest) = past::create(&path).await;
    disk::copy(&path, &copy, &["", "-wal"]);
    stands_still(&path, &copy, newest, "").await;
    assert!(!disk::part(&copy, "-shm").exists(), "a -shm was created beside the copy");
}

#[tokio::test]
async fn the_url_says_so_when_a_copy_looks_like_a_live_store_or_a_live_store_like_a_copy() {
    let scratch = Scratch::new();
    let (path, copy) = (scratch.file("store.db"), scratch.file("copy.db"));
    let (_provider, newest) = past::create(&path).await;
    disk::copy(&path, &copy, &disk::LIVE);
    stands_still(&path, &copy, newest, "?replica=true").await;

    let at_rest = scratch.file("at-rest.db");
    disk::copy_at_rest(&path, &at_rest).await;
    let mut probe = Poll::of(&format!("{}?replica=false", url(&at_rest))).await;
    assert_live("a store at rest that is no copy", &path, async || probe.now().await).await;
}

/// By the copy's clock, the leases that were valid are so for ever, and nothing grows old; but what everybody sees
/// is how old the copy is.
async fn stands_still(truth: &Path, copy: &Path, newest: i64, query: &str) {
    let what = format!("{}{query}", copy.display());
    let mut probe = Poll::of(&format!("{}{query}", url(copy))).await;
    let first = probe.now().await;
    assert_copy(&what, truth, newest, &first, Exporter::Fresh).await;
    let in_flight =
        key("duroxide_queue_messages", &[("store", STORE), ("queue", "worker"), ("state", "in_flight")]);
    assert_eq!(first[&in_flight], 1.0, "{what}: the lease was valid then");
    let age = value(&first, "duroxide_store_last_replay_age_seconds");
    let since = (recount::now_ms() - newest) as f64 / 1000.0;
    assert!(age >= 3_600.0 - 1.0 && age <= since, "{what}: replay age {age}, but {since} s have passed");

    let later = wait_for("a poll at which the copy is older", async || {
        let later = probe.now().await;
        (value(&later, "duroxide_store_last_replay_age_seconds") > age).then_some(later)
    })
    .await;
    let frozen = |series: &Series| -> Series {
        let told =
            series.iter().filter(|(key, _)| recount::FAMILIES.contains(&scenarios::series::family(key)));
        told.map(|(key, value)| (key.clone(), *value)).collect()
    };
    assert_eq!(frozen(&first), frozen(&later), "{what}: something changed, though nothing happened");
}

/// A client put work into the queues in this very second, and the store was copied: in the copy it is ready, as it
/// was in the store. The newest moment is told by columns of whole seconds only.
#[tokio::test]
async fn work_of_the_last_second_is_as_ready_in_a_copy_as_it_was_in_the_store() {
    let scratch = Scratch::new();
    let (path, copy) = (scratch.file("store.db"), scratch.file("copy.db"));
    let store = workload::open(&path).await;
    workload::queue_without_runtime(store.clone()).await;
    let live = recount::recount(&path, STORE).await.unwrap();
    disk::copy_at_rest(&path, &copy).await;
    let mut probe = Poll::of(&url(&copy)).await;
    let mut told = probe.now().await;
    // The states, not the ages: the copy's clock need not be exact to the millisecond.
    told.retain(|key, _| !compare::is_age(key));
    let mut truth = live;
    truth.retain(|key, _| !compare::is_age(key));
    let report = compare::differences(&truth, &truth, &told, Exporter::Fresh);
    assert!(report.is_empty(), "the copy tells other states than the store:\n{report}");
}
