//! Every method of the trait reaches the inner provider once, with its arguments, and its answer comes back as it was.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::Provider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide_exporter::Instrumented;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;

use crate::canned::{Canned, Mode, every};
use crate::spy::Spy;
use crate::validation::framework;
use crate::watch::{unwatched, watch};

/// The methods of the trait, by the framework's source that this is built with.
fn declared() -> BTreeSet<String> {
    let source = std::fs::read_to_string(framework().join("src/providers/mod.rs")).unwrap();
    let body = source.split("pub trait Provider:").nth(1).unwrap().split("\n}").next().unwrap();
    body.lines()
        .map(str::trim_start)
        .filter(|line| !line.starts_with("//"))
        .filter_map(|line| line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn "))
        .map(|rest| rest.split(['(', '<']).next().unwrap().to_owned())
        .collect()
}

/// Those that ask no store, and are tested one by one.
const PLAIN: [&str; 3] = ["as_management_capability", "name", "version"];

#[test]
fn every_method_of_the_trait_is_tried() {
    let tried = every().into_iter().map(|call| call.method).chain(PLAIN);
    assert_eq!(tried.map(str::to_owned).collect::<BTreeSet<_>>(), declared());
}

/// A provider that is wrapped, bare, with a meter and with all options.
fn wrapped(inner: Arc<dyn Provider>, measured: bool) -> Arc<dyn Provider> {
    if measured {
        let meter = SdkMeterProvider::builder().build().meter("test");
        Instrumented::builder().meter(meter).namespace("n").system("s").instance_ids(false).wrap(inner)
    } else {
        Instrumented::wrap(inner)
    }
}

async fn is_forwarded(mode: Mode, measured: bool) {
    for call in every() {
        let alone = Spy::on(Arc::new(Canned::new(mode)));
        let expected = (call.make)(alone.clone()).await;
        let inner = Spy::on(Arc::new(Canned::new(mode)));
        let answer = (call.make)(wrapped(inner.clone(), measured)).await;
        assert_eq!(answer, expected, "{}", call.method);
        let told = |spy: &Spy| -> Vec<_> {
            spy.entries().into_iter().map(|entry| (entry.method, entry.arguments)).collect()
        };
        let calls = told(&inner);
        assert_eq!(calls.len(), 1, "{}: {calls:?}", call.method);
        assert_eq!(calls[0].0, call.method);
        assert_eq!(calls, told(&alone));
    }
}

const MODES: [Mode; 4] =
    [Mode::Answers, Mode::Idle, Mode::Fails { retryable: true }, Mode::Fails { retryable: false }];

#[tokio::test]
async fn calls_that_nobody_watches() {
    let _unwatched = unwatched();
    for mode in MODES {
        is_forwarded(mode, false).await;
    }
}

#[tokio::test]
async fn calls_that_are_only_measured() {
    let _unwatched = unwatched();
    for mode in MODES {
        is_forwarded(mode, true).await;
    }
}

#[tokio::test]
async fn calls_with_spans() {
    let watched = watch();
    for mode in MODES {
        for measured in [false, true] {
            is_forwarded(mode, measured).await;
        }
    }
    // Otherwise this would be the first test again.
    assert!(!watched.spans().is_empty());
}

#[tokio::test]
async fn names_and_the_admin_are_the_inner_providers() {
    let canned = Instrumented::wrap(Arc::new(Canned::new(Mode::Answers)));
    assert_eq!((canned.name(), canned.version()), ("canned", "7.8.9"));
    assert!(canned.as_management_capability().is_none());

    let sqlite = Arc::new(SqliteProvider::new_in_memory().await.unwrap());
    let wrapped = Instrumented::wrap(sqlite.clone());
    assert_eq!((wrapped.name(), wrapped.version()), (sqlite.name(), sqlite.version()));
    let admin = wrapped.as_management_capability().unwrap();
    assert!(std::ptr::addr_eq(std::ptr::from_ref(admin), Arc::as_ptr(&sqlite)));
}

/// The framework's own future comes back, so nothing is between it and the caller.
#[tokio::test]
async fn an_unwatched_call_is_not_begun_before_it_is_awaited() {
    let _unwatched = unwatched();
    let inner = Spy::on(Arc::new(Canned::new(Mode::Answers)));
    let wrapped = Instrumented::wrap(inner.clone());
    drop(wrapped.fetch_orchestration_item(Duration::ZERO, Duration::ZERO, None));
    assert!(inner.entries().is_empty());
}
