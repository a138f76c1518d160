//! A runtime that is killed: its leases stay until they run out, and then they are late.

use std::process::{Child, Command, Stdio};

use duroxide::Client;
use scenarios::{
    compare::{Exporter, assert_exact},
    exporter::Running,
    over_every_store,
    scrape::wait_for,
    store::Store,
    stores::Kind,
};

use crate::{messages, of_queue, value};

/// Kills the process when a test fails half-way, too.
struct Victim(Child);

impl Victim {
    fn start(store: &Store) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_victim"));
        Self(command.args(store.arguments()).stdin(Stdio::null()).spawn().expect("the victim starts"))
    }

    /// SIGKILL: nothing is released, no file is closed properly.
    fn kill(&mut self) {
        self.0.kill().expect("the victim is running");
        self.0.wait().expect("the victim is our child");
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

over_every_store!(leases_of_a_killed_runtime_expire_and_grow_old);

async fn leases_of_a_killed_runtime_expire_and_grow_old(kind: Kind) {
    let fresh = kind.create().await;
    let store = &fresh.store;
    let provider = store.provider().await;
    let exporter = Running::start(store).await;

    let mut victim = Victim::start(store);
    // The sleeping child timer and the empty queue say that every other turn has ended.
    wait_for("a turn and an activity in flight, and nothing else to do", async || {
        let now = exporter.scrape().await;
        let leased = messages(&now, "orchestrator", "in_flight") == 1.0
            && messages(&now, "worker", "in_flight") == 1.0;
        let quiet = messages(&now, "timer", "delayed") == 1.0
            && value(&now, "duroxide_queue_ready_instances", &[]) == 0.0;
        (leased && quiet).then_some(())
    })
    .await;
    // For the instance whose turn is running: waits behind it.
    let client = Client::new(provider);
    client.raise_event("slow-turn", "Knock", "{}").await.unwrap();
    let blocked = wait_for("a message behind the turn", async || {
        let now = exporter.scrape().await;
        (messages(&now, "orchestrator", "blocked") == 1.0).then_some(now)
    })
    .await;
    assert_eq!(messages(&blocked, "orchestrator", "in_flight"), 1.0, "the turn itself");
    assert_eq!(value(&blocked, "duroxide_instance_locks", &[("state", "active")]), 1.0);
    assert_eq!(value(&blocked, "duroxide_queue_ready_instances", &[]), 0.0);

    victim.kill();
    // Nobody has renewed anything since, but the leases are still valid.
    let after = exporter.fresh_scrape().await;
    assert_eq!(messages(&after, "orchestrator", "in_flight"), 1.0, "the lease of the turn is still valid");
    assert_eq!(messages(&after, "worker", "in_flight"), 1.0, "the lease of the activity is still valid");

    wait_for("both leases to run out", async || {
        let now = exporter.scrape().await;
        let turn = messages(&now, "orchestrator", "lease_expired");
        let activity = messages(&now, "worker", "lease_expired");
        (turn == 1.0 && activity == 1.0).then_some(())
    })
    .await;
    let expired = assert_exact(store, &exporter, Exporter::Seasoned).await;
    assert_eq!(messages(&expired, "orchestrator", "ready"), 1.0, "the event behind the turn is free");
    assert_eq!(value(&expired, "duroxide_instance_locks", &[("state", "expired")]), 1.0);
    assert_eq!(value(&expired, "duroxide_queue_ready_instances", &[]), 1.0);

    let later = exporter.fresh_scrape().await;
    for queue in ["orchestrator", "worker"] {
        for family in
            ["duroxide_queue_oldest_expired_lease_age_seconds", "duroxide_queue_oldest_ready_age_seconds"]
        {
            let (before, now) = (of_queue(&expired, family, queue), of_queue(&later, family, queue));
            assert!(now > before, "{family} of {queue} does not grow: {before}, then {now}");
        }
    }
    exporter.stop().await;
}
