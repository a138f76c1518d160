//! Random trees with random states and times.

use std::{cell::RefCell, fmt::Write as _, sync::Arc};

use duroxide_exporter::ManagementAPI;
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::select,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use scenarios::{
    sql,
    stores::{Fresh, Kind},
};

use crate::{model::purge_and_compare, ways::ways};

const CASES: u32 = 40;

#[derive(Debug, Clone)]
struct Instance {
    /// One of those before it.
    parent: Option<prop::sample::Index>,
    status: Option<&'static str>,
    completed: Option<i64>,
    /// Executions before the current one.
    earlier: i64,
}

fn instance() -> impl Strategy<Value = Instance> {
    // Mostly ended, or no tree of several would ever be deleted.
    let status = prop_oneof![
        12 => Just(Some("Completed")),
        5 => Just(Some("Failed")),
        1 => select(vec![Some("Running"), Some("ContinuedAsNew"), Some("Suspended"), None]),
    ];
    let completed = prop_oneof![19 => (1_i64..=6).prop_map(Some), 1 => Just(None)];
    (option::weighted(0.6, any::<prop::sample::Index>()), status, completed, 0_i64..=2)
        .prop_map(|(parent, status, completed, earlier)| Instance { parent, status, completed, earlier })
}

/// The rows of a case, in the place of those of the case before.
fn rows(instances: &[Instance]) -> String {
    let mut sql = String::from(
        "DELETE FROM history; DELETE FROM executions; DELETE FROM instances; DELETE FROM kv_store;",
    );
    for (n, instance) in instances.iter().enumerate() {
        let parent = instance.parent.filter(|_| n > 0).map(|index| index.index(n));
        let parent = parent.map_or("NULL".to_owned(), |parent| format!("'i-{parent}'"));
        let current = instance.earlier + 1;
        let _ = write!(
            sql,
            "INSERT INTO instances (instance_id, orchestration_name, orchestration_version, current_execution_id, parent_instance_id)
               VALUES ('i-{n}', 'Random', '1.0.0', {current}, {parent});
             INSERT INTO kv_store (instance_id, key, value, last_updated_at_ms) VALUES ('i-{n}', 'k', 'v', 1);"
        );
        for execution in 1..=current {
            let (status, completed) = match (execution == current, instance.status) {
                (false, _) => ("ContinuedAsNew", Some(1)),
                (true, Some(status)) => (status, instance.completed),
                (true, None) => continue,
            };
            let completed = completed.map_or("NULL".to_owned(), |time| format!("MOMENT({time})"));
            let _ = write!(
                sql,
                "INSERT INTO executions (instance_id, execution_id, status, completed_at) VALUES ('i-{n}', {execution}, '{status}', {completed});
                 INSERT INTO history (instance_id, execution_id, event_id, event_type, event_data) VALUES ('i-{n}', {execution}, 1, 'X', 'x');"
            );
        }
    }
    format!("BEGIN; {sql} COMMIT;")
}

struct Bench {
    fresh: Fresh,
    ways: [Arc<dyn ManagementAPI>; 2],
    cases: usize,
    deleted: usize,
    kept: u64,
}

impl Bench {
    async fn check(&mut self, instances: &[Instance], older_than: i64) {
        sql::execute(&self.fresh.store, &rows(instances)).await;
        self.cases += 1;
        let way = &self.ways[self.cases % 2];
        let model = purge_and_compare("random trees", &self.fresh.store, &**way, older_than).await;
        self.deleted += model.doomed.iter().filter(|tree| tree.len() > 1).count();
        self.kept += model.kept;
    }
}

#[test]
fn random_trees_of_sqlite_are_purged_as_the_model_says() {
    random_trees_are_purged_as_the_model_says(Kind::Sqlite);
}

#[test]
fn random_trees_of_duroxide_pg_are_purged_as_the_model_says() {
    random_trees_are_purged_as_the_model_says(Kind::DuroxidePg);
}

#[test]
fn random_trees_of_duroxide_pg_opt_are_purged_as_the_model_says() {
    random_trees_are_purged_as_the_model_says(Kind::DuroxidePgOpt);
}

fn random_trees_are_purged_as_the_model_says(kind: Kind) {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bench = RefCell::new(tokio.block_on(async {
        let fresh = kind.create().await;
        Bench { ways: ways(&fresh.store).await, fresh, cases: 0, deleted: 0, kept: 0 }
    }));
    let config =
        Config { cases: CASES, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    runner
        .run(&(vec(instance(), 0..14), 3_i64..=8), |(instances, older_than)| {
            tokio.block_on(bench.borrow_mut().check(&instances, older_than));
            Ok(())
        })
        .unwrap();
    let bench = bench.borrow();
    assert!(bench.deleted > 10 && bench.kept > 10, "{} deleted, {} kept", bench.deleted, bench.kept);
}
