//! Ids of every shape, of instances that exist and of such that do not.

use std::sync::Arc;

use duroxide_exporter::{
    Capability, InstanceFilter, ManagementAPI, ManagementError, PageRequest, SearchField, SearchQuery,
};
use scenarios::{files::Scratch, sql};

use super::{insert, name, offers, output, store};
use crate::{backends::over, subject::Answer};

fn odd() -> Vec<String> {
    let mut ids: Vec<String> = [
        "",
        " ",
        " space ",
        "with/slash",
        "../../etc/passwd",
        "..",
        "/",
        "quote'",
        "''",
        "\"double\"",
        "back\\slash",
        "%",
        "_",
        "per%cent",
        "under_score",
        "*",
        "?",
        "[a]",
        "ünïcode",
        "\u{c4}",
        "A\u{308}",
        "🚀🧑‍🚀",
        "new\nline",
        "tab\t",
        "\r\n",
        "'; DROP TABLE instances; --",
        "' OR '1'='1",
        "NULL",
        "0",
        "-1",
        "a?b=c&d#e",
        "%00",
        "\u{202e}rtl",
        "\u{feff}bom",
        "Case",
        "case",
        "nul\0inside",
        "\0",
        "nul",
        "parent::sub::2",
        "{\"json\":1}",
        "$1",
        "?1",
        ":name",
    ]
    .map(ToOwned::to_owned)
    .into();
    ids.push("x".repeat(10_000));
    ids.push("ä".repeat(10_000));
    ids
}

/// Whether an id may be refused instead: NUL can be in no other store, and nothing is no id.
fn refusable(id: &str) -> bool {
    id.is_empty() || id.contains('\0')
}

#[track_caller]
fn assert_absent<T: std::fmt::Debug>(what: &str, id: &str, answer: Answer<T>) {
    match answer {
        Err(error @ ManagementError::NotFound { .. }) => {
            assert!(error.to_string().len() < 2_000, "{what}: an error as long as the id");
        }
        Err(ManagementError::InvalidArgument { .. }) if refusable(id) => {}
        other => panic!("{what} of {id:?}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_nobody_has_is_not_found() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let provider = store(&path, &["there", "x", "other"]).await;
    for (backend, api) in over(&path, &provider) {
        for id in odd() {
            let what = |method: &str| format!("{backend}: {method}");
            assert_absent(&what("info"), &id, api.get_instance_info(&id).await);
            assert_absent(&what("latest"), &id, api.latest_execution_id(&id).await);
            if offers(&api, &[Capability::Tree]) {
                assert_absent(&what("tree"), &id, api.get_instance_tree(&id).await);
            }
            if offers(&api, &[Capability::Waits]) {
                assert_absent(&what("waits"), &id, api.get_instance_waits(&id).await);
            }
            if offers(&api, &[Capability::Executions]) {
                assert_absent(
                    &what("executions"),
                    &id,
                    api.list_executions(&id, PageRequest::default()).await,
                );
                assert_absent(&what("metadata"), &id, api.get_execution_metadata(&id, 1).await);
            }
            if offers(&api, &[Capability::History]) {
                assert_absent(
                    &what("history"),
                    &id,
                    api.read_execution(&id, 1, PageRequest::default()).await,
                );
                assert_absent(&what("timeline"), &id, api.get_execution_timeline(&id, 1).await);
            }
            if offers(&api, &[Capability::Executions, Capability::History]) {
                assert_absent(&what("export"), &id, api.export_instance(&id).await);
            }
        }
        assert!(api.get_instance_info("there").await.is_ok(), "{backend}: the store is whole");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_any_shape_is_an_id() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let ids = odd();
    let mut unique: Vec<&str> = ids.iter().map(String::as_str).collect();
    unique.dedup();
    let provider = store(&path, &unique).await;
    let mut connection = sql::connect(&path).await;
    for (n, id) in ids.iter().enumerate() {
        insert(&mut connection, &format!("child-{n}"), Some(id)).await;
    }
    for (backend, api) in over(&path, &provider) {
        for (n, id) in ids.iter().enumerate() {
            let what = format!("{backend}: {id:?}");
            match api.get_instance_info(id).await {
                Ok(info) => {
                    assert_eq!((&info.instance_id, &info.orchestration_name), (id, &name(id)), "{what}")
                }
                Err(ManagementError::InvalidArgument { .. }) if refusable(id) => continue,
                Err(error) => panic!("{what}: {error}"),
            }
            one(&what, &api, id, &format!("child-{n}")).await;
        }
    }
}

async fn one(what: &str, api: &Arc<dyn ManagementAPI>, id: &str, child: &str) {
    if offers(api, &[Capability::Tree]) {
        for asked in [id, child] {
            let tree = api.get_instance_tree(asked).await.unwrap_or_else(|error| panic!("{what}: {error}"));
            let members: Vec<_> = tree.instances.iter().map(|info| info.instance_id.as_str()).collect();
            assert_eq!((tree.root_id.as_str(), members), (id, vec![id, child]), "{what}");
        }
    }
    if offers(api, &[Capability::Waits]) {
        // It has ended.
        let waits = api.get_instance_waits(id).await.unwrap();
        assert_eq!((waits.instance_id.as_str(), waits.reason, waits.waits), (id, None, Vec::new()), "{what}");
    }
    if offers(api, &[Capability::Executions]) {
        let execution = api.get_execution_metadata(id, 1).await.unwrap();
        assert_eq!(execution.output, Some(output(id)), "{what}");
        let listed = api.list_executions(id, PageRequest::default()).await.unwrap();
        assert_eq!(listed.items, [execution], "{what}");
    }
    if offers(api, &[Capability::History]) {
        let history = api.read_execution(id, 1, PageRequest::default()).await.unwrap();
        assert_eq!(history.items.len(), 1, "{what}");
        assert_eq!(
            (history.items[0].instance_id.as_str(), history.items[0].undecodable.as_ref()),
            (id, None),
            "{what}"
        );
        assert_eq!(api.get_execution_timeline(id, 1).await.unwrap().instance_id, id, "{what}");
    }
    if offers(api, &[Capability::Executions, Capability::History]) {
        let export = api.export_instance(id).await.unwrap();
        assert_eq!((export.instance.instance_id.as_str(), export.history[0].len()), (id, 1), "{what}");
    }
    if offers(api, &[Capability::List]) {
        for filter in [
            InstanceFilter { parent_instance_id: Some(id.to_owned()), ..InstanceFilter::default() },
            InstanceFilter { orchestration: Some(name(child)), ..InstanceFilter::default() },
        ] {
            let listed = api.list_instances_filtered(filter, PageRequest::first(1000)).await.unwrap();
            let listed: Vec<_> = listed.items.iter().map(|info| info.instance_id.as_str()).collect();
            assert_eq!(listed, [child], "{what}");
        }
    }
    if offers(api, &[Capability::Search]) && !id.is_empty() {
        let found = api.search_instances(SearchQuery::new(id).limit(1000)).await.unwrap();
        let here = |hit: &&duroxide_exporter::SearchHit| hit.instance.instance_id == id;
        let hit = found.items.iter().find(here).unwrap_or_else(|| panic!("{what} is not found"));
        assert_eq!(hit.matched, [SearchField::InstanceId, SearchField::OrchestrationName], "{what}");
    }
}
