//! Instances that are deleted and made anew while they are read.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use duroxide::{
    Client,
    providers::{Provider as _, sqlite::SqliteProvider},
};
use duroxide_exporter::{Capability, InstanceStatus, ManagementAPI, ManagementError, PageRequest};
use scenarios::{files::Scratch, scrape::PATIENCE, scrape::wait_for, workload};

use super::offers;
use crate::{
    backends::over,
    subject::{Answer, walk},
};

/// How often each of them is deleted and made anew.
const LIVES: usize = 25;

const IDS: [&str; 2] = ["phoenix-1", "phoenix-2"];

#[tokio::test(flavor = "multi_thread")]
async fn what_vanishes_while_it_is_read_was_there_or_was_not() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let store = workload::open(&path).await;
    let runtime = workload::start_runtime(store.clone()).await;
    let client = Client::new(store.clone());
    client.start_orchestration("stays", "Hello", "stays").await.unwrap();
    wait_for("the one that stays", async || client.wait_for_orchestration("stays", PATIENCE).await.ok())
        .await;

    for (backend, api) in over(&path, &store) {
        let done = AtomicBool::new(false);
        let mut seen: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
        let reading = async {
            while !done.load(Ordering::SeqCst) {
                for id in IDS {
                    look(backend, &api, id, &mut seen).await;
                }
            }
        };
        tokio::join!(lives(&store, &done), reading);
        for (what, (there, gone)) in &seen {
            eprintln!("{backend}: {what}: {there} times there, {gone} times gone");
            assert!(*what == "list" || (*there > 0 && *gone > 0), "{backend}: {what} was always the same");
        }
    }
    runtime.shutdown(Some(0)).await;
}

/// Runs, ends, is deleted; again and again.
async fn lives(store: &Arc<SqliteProvider>, done: &AtomicBool) {
    let client = Client::new(store.clone());
    for _ in 0..LIVES {
        for id in IDS {
            client.start_orchestration(id, "Hello", id).await.unwrap();
        }
        for id in IDS {
            wait_for(&format!("the end of {id}"), async || {
                client.wait_for_orchestration(id, PATIENCE).await.ok()
            })
            .await;
            let admin = store.as_management_capability().unwrap();
            wait_for("a deletion", async || admin.delete_instance(id, true).await.ok()).await;
        }
    }
    done.store(true, Ordering::SeqCst);
}

async fn look<'a>(
    backend: &str,
    api: &Arc<dyn ManagementAPI>,
    id: &str,
    seen: &mut BTreeMap<&'a str, (u32, u32)>,
) {
    let mut count = |what: &'a str, there: bool| {
        let counts = seen.entry(what).or_default();
        if there { counts.0 += 1 } else { counts.1 += 1 }
    };
    if let Some(info) = unless_gone(backend, "info", api.get_instance_info(id).await) {
        assert_eq!((info.instance_id.as_str(), info.orchestration_name.as_str()), (id, "Hello"));
        count("info", true);
    } else {
        count("info", false);
    }
    if offers(api, &[Capability::History]) {
        let history = walk(1, async |page| api.read_execution(id, 1, page).await).await;
        let history = unless_gone(backend, "history", history);
        for event in history.iter().flat_map(|(events, _)| events) {
            assert_eq!((event.instance_id.as_str(), event.undecodable.as_deref()), (id, None), "{backend}");
        }
        count("history", history.is_some());
        let timeline = unless_gone(backend, "timeline", api.get_execution_timeline(id, 1).await);
        count("timeline", timeline.is_some());
    }
    if offers(api, &[Capability::Executions]) {
        let metadata = unless_gone(backend, "metadata", api.get_execution_metadata(id, 1).await);
        if let Some(output) = metadata.as_ref().and_then(|metadata| metadata.output.as_ref()) {
            assert_eq!(*output, format!("Hello, dear {id}!"), "{backend}");
        }
        count("metadata", metadata.is_some());
    }
    if offers(api, &[Capability::Executions, Capability::History]) {
        let export = unless_gone(backend, "export", api.export_instance(id).await);
        if let Some(export) = &export {
            assert_eq!(export.executions.len(), export.history.len(), "{backend}");
            assert!(export.history.iter().flatten().all(|event| event.instance_id == id), "{backend}");
            let ended = export.instance.status == InstanceStatus::Completed;
            // One moment's view: what ended has its last event. The provider's calls are of several moments.
            if backend == "sqlite" {
                let count = u64::try_from(export.history[0].len()).unwrap();
                assert_eq!(export.executions[0].event_count, count, "{backend}");
                let last = export.history[0].last().map(|event| event.event_type.as_str());
                assert_eq!(last == Some("OrchestrationCompleted"), ended, "{backend}: {export:?}");
            }
        }
        count("export", export.is_some());
    }
    if offers(api, &[Capability::Tree]) {
        let tree = unless_gone(backend, "tree", api.get_instance_tree(id).await);
        assert!(
            tree.iter().all(|tree| tree.root_id == id && tree.instances.len() == 1),
            "{backend}: {tree:?}"
        );
        count("tree", tree.is_some());
    }
    if offers(api, &[Capability::List]) {
        let listed = api.list_instances(PageRequest::first(100)).await.expect("a list");
        assert!(listed.items.iter().any(|info| info.instance_id == "stays"), "{backend}: {listed:?}");
        count("list", true);
    }
}

fn unless_gone<T>(backend: &str, what: &str, answer: Answer<T>) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer),
        Err(ManagementError::NotFound { .. }) => None,
        Err(error) => panic!("{backend}: {what}: {error}"),
    }
}
