//! Many people at once.

use std::sync::Arc;

use duroxide_exporter::{Capability, InstanceFilter, ManagementAPI, PageRequest, SearchQuery};
use scenarios::files::Scratch;

use super::{offers, store};
use crate::backends::over;

/// One of several questions about the store, as text: what is answered to one is answered to all.
async fn ask(api: &Arc<dyn ManagementAPI>, n: usize) -> String {
    let id = "i-3";
    match n % 8 {
        1 if offers(api, &[Capability::List]) => {
            format!("{:?}", api.list_instances(PageRequest::first(7)).await.unwrap())
        }
        2 if offers(api, &[Capability::List]) => {
            format!("{:?}", api.count_instances(InstanceFilter::default()).await.unwrap())
        }
        3 if offers(api, &[Capability::Search]) => {
            format!("{:?}", api.search_instances(SearchQuery::new("I-1")).await.unwrap())
        }
        4 if offers(api, &[Capability::Executions, Capability::History]) => {
            format!("{:?}", api.export_instance(id).await.unwrap())
        }
        5 if offers(api, &[Capability::Metrics]) => format!("{:?}", api.get_metrics().await.unwrap()),
        6 if offers(api, &[Capability::Tree]) => format!("{:?}", api.get_instance_tree(id).await.unwrap()),
        7 if offers(api, &[Capability::QueueDepths]) => {
            format!("{:?}", api.get_queue_depths().await.unwrap())
        }
        _ => format!("{:?}", api.get_instance_info(id).await.unwrap()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_calls_at_once_get_the_answers_of_one_after_the_other() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let ids: Vec<_> = (0..20).map(|n| format!("i-{n}")).collect();
    let provider = store(&path, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for (backend, api) in over(&path, &provider) {
        let mut alone = Vec::new();
        for n in 0..8 {
            alone.push(ask(&api, n).await);
        }
        let crowd: Vec<_> = (0..50)
            .map(|n| {
                let api = Arc::clone(&api);
                tokio::spawn(async move { ask(&api, n).await })
            })
            .collect();
        for (n, answer) in crowd.into_iter().enumerate() {
            assert_eq!(answer.await.expect("an answer"), alone[n % 8], "{backend}, call {n}");
        }
    }
}

/// Whoever gives up waiting takes nothing with him.
#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_given_up_take_nothing_away() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let provider = store(&path, &["i-3", "i-1"]).await;
    for (backend, api) in over(&path, &provider) {
        for n in 0..200 {
            let api = Arc::clone(&api);
            let call = tokio::spawn(async move { ask(&api, n).await });
            for _ in 0..n % 20 {
                tokio::task::yield_now().await;
            }
            call.abort();
            let _ = call.await;
        }
        assert!(ask(&api, 0).await.contains("i-3"), "{backend}");
    }
}
