//! Lists that change while somebody turns their pages.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use duroxide_exporter::{Capability, InstanceFilter, InstanceStatus, ManagementAPI, PageRequest, connect};
use scenarios::{files::Scratch, large, sql::Connection, store::Store, workload};

use crate::subject::walk;

/// Adds and deletes until it is told to stop: at the newest end, in the middle, and the very newest, whose place
/// in the table is then given to another. The ids it ever touched.
async fn churn(
    mut connection: Connection,
    n: u64,
    mut next: u64,
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicU64>,
) -> BTreeSet<String> {
    let mut touched = BTreeSet::new();
    let mut random: u64 = 88_172_645_463_325_252;
    while !stop.load(Ordering::SeqCst) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let victim = format!("order-{:08}", 1 + random % n);
        let last = newest(&mut connection).await;
        for id in [&victim, &last] {
            for table in ["history", "executions", "instances"] {
                let delete = format!("DELETE FROM {table} WHERE instance_id = '{id}'");
                connection.run(&delete).await;
            }
        }
        large::add(&mut connection, next, next + 2).await;
        touched.extend((next..next + 3).map(|n| format!("order-{n:08}")).chain([victim, last]));
        next += 3;
        rounds.fetch_add(1, Ordering::SeqCst);
    }
    touched
}

async fn newest(connection: &mut Connection) -> String {
    let Connection::Sqlite(connection) = connection else { panic!("a file") };
    let newest = sqlx::query_scalar("SELECT instance_id FROM instances ORDER BY rowid DESC LIMIT 1");
    newest.fetch_one(connection).await.expect("the newest")
}

async fn pages_of_a_changing_list(
    backend: &str,
    n: u64,
    size: usize,
    open: impl AsyncFnOnce(&std::path::Path) -> Arc<dyn ManagementAPI>,
) {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    large::create(&path, n).await;
    let api = open(&path).await;
    if !api.capabilities().has(Capability::List) {
        return;
    }
    let rare = InstanceFilter { status: Some(InstanceStatus::Running), ..InstanceFilter::default() };
    let mut touched = BTreeSet::new();
    let mut lists = Vec::new();
    for (filter, first) in [(InstanceFilter::default(), n + 1), (rare, 10_000_000)] {
        let (stop, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let connection = Store::from(&path).connect().await;
        let churning = tokio::spawn(churn(connection, n, first, Arc::clone(&stop), Arc::clone(&rounds)));
        let (listed, pages) = walk(size, async |page| {
            // Something changes between any two pages.
            let before = rounds.load(Ordering::SeqCst);
            let page = api.list_instances_filtered(filter.clone(), page).await;
            while rounds.load(Ordering::SeqCst) == before {
                assert!(!churning.is_finished(), "nothing changes any more");
                tokio::task::yield_now().await;
            }
            page
        })
        .await
        .unwrap();
        stop.store(true, Ordering::SeqCst);
        touched.extend(churning.await.unwrap());
        eprintln!(
            "{backend}: {} in {pages} pages, {} rounds of changes",
            listed.len(),
            rounds.load(Ordering::SeqCst)
        );
        lists.push((filter, listed));
    }
    for (filter, listed) in lists {
        let mut places = BTreeMap::new();
        for (place, info) in listed.iter().enumerate() {
            let before = places.insert(info.instance_id.as_str(), place);
            assert_eq!(before, None, "{backend}: {} is there twice", info.instance_id);
            assert!(filter.status.is_none_or(|status| info.status == status), "{backend}: {info:?}");
        }
        let wanted = (1..=n).rev().filter(|i| filter.is_empty() || (i % 100 == 0 && i % large::RARE != 0));
        let stayed: Vec<_> =
            wanted.map(|i| format!("order-{i:08}")).filter(|id| !touched.contains(id)).collect();
        assert!(!stayed.is_empty() && !touched.is_empty());
        let told: Vec<_> = stayed
            .iter()
            .map(|id| *places.get(id.as_str()).unwrap_or_else(|| panic!("{backend}: {id} is missing")))
            .collect();
        // By time of creation alone these are all the same.
        assert!(backend != "sqlite" || told.is_sorted(), "{backend}: out of order");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stays_is_listed_once_by_the_store() {
    pages_of_a_changing_list("sqlite", 20_000, 997, async |path| {
        connect(&format!("sqlite:{}?replica=false", path.display())).unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stays_is_listed_once_by_the_provider() {
    pages_of_a_changing_list("provider", 2_000, 97, async |path| {
        let provider: Arc<dyn ManagementAPI> = workload::open(path).await;
        provider
    })
    .await;
}

/// On demand: `cargo test -p scenarios --test management million -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn of_a_million_who_stays_is_listed_once() {
    pages_of_a_changing_list("sqlite", 1_000_000, 9_973, async |path| {
        connect(&format!("sqlite:{}?replica=false", path.display())).unwrap()
    })
    .await;
}

/// On demand, as above. Prints what a first page costs in stores of different sizes.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn first_pages_up_to_a_million() {
    for n in [10_000, 100_000, 1_000_000] {
        let scratch = Scratch::new();
        let path = scratch.file("store.db");
        large::create(&path, n).await;
        let api = connect(&format!("sqlite:{}?replica=false", path.display())).unwrap();
        let running = InstanceFilter { status: Some(InstanceStatus::Running), ..InstanceFilter::default() };
        let none = InstanceFilter { orchestration: Some("None".to_owned()), ..InstanceFilter::default() };
        for (what, filter) in
            [("all", InstanceFilter::default()), ("one in a hundred", running), ("none", none)]
        {
            let mut times = Vec::new();
            let mut partial = false;
            for _ in 0..11 {
                let begun = Instant::now();
                let page = api.list_instances_filtered(filter.clone(), PageRequest::first(50)).await.unwrap();
                times.push(begun.elapsed());
                partial |= page.partial;
                assert!(page.partial || page.items.len() == 50 || what == "none");
            }
            times.sort();
            eprintln!("{n} instances, first page of {what}: median {:?}, partial: {partial}", times[5]);
        }
    }
}
