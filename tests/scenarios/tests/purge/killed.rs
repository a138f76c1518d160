//! A purge that is killed half-way.

use std::{
    collections::BTreeSet,
    path::Path,
    process::{Child, Command, Stdio},
};

use duroxide_exporter::ManagementAPI as _;
use scenarios::{disk, dump::Dump, files::Scratch, large, scrape::wait_for, sql, truth::Truth, workload};

use crate::model::{Model, before};

const INSTANCES: u64 = 1_500;

/// After everything in the store.
const TOMORROW: i64 = 4_102_444_800_000;

/// The purge as a process; killed when a test fails half-way, too.
struct Victim(Child);

impl Victim {
    fn start(path: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_purger"));
        command.arg(path).arg(TOMORROW.to_string()).stdin(Stdio::null()).stdout(Stdio::null());
        Self(command.spawn().expect("the victim starts"))
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn instances(path: &Path) -> u64 {
    let mut connection = sql::connect(path).await;
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM instances")
        .fetch_one(&mut connection)
        .await
        .expect("a count");
    u64::try_from(count).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_purge_leaves_whole_trees_and_the_next_one_ends_it() {
    let scratch = Scratch::new();
    let (path, copy) = (scratch.file("store.db"), scratch.file("copy.db"));
    large::create(&path, INSTANCES).await;
    // Trees of three and, at the beginning, two of one.
    sql::execute(
        &path,
        "UPDATE instances SET parent_instance_id = printf('order-%08d', rowid - rowid % 3) WHERE rowid > 3 AND rowid % 3",
    )
    .await;
    disk::copy_at_rest(&path, &copy).await;
    let truth = Truth::read(&path).await;
    let model = Model::of(&truth, TOMORROW);
    assert!(model.doomed.iter().filter(|tree| tree.len() == 3).count() > 400 && model.kept > 5);

    let mut left = INSTANCES;
    let mut kills = 0;
    for _ in 0..3 {
        let mut victim = Victim::start(&path);
        let goal = left.saturating_sub(1);
        wait_for("the first deletions", async || (instances(&path).await <= goal).then_some(())).await;
        let ended = victim.0.try_wait().expect("our child").is_some();
        victim.0.kill().expect("a kill");
        victim.0.wait().expect("our child");
        kills += usize::from(!ended);
        left = instances(&path).await;
        assert_whole(&path, &truth, &model).await;
    }
    assert!(kills == 3 && left > INSTANCES / 20, "{kills} kills, {left} left: it was not killed half-way");

    let store = workload::open(&path).await;
    let rest = store.purge_completed(before(TOMORROW)).await.unwrap();
    assert_eq!(rest.failures, Vec::<String>::new());
    assert!(rest.trees_deleted > 0 && rest.trees_deleted < model.trees());
    let undisturbed = workload::open(&copy).await;
    let all = undisturbed.purge_completed(before(TOMORROW)).await.unwrap();
    assert_eq!(all.trees_deleted, model.trees());
    let report = Dump::read(&copy).await.differences(&Dump::read(&path).await);
    assert!(report.is_empty(), "killed and undisturbed runs end differently:\n{report}");
}

/// Every tree is there as it was, or not at all; in no table is anything left of those that are gone.
async fn assert_whole(path: &Path, was: &Truth, model: &Model) {
    let now = Truth::read(path).await;
    let there: BTreeSet<_> = now.instances.iter().map(|instance| instance.id.as_str()).collect();
    for tree in &model.doomed {
        let left = tree.iter().filter(|id| there.contains(id.as_str())).count();
        assert!(left == 0 || left == tree.len(), "{left} are left of {tree:?}");
    }
    let gone: BTreeSet<_> =
        was.instances.iter().filter(|i| !there.contains(i.id.as_str())).map(|i| i.id.clone()).collect();
    assert!(gone.is_subset(&model.ids()), "{gone:?}");
    assert_eq!(Dump::read(path).await.tables_of(&gone), BTreeSet::new());
}
