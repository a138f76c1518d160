//! Every reason to wait, as the real runtime brings it about.

use std::collections::BTreeMap;

use duroxide::{Client, OrchestrationRegistry};
use duroxide_exporter::testing::Probe;
use scenarios::{
    compare, over_every_store, recount,
    scrape::wait_for,
    series::Series,
    sql,
    store::Store,
    stores::{Fresh, Kind},
    truth::Truth,
    worker::Worker,
    workload,
};

/// The label of a probe's store.
const LABEL: &str = "probe";

/// How many instances of which orchestration wait for what.
type Reasons = BTreeMap<(String, String), u64>;

struct Watch {
    fresh: Fresh,
    client: Client,
    probe: Probe,
    _state: tempfile::TempDir,
}

impl Watch {
    async fn new(kind: Kind) -> Self {
        let fresh = kind.create().await;
        let state = tempfile::tempdir().unwrap();
        let client = Client::new(fresh.store.provider().await);
        // As the exporter works: it counts the instances when something calls for it, not at every poll.
        let probe = Probe::following(&fresh.store.url(), state.path()).await.unwrap();
        Self { fresh, client, probe, _state: state }
    }

    fn store(&self) -> &Store {
        &self.fresh.store
    }

    async fn start(&self, instances: &[(&str, &str, &str)]) {
        for (id, name, input) in instances {
            self.client.start_orchestration(*id, *name, *input).await.unwrap();
        }
    }

