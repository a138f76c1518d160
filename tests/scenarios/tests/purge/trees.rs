//! Trees that a real runtime made, some of them stopped in the middle.

use std::collections::BTreeSet;

use duroxide::Client;
use duroxide_exporter::{ManagementAPI, ManagementError, connect};
use scenarios::{
    content,
    dump::Dump,
    over_every_store, recount,
    scrape::{PATIENCE, wait_for},
    sql,
    store::{By, Postgres, Store},
    stores::{Fresh, Kind},
    truth::Truth,
    workload,
};

use crate::{
    model::{Model, before, purge_and_compare},
    ways::ways,
};

/// Trees of one parent and one child, by what becomes of them.
const PAIRS: [&str; 8] = [
    "whole",
    "child-runs",
    "child-continues",
    "parent-runs",
    "child-ends-late",
    "parent-ends-late",
    "child-failed",
    "child-without-execution",
];

/// A tree of each kind; nothing is queued, no runtime is at work.
async fn filled(kind: Kind) -> Fresh {
    let fresh = kind.create().await;
    let store = &fresh.store;
    let provider = store.provider().await;
    let runtime = workload::start_runtime_with(provider.clone(), content::orchestrations()).await;
    let client = Client::new(provider);
    let pairs = PAIRS.map(|id| (id, "Above"));
    let others = [
        ("three-levels", "Three"),
        ("three-levels-one-runs", "Three"),
        ("parent", "Parent"),
        ("detach", "Detach"),
        ("state", "State"),
        ("fails", "Fails"),
        ("losers", "Losers"),
        ("panics", "Panics"),
        ("continuing", "State"),
    ];
    for (id, name) in pairs.into_iter().chain(others) {
        client.start_orchestration(id, name, "0").await.unwrap();
    }
    for id in ["runs", "cancelled"] {
        client.start_orchestration(id, "Tree", "").await.unwrap();
    }
    client.start_orchestration("half", "Half", "x").await.unwrap();
    wait_for("the child of cancelled", async || {
        let children = Truth::read(store).await;
        (children.children("cancelled").len() + children.children("runs").len() == 2).then_some(())
    })
    .await;
    client.cancel_instance("cancelled", "enough").await.unwrap();
    for id in pairs.into_iter().chain(others).map(|(id, _)| id).chain(["cancelled", "detached-from-detach"]) {
        wait_for(&format!("the end of {id}"), async || {
            client.wait_for_orchestration(id, PATIENCE).await.ok()
        })
        .await;
    }
    // Children are told of the end of their parents by a message. A turn that is stopped half-way would leave its
    // lease behind, or still end when the truth has been read.
    wait_for("the end of the children, and of the first half", async || {
        let truth = Truth::read(store).await;
        // Nobody has waited for the first turn of "half": it may not be there yet.
        let running = |id: &String| {
            let execution = truth.instance(id).and_then(|instance| truth.current(instance));
            execution.is_some_and(|execution| execution.status == "Running")
        };
        let runs = |id: &str| truth.tree(id).iter().filter(|id| running(id)).count();
        let quiet =
            [("cancelled", 0), ("losers", 0), ("half", 1), ("runs", 2)].iter().all(|(id, n)| runs(id) == *n);
        let queues = &truth.queues;
        let due = |at: Option<i64>| at.is_some_and(|at| at <= queues.read_ms);
        let rests = queues.locks.is_empty() && !queues.orchestrator.iter().any(|row| due(row.visible_at));
        (quiet && rests && truth.tree("half").len() == 2).then_some(())
    })
    .await;
    runtime.shutdown(Some(0)).await;
    stop_in_the_middle(store).await;
    fresh
}

/// States that last a moment, made to last.
async fn stop_in_the_middle(store: &Store) {
    let late = recount::now_ms() + 86_400_000;
    let running = "status = 'Running', output = NULL, completed_at = NULL";
    let deepest = Truth::read(store).await.children("three-levels-one-runs-named")[0].id.clone();
    let change = |id: &str, what: &str| format!("UPDATE executions SET {what} WHERE instance_id = '{id}';");
    let mut changes = String::new();
    for (id, what) in [
        ("child-runs::sub::2", running),
        ("child-continues::sub::2", "status = 'ContinuedAsNew'"),
        ("continuing", "status = 'ContinuedAsNew'"),
        ("parent-runs", running),
        ("child-ends-late::sub::2", &format!("completed_at = MOMENT({late})")),
        ("parent-ends-late", &format!("completed_at = MOMENT({late})")),
        ("child-failed::sub::2", "status = 'Failed'"),
        (&deepest, running),
    ] {
        changes += &change(id, what);
    }
    let opt = matches!(store, Store::Postgres(Postgres { by: By::DuroxidePgOpt, .. }));
    changes += "DELETE FROM executions WHERE instance_id = 'child-without-execution::sub::2';";
    // Something in every table, of one who goes and of one who stays.
    for id in ["whole", "half"] {
        let activity = if opt {
            // Whose it is is told inside alone.
            format!(
                r#"(work_item, visible_at) VALUES ('{{"ActivityExecute":{{"instance":"{id}","execution_id":1,"id":2,"name":"lost","input":""}}}}',"#
            )
        } else {
            format!(
                "(instance_id, execution_id, activity_id, work_item, visible_at) VALUES ('{id}', 1, 2, 'lost',"
            )
        };
        changes += &format!(
            "INSERT INTO orchestrator_queue (instance_id, work_item, visible_at) VALUES ('{id}', 'late', MOMENT(4102444800000));
             INSERT INTO worker_queue {activity} MOMENT(4102444800000));
             INSERT INTO instance_locks (instance_id, lock_token, locked_until, locked_at) VALUES ('{id}', 'old-{id}', 1, 1);
             INSERT INTO kv_store (instance_id, key, value, last_updated_at_ms) VALUES ('{id}', 'k', 'v', 1);
             INSERT INTO kv_delta (instance_id, key, value, last_updated_at_ms) VALUES ('{id}', 'k', 'v', 1);"
        );
    }
    sql::execute(store, &changes).await;
}

