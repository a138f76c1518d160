//! The order of events.

use std::sync::Arc;

use duroxide::{Client, providers::Provider};

use super::{ODD_ORCHESTRATION, UNSERVED_TAGS};
use crate::{
    recount,
    scrape::{PATIENCE, wait_for},
    store::Store,
};

/// Runs all scenarios against a runtime that is already running over the store's `provider`. Afterwards the store holds a pending timer,
/// activities nobody serves, a waiting event, an activity in flight and timers of executions that have ended.
pub async fn run(provider: Arc<dyn Provider>, store: impl Into<Store>) {
    let store = store.into();
    let client = Client::new(provider.clone());
    let long_name = "x".repeat(250);
    let to_the_end = [
        ("hello", "Hello", "x"),
        ("fan-out", "FanOut", "4"),
        ("timer", "Timer", "30"),
        ("parent", "Parent", ""),
        ("detach", "Detach", ""),
        ("detached-from-detach", "", ""),
        ("state", "State", "0"),
        ("fails", "Fails", "42"),
        ("panics", "Panics", "orchestration panic"),
        ("failing-activity", "FailingActivity", ""),
        ("panicking-activity", "PanickingActivity", ""),
        ("unknown-activity", "UnknownActivity", ""),
        ("unknown-orchestration", "Nowhere", ""),
        ("retry", "Retry", ""),
        ("nondeterministic", "Nondeterministic", ""),
        ("event", "Event", ""),
        ("inbox", "Inbox", "0"),
        ("session", "Session", ""),
        ("tagged", "Tagged", "gpu"),
        ("losers", "Losers", ""),
        ("tree", "Tree", ""),
        ("long-name", &long_name, ""),
    ];
    for (id, name, input) in to_the_end.iter().filter(|(_, name, _)| !name.is_empty()) {
        client.start_orchestration(*id, *name, *input).await.unwrap();
    }
    client.start_orchestration_versioned("hello-v2", "Hello", "2.1.0", "y").await.unwrap();

    subscribed(&provider, "event", "ExternalSubscribed").await;
    client.raise_event("event", "Approval", "{}").await.unwrap();
    subscribed(&provider, "inbox", "ExternalSubscribedPersistent").await;
    for message in ["one", "two", "three"] {
        client.enqueue_event("inbox", "inbox", message).await.unwrap();
    }
    subscribed(&provider, "tree", "ActivityScheduled").await;
    client.cancel_instance("tree", "enough").await.unwrap();
    for id in to_the_end.iter().map(|(id, ..)| *id).chain(["hello-v2"]) {
        ended(&client, id).await;
    }

    let for_long = [
        ("waits-for-timer", "Timer", "3600000"),
        ("waits-for-tag", "Tagged", UNSERVED_TAGS[0]),
        ("waits-for-odd-tag", ODD_ORCHESTRATION, UNSERVED_TAGS[1]),
        ("waits-for-event", "Event", ""),
        ("waits-for-activity", "Tree", ""),
    ];
    for (id, name, input) in for_long {
        client.start_orchestration(id, name, input).await.unwrap();
    }
    wait_for("the long-lived state", async || settled(&store).await.then_some(())).await;
}

async fn ended(client: &Client, id: &str) {
    // The detached one is started by another: until then the client does not know it.
    wait_for(&format!("the end of {id}"), async || {
        client.wait_for_orchestration(id, PATIENCE).await.ok().map(|_| ())
    })
    .await;
}

async fn subscribed(provider: &Arc<dyn Provider>, id: &str, event: &str) {
    wait_for(&format!("{event} of {id}"), async || {
        let history = provider.read(id).await.unwrap_or_default();
        let kinds = history.iter().filter_map(|event| serde_json::to_value(event).ok());
        kinds.into_iter().any(|kind| kind["type"] == event).then_some(())
    })
    .await;
}

/// What stays is there: three activities (two unserved, one leased), and no turn left to take.
async fn settled(store: &Store) -> bool {
    let Ok(rows) = recount::raw(store).await else { return false };
    let now = rows.read_ms;
    let leased = rows.worker.iter().filter(|row| row.lock_token.is_some()).count();
    let turns = rows.orchestrator.iter().filter(|row| row.visible_at.is_some_and(|at| at <= now)).count();
    let started = rows.instances.keys().filter(|id| id.starts_with("waits-for-")).count();
    // The fifth instance has a child.
    (rows.worker.len(), leased, turns, started) == (3, 1, 0, 6)
}
