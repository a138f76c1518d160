//! Purging on a primary, and looking at its standby.

use std::sync::Arc;

use duroxide::{
    Client,
    providers::{Provider, WorkItem},
};
use duroxide_exporter::{Capability, ManagementAPI, ManagementError, Split, connect, connect_admin};
use scenarios::{
    content,
    recount::now_ms,
    scrape::{PATIENCE, wait_for},
    sql,
    stores::{Fresh, Kind},
    truth::Truth,
    workload,
};

use crate::model::{Model, before, purge_and_compare};

/// Trees that have ended, trees that have not, and a tree whose child is about to continue as new.
async fn fill(fresh: &Fresh) -> Arc<dyn Provider> {
    let provider = fresh.store.provider().await;
    let runtime = workload::start_runtime_with(provider.clone(), content::orchestrations()).await;
    let client = Client::new(provider.clone());
    let ending = ["three-levels", "parent", "detach", "state", "fails", "losers", "continuing"];
    for (id, name) in
        ending.into_iter().zip(["Three", "Parent", "Detach", "State", "Fails", "Losers", "State"])
    {
        client.start_orchestration(id, name, "0").await.unwrap();
    }
    client.start_orchestration("runs", "Tree", "").await.unwrap();
    wait_for("the child of the one that runs", async || {
        (Truth::read(&fresh.store).await.children("runs").len() == 1).then_some(())
    })
    .await;
    for id in ending.into_iter().chain(["detached-from-detach"]) {
        wait_for(&format!("the end of {id}"), async || {
            client.wait_for_orchestration(id, PATIENCE).await.ok()
        })
        .await;
    }
    // A child whose parent no longer waits for it is told so by a message, and ends when it likes.
    wait_for("the end of the child of losers", async || {
        let truth = Truth::read(&fresh.store).await;
        let child = truth.children("losers").first().copied()?.clone();
        (truth.current(&child)?.status != "Running").then_some(())
    })
    .await;
    runtime.shutdown(Some(0)).await;
    sql::execute(
        &fresh.store,
        "UPDATE executions SET status = 'ContinuedAsNew', completed_at = NULL WHERE instance_id = 'continuing'
           AND execution_id = (SELECT current_execution_id FROM instances WHERE instance_id = 'continuing')",
    )
    .await;
    provider
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_the_finished_trees_are_deleted() {
    for kind in [Kind::DuroxidePg, Kind::DuroxidePgOpt] {
        let fresh = kind.create().await;
        let _provider = fill(&fresh).await;
        let replica = connect(&fresh.on_standby().url()).unwrap();
        let api = Split::new(replica, connect_admin(&fresh.store.url()).unwrap());
        assert!(api.capabilities().has(Capability::Purge));
        let model = purge_and_compare(&format!("{kind:?}"), &fresh.store, &api, now_ms() + 1000).await;
        assert!(model.trees() >= 6 && model.kept == 0, "{} trees, {} kept", model.trees(), model.kept);

        // The standby shows it as soon as it is there.
        fresh.on_standby();
        for id in model.ids() {
            let answer = api.get_instance_info(&id).await;
            assert!(matches!(answer, Err(ManagementError::NotFound { .. })), "{id}: {answer:?}");
        }
        assert!(api.get_instance_info("runs").await.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_a_queued_start_adds_to_is_kept() {
    let fresh = Kind::DuroxidePg.create().await;
    let provider = fill(&fresh).await;
    let start = WorkItem::StartOrchestration {
        instance: "fails::sub::9".to_owned(),
        orchestration: "Hello".to_owned(),
        input: String::new(),
        version: None,
        parent_instance: Some("fails".to_owned()),
        parent_id: Some(9),
        parent_execution_id: Some(1),
        execution_id: 1,
    };
    provider.enqueue_for_orchestrator(start, None).await.unwrap();
    let model = Model::of(&Truth::read(&fresh.store).await, now_ms() + 1000);
    let api = connect_admin(&fresh.store.url()).unwrap();
    let report = api.purge_completed(before(now_ms() + 1000)).await.unwrap();
    assert_eq!(report.trees_deleted, model.trees() - 1, "{report:?}");
    assert!(!report.instances.contains(&"fails".to_owned()));
    assert!(
        matches!(report.failures.as_slice(), [failure] if failure.contains("\"fails\"") && failure.contains("about to start")),
        "{report:?}"
    );
    assert!(Truth::read(&fresh.store).await.instance("fails").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_deleted_without_being_asked_for() {
    let fresh = Kind::DuroxidePg.create().await;
    let read_only = connect(&fresh.store.url()).unwrap();
    assert!(!read_only.capabilities().has(Capability::Purge));
    let standby = connect_admin(&fresh.on_standby().url()).unwrap();
    for api in [read_only, standby] {
        let answer = api.purge_completed(before(now_ms())).await;
        assert!(matches!(answer, Err(ManagementError::ReadOnly { .. })), "{answer:?}");
    }
    let refused = connect_admin("sqlite:/var/lib/orders/store.db").err().expect("refused").to_string();
    assert!(refused.contains("provider"), "{refused}");
}