over_every_store!(ended_trees_are_deleted_and_nothing_else, no_more_trees_than_asked_for_are_deleted);

async fn ended_trees_are_deleted_and_nothing_else(kind: Kind) {
    let original = filled(kind).await;
    let truth = Truth::read(&original.store).await;
    let tomorrow = recount::now_ms() + 3_600_000;
    assert_trees(&Model::of(&truth, tomorrow));
    let tables = [
        "executions",
        "history",
        "instance_locks",
        "instances",
        "kv_delta",
        "kv_store",
        "orchestrator_queue",
        "worker_queue",
    ];
    let dump = Dump::read(&original.store).await;
    for id in ["whole", "half"] {
        let found = dump.tables_of(&BTreeSet::from([id.to_owned()]));
        assert_eq!(found, BTreeSet::from(tables), "{id}");
    }

    let mut moments: Vec<_> =
        truth.executions.values().filter_map(|execution| execution.completed_ms).collect();
    moments.sort_unstable();
    moments.dedup();
    // The very moment at which one ended, too: "before" does not include it.
    let some = moments.iter().step_by(1 + moments.len() / 6).copied();
    let mut sizes = BTreeSet::new();
    for (n, older_than) in some.chain([0, i64::MIN, tomorrow, i64::MAX]).enumerate() {
        let copy = original.copy().await;
        let way = &ways(&copy.store).await[n % 2];
        let what = format!("older than {older_than}");
        let model = purge_and_compare(&what, &copy.store, &**way, older_than).await;
        sizes.insert(model.doomed.len());
    }
    assert!(sizes.len() > 3, "all moments are the same: {sizes:?}");
}

/// The model says what a person would.
fn assert_trees(model: &Model) {
    let ids = model.ids();
    let gone = [
        "whole",
        "whole::sub::2",
        "child-failed",
        "child-failed::sub::2",
        "three-levels",
        "three-levels-named",
        "parent",
        "child-of-parent",
        "detach",
        "detached-from-detach",
        "state",
        "fails",
        "losers",
        "panics",
        "cancelled",
    ];
    for id in gone {
        assert!(ids.contains(id), "{id} has to go");
    }
    let stays = [
        "child-runs",
        "child-runs::sub::2",
        "child-continues",
        "parent-runs",
        "parent-runs::sub::2",
        "child-ends-late",
        "parent-ends-late",
        "parent-ends-late::sub::2",
        "child-without-execution",
        "three-levels-one-runs",
        "three-levels-one-runs-named",
        "runs",
        "half",
        "continuing",
    ];
    for id in stays {
        assert!(!ids.contains(id), "{id} has to stay");
    }
    let sizes: BTreeSet<_> = model.doomed.iter().map(BTreeSet::len).collect();
    assert!(sizes.contains(&1) && sizes.iter().any(|size| *size >= 6), "{sizes:?}");
    let detached = model.doomed.iter().find(|tree| tree.contains("detach")).unwrap();
    assert!(!detached.contains("detached-from-detach"), "it is a root of its own");
}

async fn no_more_trees_than_asked_for_are_deleted(kind: Kind) {
    let original = filled(kind).await;
    for way in 0..2 {
        let copy = original.copy().await;
        three_at_a_time(&copy.store, &*ways(&copy.store).await[way]).await;
    }
}

async fn three_at_a_time(store: &Store, api: &dyn ManagementAPI) {
    let tomorrow = recount::now_ms() + 3_600_000;
    let was = Dump::read(store).await;
    let model = Model::of(&Truth::read(store).await, tomorrow);
    assert!(model.trees() > 7);

    let none = api.purge_completed(before(tomorrow).max_trees(0)).await.unwrap();
    assert_eq!((none.trees_deleted, none.instances.len()), (0, 0));
    let dry = api.purge_completed(before(tomorrow).max_trees(3).dry_run()).await.unwrap();
    assert_eq!(dry.trees_deleted, 3);
    assert!(was.differences(&Dump::read(store).await).is_empty());

    let mut deleted = BTreeSet::new();
    let mut trees = 0;
    for _ in 0..100 {
        let report = api.purge_completed(before(tomorrow).max_trees(3)).await.unwrap();
        assert_eq!(report.failures, Vec::<String>::new());
        assert_eq!(report.trees_deleted, (model.trees() - trees).min(3));
        if trees == 0 {
            assert_eq!(report.instances, dry.instances, "the dry run told the same ones");
        }
        deleted.extend(report.instances);
        trees += report.trees_deleted;
        let left = was.without(&deleted).differences(&Dump::read(store).await);
        assert!(left.is_empty(), "{left}");
        if report.trees_deleted == 0 {
            break;
        }
    }
    assert_eq!((deleted, trees), (model.ids(), model.trees()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_only_read_is_not_purged() {
    let fresh = filled(Kind::Sqlite).await;
    let Store::Sqlite(path) = &fresh.store else { panic!("a file") };
    let was = Dump::read(path).await;
    for replica in ["", "?replica=true", "?replica=false"] {
        let api = connect(&format!("sqlite:{}{replica}", path.display())).unwrap();
        for request in [before(i64::MAX), before(i64::MAX).dry_run()] {
            let answer = api.purge_completed(request).await;
            assert!(matches!(answer, Err(ManagementError::ReadOnly { .. })), "{replica}: {answer:?}");
        }
    }
    assert!(was.differences(&Dump::read(path).await).is_empty());
}
