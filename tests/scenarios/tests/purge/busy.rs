//! A purge beside a runtime that starts the same ids again and again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use duroxide::Client;
use duroxide_exporter::ManagementAPI;
use scenarios::{
    content,
    dump::Dump,
    over_every_store,
    scrape::wait_for,
    stores::{Fresh, Kind},
    truth::Truth,
    workload,
};

use crate::{model::before, ways::ways};

const IDS: [&str; 3] = ["again-1", "again-2", "again-3"];

/// How often each of them is started, ends and is purged.
const LIVES: u32 = 6;

const FOR_EVER: i64 = 4_102_444_800_000;

over_every_store!(what_is_started_again_is_neither_lost_nor_half_deleted);

async fn what_is_started_again_is_neither_lost_nor_half_deleted(kind: Kind) {
    for way in 0..2 {
        let fresh = kind.create().await;
        purged_while_it_is_started_again(&fresh, &*ways(&fresh.store).await[way]).await;
    }
}

async fn purged_while_it_is_started_again(fresh: &Fresh, api: &dyn ManagementAPI) {
    let store = &fresh.store;
    let provider = store.provider().await;
    let runtime = workload::start_runtime_with(provider.clone(), content::orchestrations()).await;
    let client = Client::new(provider);
    // Never ends, and has a child that has ended.
    client.start_orchestration("half", "Half", "x").await.unwrap();
    wait_for("the end of its child", async || {
        let truth = Truth::read(store).await;
        let child = truth.children("half").first().copied()?.clone();
        (truth.current(&child)?.status == "Completed").then_some(())
    })
    .await;

    let deaths = Mutex::new(BTreeMap::<String, u32>::new());
    let done = AtomicBool::new(false);
    let purge = async {
        while !done.load(Ordering::SeqCst) {
            let report = api.purge_completed(before(FOR_EVER)).await.expect("a purge");
            assert_eq!(report.failures, Vec::<String>::new());
            let members: BTreeSet<_> = report.instances.iter().cloned().collect();
            for id in IDS.iter().filter(|id| members.contains(**id)) {
                assert!(
                    members.contains(&format!("{id}::sub::2")),
                    "{id} went without its child: {members:?}"
                );
                *deaths.lock().unwrap().entry((*id).to_owned()).or_default() += 1;
            }
            assert!(!members.iter().any(|id| id.starts_with("half")), "{members:?}");
        }
    };
    let start = async {
        for life in 1..=LIVES {
            for id in IDS {
                client.start_orchestration(id, "Above", "x").await.unwrap();
            }
            for id in IDS {
                wait_for(&format!("life and death {life} of {id}"), async || {
                    (deaths.lock().unwrap().get(id) == Some(&life)).then_some(())
                })
                .await;
            }
        }
        done.store(true, Ordering::SeqCst);
    };
    tokio::join!(purge, start);
    runtime.shutdown(Some(0)).await;

    let gone: BTreeSet<_> = IDS.iter().flat_map(|id| [(*id).to_owned(), format!("{id}::sub::2")]).collect();
    assert_eq!(
        Dump::read(store).await.tables_of(&gone),
        BTreeSet::new(),
        "nothing is left of those that are gone"
    );
    let truth = Truth::read(store).await;
    assert_eq!(truth.tree("half").len(), 2);
    assert_eq!(truth.instances.len(), 2);
}
