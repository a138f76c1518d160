//! The framework's own tests of providers, all of them, on its providers within `Instrumented`: with spans, and without.

mod list;
mod stores;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use scenarios::stores::Kind;
use tokio::sync::{RwLock, Semaphore};
use tokio::task::JoinSet;

use crate::watch::{unwatched, watch};
use list::{Validation, validations};
use stores::{Place, Stores};

/// How many run at the same time. Most of them wait most of the time.
const TOGETHER: usize = 12;

/// Of those that count on what happens within a time, for which nothing else may keep the machine busy.
const QUIETLY: usize = 4;

/// Held for reading by those that run while others do, and for writing by those that want quiet.
static QUIET: RwLock<()> = RwLock::const_new(());

#[tokio::test]
async fn sqlite_with_spans() {
    let _watched = watch();
    is_still_a_provider(Kind::Sqlite, &LONG_POLLS).await;
}

#[tokio::test]
async fn sqlite_without_spans() {
    let _unwatched = unwatched();
    is_still_a_provider(Kind::Sqlite, &LONG_POLLS).await;
}

#[tokio::test]
async fn duroxide_pg_with_spans() {
    let _watched = watch();
    is_still_a_provider(Kind::DuroxidePg, &LONG_POLLS).await;
}

#[tokio::test]
async fn duroxide_pg_without_spans() {
    let _unwatched = unwatched();
    is_still_a_provider(Kind::DuroxidePg, &LONG_POLLS).await;
}

#[tokio::test]
async fn duroxide_pg_opt_with_spans() {
    let _watched = watch();
    is_still_a_provider(Kind::DuroxidePgOpt, &NOT_MET_BY_OPT).await;
}

#[tokio::test]
async fn duroxide_pg_opt_without_spans() {
    let _unwatched = unwatched();
    is_still_a_provider(Kind::DuroxidePgOpt, &NOT_MET_BY_OPT).await;
}

/// Of providers that wait for work; the others do not pass these.
const LONG_POLLS: [&str; 2] =
    ["test_long_poll_waits_for_timeout", "test_long_poll_work_item_waits_for_timeout"];

/// Of providers that do not wait, which `duroxide-pg-opt` does.
const NOT_MET_BY_OPT: [&str; 2] =
    ["test_short_poll_returns_immediately", "test_short_poll_work_item_returns_immediately"];

/// They wait ten seconds at most for what was handed back with a delay. Nobody is told when that may be handed out again, and a
/// provider that waits for work may notice it half a minute later.
const BACKOFF: [&str; 2] =
    ["test_continue_as_new_poisoned_successor_is_own_execution", "test_continue_as_new_unregistered_backoff"];

/// Every test passes, but for these, which fail without `Instrumented`, too.
async fn is_still_a_provider(kind: Kind, not_met: &[&str]) {
    let timed = timed();
    let (timed, others) = validations().into_iter().partition(|(name, _)| timed.contains(function(name)));
    {
        let _busy = QUIET.read().await;
        fail_both_ways(kind, others, TOGETHER, not_met).await;
    }
    let _quiet = QUIET.write().await;
    fail_both_ways(kind, timed, QUIETLY, not_met).await;
}

/// Exactly those of the validations that are not met fail, with `Instrumented` and without.
async fn fail_both_ways(kind: Kind, validations: Vec<Validation>, together: usize, not_met: &[&str]) {
    let expected: BTreeSet<_> =
        validations.iter().map(|(name, _)| *name).filter(|name| not_met.contains(name)).collect();
    let wrapped = failures(kind, true, together, validations.clone()).await;
    let again = validations.into_iter().filter(|(name, _)| wrapped.contains(name) || expected.contains(name));
    let bare = failures(kind, false, together, again.collect()).await;
    assert_eq!([wrapped, bare], [expected.clone(), expected], "with Instrumented, and without");
}

/// The names of those that fail.
async fn failures(
    kind: Kind,
    wrapped: bool,
    together: usize,
    validations: Vec<Validation>,
) -> BTreeSet<&'static str> {
    let turns = Arc::new(Semaphore::new(together));
    let place = Place::of(kind).await;
    let mut running = JoinSet::new();
    let mut names = std::collections::HashMap::new();
    for (name, validation) in validations {
        let (turns, stores) =
            (Arc::clone(&turns), Stores::at(Arc::clone(&place), wrapped, !BACKOFF.contains(&name)));
        let task = running.spawn(async move {
            let _turn = turns.acquire_owned().await.unwrap();
            validation(stores).await;
        });
        names.insert(task.id(), name);
    }
    let mut failed = BTreeSet::new();
    while let Some(ended) = running.join_next().await {
        failed.extend(ended.err().map(|error| names[&error.id()]));
    }
    failed
}

/// A newer framework has more of them.
#[test]
fn none_of_the_frameworks_tests_is_left_out() {
    let all = sources();
    assert!(all.len() > 200, "{:?}", all.keys());
    let timed = timed();
    assert!(timed.len() > 40 && timed.len() < all.len() / 2, "{timed:?}");
    let listed: BTreeSet<&str> = validations().into_iter().map(|(name, _)| function(name)).collect();
    let left_out: Vec<_> = all.keys().filter(|name| !listed.contains(name.as_str())).collect();
    assert!(left_out.is_empty(), "{left_out:?}");
}

/// The function behind a name, of which some stand for a function and an argument.
fn function(name: &str) -> &str {
    name.split(' ').next().unwrap()
}

/// Those that count on what happens, or does not, within a time.
fn timed() -> BTreeSet<String> {
    let timed = |body: &str| ["sleep(", "elapsed()", "lock_timeout()"].iter().any(|sign| body.contains(sign));
    sources().into_iter().filter(|(_, body)| timed(body)).map(|(name, _)| name).collect()
}

/// The framework's tests, with what they do.
fn sources() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for file in std::fs::read_dir(framework().join("src/provider_validation")).unwrap() {
        let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for test in source.split("\npub async fn ").skip(1) {
            let name = test.split(['(', '<']).next().unwrap();
            let body = test.split("\n}\n").next().unwrap();
            all.insert(name.to_owned(), body.to_owned());
        }
    }
    all
}

/// Where the source of the framework lies that this is built with.
pub(crate) fn framework() -> PathBuf {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "duroxide").unwrap();
    PathBuf::from(package["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned()
}
