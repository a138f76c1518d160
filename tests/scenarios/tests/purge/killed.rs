//! A purge that is killed half-way.

use std::{
    collections::BTreeSet,
    process::{Child, Command, Stdio},
};

use scenarios::{
    dump::Dump, large, over_every_store, recount, scrape::wait_for, sql, store::Store, stores::Kind,
    truth::Truth,
};

use crate::{
    model::{Model, before},
    ways::ways,
};

const INSTANCES: u64 = 1_500;

/// After everything in the store.
const TOMORROW: i64 = 4_102_444_800_000;

/// The purge as a process; killed when a test fails half-way, too.
struct Victim(Child);

impl Victim {
    fn start(store: &Store) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_purger"));
        command.arg(TOMORROW.to_string()).args(store.arguments()).stdin(Stdio::null()).stdout(Stdio::null());
        Self(command.spawn().expect("the victim starts"))
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn instances(store: &Store) -> u64 {
    u64::try_from(recount::raw(store).await.expect("the rows").instances.len()).unwrap()
}

over_every_store!(a_killed_purge_leaves_whole_trees_and_the_next_one_ends_it);

async fn a_killed_purge_leaves_whole_trees_and_the_next_one_ends_it(kind: Kind) {
    let fresh = kind.create().await;
    let store = &fresh.store;
    large::fill(store, INSTANCES).await;
    // Trees of three and, at the beginning, two of one.
    let n = "CAST(substr(instance_id, 7) AS INTEGER)";
    sql::execute(
        store,
        &format!(
            "UPDATE instances SET parent_instance_id = 'order-' || substr(CAST(100000000 + {n} - {n} % 3 AS TEXT), 2)
               WHERE {n} > 3 AND {n} % 3 > 0"
        ),
    )
    .await;
    let copy = fresh.copy().await;
    let truth = Truth::read(store).await;
    let model = Model::of(&truth, TOMORROW);
    assert!(model.doomed.iter().filter(|tree| tree.len() == 3).count() > 400 && model.kept > 5);

    let mut left = INSTANCES;
    let mut kills = 0;
    for _ in 0..3 {
        let mut victim = Victim::start(store);
        let goal = left.saturating_sub(1);
        wait_for("the first deletions", async || (instances(store).await <= goal).then_some(())).await;
        let ended = victim.0.try_wait().expect("our child").is_some();
        victim.0.kill().expect("a kill");
        victim.0.wait().expect("our child");
        kills += usize::from(!ended);
        left = instances(store).await;
        assert_whole(store, &truth, &model).await;
    }
    assert!(kills == 3 && left > INSTANCES / 20, "{kills} kills, {left} left: it was not killed half-way");

    let rest = ways(store).await[0].purge_completed(before(TOMORROW)).await.unwrap();
    assert_eq!(rest.failures, Vec::<String>::new());
    assert!(rest.trees_deleted > 0 && rest.trees_deleted < model.trees());
    let all = ways(&copy.store).await[0].purge_completed(before(TOMORROW)).await.unwrap();
    assert_eq!(all.trees_deleted, model.trees());
    let report = Dump::read(&copy.store).await.differences(&Dump::read(store).await);
    assert!(report.is_empty(), "killed and undisturbed runs end differently:\n{report}");
}

/// Every tree is there as it was, or not at all; in no table is anything left of those that are gone.
async fn assert_whole(store: &Store, was: &Truth, model: &Model) {
    let now = Truth::read(store).await;
    let there: BTreeSet<_> = now.instances.iter().map(|instance| instance.id.as_str()).collect();
    for tree in &model.doomed {
        let left = tree.iter().filter(|id| there.contains(id.as_str())).count();
        assert!(left == 0 || left == tree.len(), "{left} are left of {tree:?}");
    }
    let gone: BTreeSet<_> =
        was.instances.iter().filter(|i| !there.contains(i.id.as_str())).map(|i| i.id.clone()).collect();
    assert!(gone.is_subset(&model.ids()), "{gone:?}");
    assert_eq!(Dump::read(store).await.tables_of(&gone), BTreeSet::new());
}
