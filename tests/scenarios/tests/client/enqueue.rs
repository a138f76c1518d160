//! The single way into the queues: every kind arrives where it belongs, and none stalls the store.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use duroxide::providers::WorkItem;
use duroxide_exporter::ManagementError;
use scenarios::{scrape::wait_for, workload::WORK_ITEMS};

use crate::{
    Store,
    items::{activity, all_but_starts, cancel, child, event, kind, start, timer},
};

const DAY: Duration = Duration::from_secs(86_400);

fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap()
}

fn now_ms() -> u64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap())
}

/// When the newest row of a queue becomes visible.
async fn visible_at(store: &Store, queue: &str) -> u64 {
    let query = format!("SELECT visible_at FROM {queue} ORDER BY id DESC");
    store.number(&query).await.try_into().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_goes_to_its_own_queue_and_becomes_visible_when_it_should() {
    let store = Store::new().await;
    let runtime = store.runtime().await;
    store.begin("i", "Event", "").await;
    runtime.shutdown(None).await;
    let items = [vec![start("new"), child("i::sub::9", "i")], all_but_starts("i")].concat();
    let mut kinds: Vec<_> = items.iter().map(kind).collect();
    kinds.dedup();
    kinds.sort();
    assert_eq!(kinds, WORK_ITEMS, "a kind is missing here");

    for item in items {
        let kind = kind(&item);
        scenarios::sql::execute(&store.path, "DELETE FROM orchestrator_queue; DELETE FROM worker_queue")
            .await;
        store.client.enqueue(item.clone(), None).await.unwrap_or_else(|error| panic!("{kind}: {error}"));
        let (here, other) = match kind.as_str() {
            "ActivityExecute" => ("worker_queue", "orchestrator_queue"),
            _ => ("orchestrator_queue", "worker_queue"),
        };
        assert_eq!(store.number(&format!("SELECT COUNT(*) FROM {other}")).await, 0, "{kind} went astray");
        let stored = store.rows(&format!("SELECT work_item FROM {here}")).await;
        assert_eq!(stored.len(), 1, "{kind}");
        assert_eq!(serde_json::from_str::<WorkItem>(&stored[0]).unwrap(), item);
        let visible = visible_at(&store, here).await;
        assert!(visible <= now_ms(), "{kind} is not visible at once");

        let delayed = store.client.enqueue(item, Some(DAY)).await;
        match kind.as_str() {
            "ActivityExecute" => assert!(matches!(delayed, Err(ManagementError::Unsupported { .. }))),
            "TimerFired" => assert!(matches!(delayed, Err(ManagementError::InvalidArgument { .. }))),
            _ => {
                delayed.unwrap();
                let visible = visible_at(&store, "orchestrator_queue").await;
                let expected = now_ms() + millis(DAY);
                assert!((expected - 10_000..=expected).contains(&visible), "{kind}: {visible}");
            }
        }
    }

    // A timer has its time in itself.
    let due = now_ms() + 3_600_000;
    store.client.enqueue(timer("i", 7, due), None).await.unwrap();
    let visible = visible_at(&store, "orchestrator_queue").await;
    assert!(visible.abs_diff(due) < 1_000, "a timer due at {due} is visible at {visible}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_kind_stalls_the_store_whether_anybody_waits_for_it_or_not() {
    let store = Store::new().await;
    let _runtime = store.runtime().await;
    let kinds = all_but_starts("").len();
    for n in 0..kinds {
        for (id, orchestration) in [(format!("waits-{n}"), "Event"), (format!("ended-{n}"), "Hello")] {
            store.begin(&id, orchestration, "x").await;
            if orchestration == "Hello" {
                store.end(&id).await.unwrap();
            }
            let item = all_but_starts(&id).swap_remove(n);
            let sent = format!("{} for {id}", kind(&item));
            store.client.enqueue(item, None).await.unwrap();
            store.still_works(&sent).await;
        }
    }
    // Starts of what exists, a child by hand, and starts whose execution is not the first, do not either.
    let mut odd = [start("zeroth"), start("seventh")];
    for (item, number) in odd.iter_mut().zip([0, 7]) {
        let WorkItem::StartOrchestration { execution_id, .. } = item else { unreachable!() };
        *execution_id = number;
    }
    let starts = [start("ended-0"), start("waits-4"), child("waits-4::sub::9", "waits-4"), start("new")];
    for (n, item) in starts.into_iter().chain(odd).enumerate() {
        store.client.enqueue(item, None).await.unwrap();
        store.still_works(&format!("start {n}")).await;
    }
    for id in ["new", "waits-4::sub::9", "zeroth", "seventh"] {
        assert_eq!(store.end(id).await.as_deref(), Ok("Hello, dear x!"), "{id}");
    }
    wait_for("empty queues", async || {
        let rows = "SELECT (SELECT COUNT(*) FROM orchestrator_queue) + (SELECT COUNT(*) FROM worker_queue)";
        (store.number(rows).await == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_to_those_who_do_not_exist() {
    let store = Store::new().await;
    let _runtime = store.runtime().await;
    store.begin("i", "Event", "").await;
    for item in [all_but_starts("nobody"), vec![child("c", "nobody")]].concat() {
        let kind = kind(&item);
        for delay in [None, Some(Duration::from_millis(5))] {
            if delay.is_some() && matches!(kind.as_str(), "ActivityExecute" | "TimerFired") {
                continue;
            }
            let refused = store.client.enqueue(item.clone(), delay).await;
            assert!(matches!(refused, Err(ManagementError::NotFound { .. })), "{kind}: {refused:?}");
        }
    }
    store.still_works("refused items").await;
    assert_eq!(store.number("SELECT COUNT(*) FROM orchestrator_queue").await, 0);
    assert_eq!(store.number("SELECT COUNT(*) FROM worker_queue").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_store_can_hold_is_refused() {
    let store = Store::new().await;
    let runtime = store.runtime().await;
    store.begin("i", "Event", "").await;
    runtime.shutdown(None).await;
    let details = duroxide::ErrorDetails::Configuration {
        kind: duroxide::ConfigErrorKind::Nondeterminism,
        resource: "a\0".to_owned(),
        message: None,
    };
    let failed = WorkItem::ActivityFailed { instance: "i".to_owned(), execution_id: 1, id: 2, details };
    for (item, delay) in [
        (start("nul\0"), None),
        (event("i", "nul\0"), None),
        (failed, None),
        (start(""), None),
        (cancel(""), None),
        (child("", "i"), None),
        (child("c", ""), None),
        (start("sub::2"), None),
        (start("i::sub::2"), None),
        (child("sub::2", "i"), None),
        (activity("i", u64::MAX), None),
        (timer("i", 2, 1 << 63), None),
        // Dates end somewhere.
        (timer("i", 2, i64::MAX as u64), None),
        (cancel("i"), Some(Duration::MAX)),
        (start("far"), Some(DAY * 366 * 101)),
    ] {
        let refused = store.client.enqueue(item.clone(), delay).await;
        let Err(ManagementError::InvalidArgument { .. }) = &refused else { panic!("{item:?}: {refused:?}") };
    }
    assert_eq!(store.number("SELECT COUNT(*) FROM orchestrator_queue").await, 0);
    assert_eq!(store.number("SELECT COUNT(*) FROM worker_queue").await, 0);
    // A delay of nothing is none.
    store.client.enqueue(activity("i", 7), Some(Duration::ZERO)).await.unwrap();
    assert_eq!(store.number("SELECT COUNT(*) FROM worker_queue").await, 1);
}
