//! Executions and pages that do not exist.

use duroxide_exporter::{Capability, InstanceFilter, ManagementError, PageRequest, SearchQuery};
use scenarios::{files::Scratch, sql};

use super::{offers, store};
use crate::{
    backends::over,
    subject::{Answer, assert_not_found, walk},
};

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(what: &str, answer: Answer<T>) {
    assert!(matches!(answer, Err(ManagementError::InvalidArgument { .. })), "{what}: {answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_that_does_not_exist_is_not_found() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let provider = store(&path, &["i"]).await;
    // What a number above `i64::MAX` becomes when it is only cut.
    sql::execute(&path, "INSERT INTO executions (instance_id, execution_id, status) VALUES ('i', -1, 'Completed'), ('i', -9223372036854775808, 'Completed')").await;
    for (backend, api) in over(&path, &provider) {
        for execution in [0, 2, i64::MAX.unsigned_abs(), 1 << 63, (1 << 63) + 1, u64::MAX] {
            let what = format!("{backend}: execution {execution}");
            if offers(&api, &[Capability::Executions]) {
                assert_not_found(&what, api.get_execution_metadata("i", execution).await);
            }
            if offers(&api, &[Capability::History]) {
                assert_not_found(&what, api.read_execution("i", execution, PageRequest::default()).await);
                assert_not_found(&what, api.get_execution_timeline("i", execution).await);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_nothing_is_refused_and_one_of_everything_is_not() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let ids: Vec<_> = (0..20).map(|n| format!("i-{n}")).collect();
    let provider = store(&path, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for (backend, api) in over(&path, &provider) {
        let zero = || PageRequest::first(0);
        if offers(&api, &[Capability::List]) {
            assert_refused(backend, api.list_instances(zero()).await);
            assert_refused(backend, api.list_instances_filtered(InstanceFilter::default(), zero()).await);
            let (all, _) = walk(usize::MAX, async |page| api.list_instances(page).await).await.unwrap();
            assert_eq!(all.len(), 20, "{backend}");
        }
        if offers(&api, &[Capability::Executions]) {
            assert_refused(backend, api.list_executions("i-1", zero()).await);
            let all = api.list_executions("i-1", PageRequest::first(usize::MAX)).await.unwrap();
            assert_eq!((all.items.len(), all.next), (1, None), "{backend}");
        }
        if offers(&api, &[Capability::History]) {
            assert_refused(backend, api.read_execution("i-1", 1, zero()).await);
            let all = api.read_execution("i-1", 1, PageRequest::first(usize::MAX)).await.unwrap();
            assert_eq!((all.items.len(), all.next), (1, None), "{backend}");
        }
        if offers(&api, &[Capability::Search]) {
            let found = api.search_instances(SearchQuery::new("i-1").limit(usize::MAX)).await.unwrap();
            assert_eq!(found.items.len(), 11, "{backend}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_key_of_nobodys_is_refused() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let provider = store(&path, &["a", "b"]).await;
    sql::execute(
        &path,
        "INSERT INTO executions (instance_id, execution_id, status) VALUES ('a', 2, 'Completed');
         INSERT INTO history (instance_id, execution_id, event_id, event_type, event_data)
           SELECT 'a', 1, 2, event_type, replace(event_data, '\"event_id\":1', '\"event_id\":2') FROM history WHERE instance_id = 'a';",
    )
    .await;
    for (backend, api) in over(&path, &provider) {
        let page = || PageRequest::first(1);
        let mut keys: Vec<(&str, String)> = Vec::new();
        if offers(&api, &[Capability::List]) {
            keys.push(("list", api.list_instances(page()).await.unwrap().next.expect("a second page")));
        }
        if offers(&api, &[Capability::Executions]) {
            keys.push((
                "executions",
                api.list_executions("a", page()).await.unwrap().next.expect("a second page"),
            ));
        }
        if offers(&api, &[Capability::History]) {
            keys.push((
                "history",
                api.read_execution("a", 1, page()).await.unwrap().next.expect("a second page"),
            ));
        }
        if offers(&api, &[Capability::Search]) {
            let found = api.search_instances(SearchQuery::new("Name").limit(1)).await.unwrap();
            keys.push(("search", found.next.expect("a second page")));
        }
        let garbage =
            ["", " ", "0", "1", "x", "nonsense", "'; --", "\0", "ü", "null", "99999999999999999999999", "-1"];
        let mut tried = keys.clone();
        tried.extend(garbage.map(|key| ("", key.to_owned())));
        tried.push(("", "k".repeat(10_000)));
        for (list, key) in tried {
            let what = format!("{backend}: the key {key:.20?} of {list:?}");
            let page = || PageRequest::first(1).after(&key);
            for (other, _) in keys.iter().filter(|(other, _)| *other != list) {
                let what = format!("{what} in {other}");
                match *other {
                    "list" => assert_refused(&what, api.list_instances(page()).await),
                    "executions" => assert_refused(&what, api.list_executions("a", page()).await),
                    "history" => assert_refused(&what, api.read_execution("a", 1, page()).await),
                    _ => assert_refused(
                        &what,
                        api.search_instances(SearchQuery::new("Name").after(&key)).await,
                    ),
                }
            }
        }
    }
}