    /// Polls until exactly this is told, and a recount agrees.
    async fn expect(&mut self, what: &str, expected: &[(&str, &str, u64)]) {
        let expected: Reasons = expected
            .iter()
            .map(|(name, reason, n)| (((*name).to_owned(), (*reason).to_owned()), *n))
            .collect();
        let deadline = tokio::time::Instant::now() + scenarios::scrape::PATIENCE;
        loop {
            let before = recount::recount(self.store(), LABEL).await.unwrap();
            let told = self.probe.poll().await.unwrap();
            let after = recount::recount(self.store(), LABEL).await.unwrap();
            if reasons(&told) == expected && compare::same_apart_from_ages(&before, &after) {
                let waits = |series: &Series| {
                    let mut series = series.clone();
                    series.retain(|key, n| key.starts_with("duroxide_instances_waiting") && *n > 0.0);
                    series
                };
                assert_eq!(waits(&told), waits(&before), "{what}: a recount tells otherwise");
                return;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "{what}: told {:#?}\nexpected {expected:#?}",
                reasons(&told)
            );
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

/// What is told, without zeros.
fn reasons(told: &Series) -> Reasons {
    let waiting = told.iter().filter(|(key, n)| key.starts_with("duroxide_instances_waiting{") && **n > 0.0);
    let label = |key: &str, name: &str| {
        let (_, value) = key.split_once(&format!("{name}=\"")).unwrap();
        value.split('"').next().unwrap().to_owned()
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
    waiting.map(|(key, n)| ((label(key, "orchestration"), label(key, "reason")), *n as u64)).collect()
}

over_every_store!(every_reason_to_wait_is_told_as_it_comes_and_goes);

async fn every_reason_to_wait_is_told_as_it_comes_and_goes(kind: Kind) {
    let mut watch = Watch::new(kind).await;
    let worker = Worker::start(env!("CARGO_BIN_EXE_worker"), watch.store());
    watch
        .start(&[
            ("busy", "BusyLater", "600000"),
            ("unknown-activity", "UnknownActivity", ""),
            ("unknown-child", "UnknownChild", ""),
            // An activity and a child at once.
            ("tree", "Tree", ""),
            ("tagged", "Tagged", workload::UNSERVED_TAGS[0]),
            ("event", "Event", ""),
            ("queue", "Inbox", "0"),
            ("timer", "Timer", "3600000"),
            ("lost-event", "LostRaces", "event"),
        ])
        .await;
    let others = [
        ("UnknownActivity", "retrying", 1),
        // Its child is put off, and is about to be.
        ("UnknownChild", "child", 1),
        ("Tree", "activity", 1),
        ("Tagged", "activity", 1),
        ("Event", "event", 1),
        ("Inbox", "event", 1),
        // Of its own and of the tree.
        ("Timer", "timer", 2),
        // Not what it has lost: a timer that sleeps for an hour.
        ("LostRaces", "event", 1),
    ];
    let with = |more: &[(&'static str, &'static str, u64)]| [&others, more].concat();
    watch.expect("a runtime at work", &with(&[("BusyLater", "executing", 1)])).await;

    drop(worker);
    // Nobody works on it any more, but that is known only when its lease is over.
    watch.expect("the leases of a killed runtime are over", &with(&[("BusyLater", "ready", 1)])).await;
    watch.client.raise_event("event", "Approval", "{}").await.unwrap();
    watch.client.enqueue_event("queue", "inbox", "one").await.unwrap();
    let mut woken = with(&[("BusyLater", "ready", 1), ("Event", "ready", 1), ("Inbox", "ready", 1)]);
    woken.retain(|(name, reason, _)| !(["Event", "Inbox"].contains(name) && *reason == "event"));
    watch.expect("messages that nobody takes", &woken).await;
}

over_every_store!(what_lost_a_race_keeps_nobody_waiting);

async fn what_lost_a_race_keeps_nobody_waiting(kind: Kind) {
    let mut watch = Watch::new(kind).await;
    let runtime = workload::start_runtime(watch.fresh.store.provider().await).await;
    let all = ["event", "activity", "child", "timer"];
    for then in all {
        watch.start(&[(then, "LostRaces", then)]).await;
    }
    // One for each, and the child that one of them waits for.
    let each = all.map(|then| ("LostRaces", then, 1));
    watch.expect("four that lost all", &[each.as_slice(), &[("Event", "event", 1)]].concat()).await;
    runtime.shutdown(Some(0)).await;
}

over_every_store!(a_turn_that_nobody_can_take_is_put_off);

async fn a_turn_that_nobody_can_take_is_put_off(kind: Kind) {
    let mut watch = Watch::new(kind).await;
    let runtime = workload::start_runtime(watch.fresh.store.provider().await).await;
    watch.start(&[("event", "Event", "")]).await;
    watch.expect("one that listens", &[("Event", "event", 1)]).await;
    runtime.shutdown(Some(0)).await;
    // A deployment without it.
    let none = OrchestrationRegistry::builder().build();
    let runtime = workload::start_patient_runtime(watch.fresh.store.provider().await, none).await;
    watch.client.raise_event("event", "Approval", "{}").await.unwrap();
    watch.expect("one that nobody knows", &[("Event", "retrying", 1)]).await;
    runtime.shutdown(Some(0)).await;
}

over_every_store!(what_nothing_will_ever_wake_is_stuck);

async fn what_nothing_will_ever_wake_is_stuck(kind: Kind) {
    let mut watch = Watch::new(kind).await;
    let store = watch.store().clone();
    let runtime = workload::start_runtime(store.provider().await).await;
    watch
        .start(&[
            ("tagged", "Tagged", workload::UNSERVED_TAGS[0]),
            ("parent", "LostRaces", "child"),
            ("timer", "Timer", "3600000"),
            ("sound", "Event", ""),
        ])
        .await;
    watch
        .expect(
            "all is well",
            &[
                ("Tagged", "activity", 1),
                ("LostRaces", "child", 1),
                ("Timer", "timer", 1),
                ("Event", "event", 2),
            ],
        )
        .await;
    runtime.shutdown(Some(0)).await;

    sql::execute(&store, "DELETE FROM worker_queue").await;
    let still = [("LostRaces", "child", 1), ("Timer", "timer", 1), ("Event", "event", 2)];
    watch.expect("an activity is lost", &[still.as_slice(), &[("Tagged", "stuck", 1)]].concat()).await;

    let truth = Truth::read(&store).await;
    let child = truth.instances.iter().find(|instance| instance.id.starts_with("parent::")).unwrap();
    let child = sql::quoted(&child.id);
    for table in ["history", "executions", "instances"] {
        sql::execute(&store, &format!("DELETE FROM {table} WHERE instance_id = {child}")).await;
    }
    let stuck = [("Tagged", "stuck", 1), ("LostRaces", "stuck", 1)];
    let still = [("Timer", "timer", 1), ("Event", "event", 1)];
    // For the timer that its races have left behind.
    sql::execute(&store, "DELETE FROM orchestrator_queue WHERE instance_id = 'parent'").await;
    watch.expect("a child is lost", &[still.as_slice(), &stuck].concat()).await;

    sql::execute(&store, "DELETE FROM orchestrator_queue WHERE instance_id = 'timer'").await;
    let still = [("Event", "event", 1), ("Timer", "stuck", 1)];
    watch.expect("a message is lost", &[still.as_slice(), &stuck].concat()).await;

    // It is not for ever.
    watch.client.cancel_instance("timer", "enough").await.unwrap();
    let still = [("Event", "event", 1), ("Timer", "ready", 1)];
    watch.expect("somebody helps", &[still.as_slice(), &stuck].concat()).await;
}

over_every_store!(nothing_is_stuck_while_everything_works);

async fn nothing_is_stuck_while_everything_works(kind: Kind) {
    let mut watch = Watch::new(kind).await;
    let store = watch.store().clone();
    let provider = store.provider().await;
    let runtime = workload::start_runtime(provider.clone()).await;
    let mut polls = 0;
    let mut work = std::pin::pin!(workload::run(provider, &store));
    loop {
        tokio::select! {
            () = &mut work => break,
            told = watch.probe.poll() => {
                let told = reasons(&told.unwrap());
                let stuck: Vec<_> = told.keys().filter(|(_, reason)| reason == "stuck").collect();
                assert!(stuck.is_empty(), "{stuck:?}");
                polls += 1;
            }
        }
    }
    runtime.shutdown(Some(0)).await;
    assert!(polls > 10, "{polls} polls are few");
    wait_for("what is left to be told", async || {
        let told = reasons(&watch.probe.poll().await.unwrap());
        (told.values().sum::<u64>() == 6).then_some(())
    })
    .await;
}
