//! The framework's own tests of providers, all of them, on its providers within `Instrumented`: with spans, and without.

mod list;
mod stores;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use scenarios::stores::Kind;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::watch::{unwatched, watch};
use list::{Validation, timed, validations};
use stores::{Place, Stores};

/// Most of them wait most of the time, for leases to end.
const TOGETHER: usize = 12;

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

/// Of providers that do not wait, which `duroxide-pg-opt` does; and one that it does not pass by itself.
const NOT_MET_BY_OPT: [&str; 3] = [
    "test_continue_as_new_unregistered_backoff",
    "test_short_poll_returns_immediately",
    "test_short_poll_work_item_returns_immediately",
];

/// Every test passes, but for these, which fail without `Instrumented`, too.
async fn is_still_a_provider(kind: Kind, not_met: &[&str]) {
    fail_both_ways(kind, validations(), not_met).await;
    // One after the other: they look at the clock.
    for validation in timed() {
        fail_both_ways(kind, vec![validation], not_met).await;
    }
}

/// Exactly those of the validations that are not met fail, with `Instrumented` and without.
async fn fail_both_ways(kind: Kind, validations: Vec<Validation>, not_met: &[&str]) {
    let expected: BTreeSet<_> =
        validations.iter().map(|(name, _)| *name).filter(|name| not_met.contains(name)).collect();
    let wrapped = failures(kind, true, validations.clone()).await;
    let again = validations.into_iter().filter(|(name, _)| wrapped.contains(name) || expected.contains(name));
    let bare = failures(kind, false, again.collect()).await;
    assert_eq!([wrapped, bare], [expected.clone(), expected], "with Instrumented, and without");
}

/// The names of those that fail.
async fn failures(kind: Kind, wrapped: bool, validations: Vec<Validation>) -> BTreeSet<&'static str> {
    let turns = Arc::new(Semaphore::new(TOGETHER));
    let place = Place::of(kind).await;
    let mut running = JoinSet::new();
    let mut names = std::collections::HashMap::new();
    for (name, validation) in validations {
        let (turns, stores) = (Arc::clone(&turns), Stores::at(Arc::clone(&place), wrapped));
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
    let folder = framework().join("src/provider_validation");
    let mut all = BTreeSet::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let names = source.lines().filter_map(|line| line.strip_prefix("pub async fn "));
        all.extend(names.map(|rest| rest.split(['(', '<']).next().unwrap().to_owned()));
    }
    assert!(all.len() > 200, "{all:?}");
    let listed = validations().into_iter().chain(timed());
    let listed: BTreeSet<&str> = listed.map(|(name, _)| name.split(' ').next().unwrap()).collect();
    let left_out: Vec<_> = all.iter().filter(|name| !listed.contains(name.as_str())).collect();
    assert!(left_out.is_empty(), "{left_out:?}");
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
