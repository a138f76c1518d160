//! The provider as management: what it says of a real store, and how it fails.

use std::sync::Arc;

use duroxide::providers::Provider;
use duroxide_exporter::{
    Capability, ExecutionStatus, InstanceFilter, InstanceStatus, ManagementAPI, ManagementError, PageRequest,
    ProviderManagement, Timestamp,
};
use scenarios::sql;

use crate::Store;

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_of_any_type_says_the_same_as_one_of_a_known_type() {
    let store = Store::new().await;
    let _runtime = store.runtime().await;
    store.begin("parent", "Parent", "").await;
    store.end("parent").await.unwrap();
    let known: Arc<dyn ManagementAPI> = store.provider.clone();
    let any: Arc<dyn Provider> = store.provider.clone();
    let any: Arc<dyn ManagementAPI> = Arc::new(ProviderManagement::new(any));
    assert_eq!(known.capabilities(), any.capabilities());
    assert!(!known.capabilities().has(Capability::ExecutionTimes));
    let page = || PageRequest::first(2);
    assert_eq!(known.list_instances(page()).await.unwrap(), any.list_instances(page()).await.unwrap());
    assert_eq!(known.get_metrics().await.unwrap(), any.get_metrics().await.unwrap());
    assert_eq!(known.get_queue_depths().await.unwrap(), any.get_queue_depths().await.unwrap());
    let tree = known.get_instance_tree("child-of-parent").await.unwrap();
    assert_eq!(tree, any.get_instance_tree("parent").await.unwrap());
    assert_eq!((tree.root_id.as_str(), tree.instances.len()), ("parent", 4));
    assert_eq!(known.export_instance("parent").await.unwrap(), any.export_instance("parent").await.unwrap());
    assert_eq!(
        known.list_executions("parent", page()).await.unwrap(),
        any.list_executions("parent", page()).await.unwrap()
    );
    let count = any.count_instances(InstanceFilter::default()).await.unwrap();
    assert_eq!((count.total(), count.partial), (4, false));
    assert_eq!(any.latest_execution_id("parent").await.unwrap(), 1);
    assert_eq!(any.data_age().await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn executions_and_status_of_one_that_continues_and_then_waits() {
    let store = Store::new().await;
    let runtime = store.runtime().await;
    store.begin("state", "State", "0").await;
    store.end("state").await.unwrap();
    store.begin("waits", "Event", "").await;
    runtime.shutdown(None).await;

    let first = store.client.list_executions("state", PageRequest::first(2)).await.unwrap();
    let rest = store
        .client
        .list_executions("state", PageRequest::first(2).after(first.next.clone().unwrap()))
        .await
        .unwrap();
    let all: Vec<_> = first.items.iter().chain(&rest.items).collect();
    let status: Vec<_> = all.iter().map(|execution| (execution.execution_id, execution.status)).collect();
    assert_eq!(
        status,
        [
            (3, ExecutionStatus::Completed),
            (2, ExecutionStatus::ContinuedAsNew),
            (1, ExecutionStatus::ContinuedAsNew)
        ]
    );
    assert_eq!(rest.next, None);
    for execution in all {
        assert_eq!(execution.started_at, None, "the framework says 0");
        let age = Timestamp::now().since(execution.completed_at.unwrap());
        assert!(age.as_secs() < 60, "{age:?}");
        let history = store.client.read_execution_history("state", execution.execution_id).await.unwrap();
        assert_eq!(history.len() as u64, execution.event_count);
    }
    let waits = store.client.get_execution_info("waits", 1).await.unwrap();
    assert_eq!((waits.status, waits.output, waits.completed_at), (ExecutionStatus::Running, None, None));

    // Between two executions it runs.
    sql::execute(&store.path, "UPDATE executions SET status = 'ContinuedAsNew' WHERE instance_id = 'waits'")
        .await;
    let running = store.client.list_instances_by_status(InstanceStatus::Running).await.unwrap();
    assert_eq!(running, ["waits"]);
    let metrics = store.client.get_system_metrics().await.unwrap();
    assert_eq!((metrics.total_instances, metrics.running_instances, metrics.completed_instances), (2, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_absent_or_damaged_is_told_apart() {
    let store = Store::new().await;
    let runtime = store.runtime().await;
    store.begin("done", "Hello", "x").await;
    store.end("done").await.unwrap();
    runtime.shutdown(None).await;
    let management: &dyn ManagementAPI = &*store.provider;
    let absent = [
        management.get_instance_info("nobody").await.err(),
        management.get_instance_tree("nobody").await.err(),
        management.latest_execution_id("nobody").await.err(),
        management.list_executions("nobody", PageRequest::default()).await.err(),
        management.get_execution_metadata("done", 2).await.err(),
        // Negative when cast as the framework does; there is such a row.
        management.get_execution_metadata("done", u64::MAX).await.err(),
        management.read_execution("done", u64::MAX, PageRequest::default()).await.err(),
    ];
    sql::execute(
        &store.path,
        "INSERT INTO executions (instance_id, execution_id, status) VALUES ('done', -1, 'Running'), ('lost', 1, 'Failed')",
    )
    .await;
    let also = [
        management.get_execution_metadata("done", u64::MAX).await.err(),
        // An execution whose instance the framework lost.
        management.get_execution_metadata("lost", 1).await.err(),
        management.read_execution("lost", 1, PageRequest::default()).await.err(),
        management.list_executions("lost", PageRequest::default()).await.err(),
    ];
    for (n, error) in absent.into_iter().chain(also).enumerate() {
        assert!(matches!(error, Some(ManagementError::NotFound { .. })), "{n}: {error:?}");
    }

    sql::execute(
        &store.path,
        "UPDATE history SET event_data = json_set(event_data, '$.type', 'secret') WHERE event_id = 2",
    )
    .await;
    let error = management.read_execution("done", 1, PageRequest::default()).await.unwrap_err();
    assert!(matches!(error, ManagementError::Undecodable { .. }), "{error:?}");
    assert!(!error.to_string().contains("secret"), "{error}");

    sql::execute(&store.path, "ALTER TABLE instances RENAME TO elsewhere").await;
    let error = management.get_instance_info("done").await.unwrap_err();
    assert!(matches!(error, ManagementError::Unavailable(_)), "{error:?}");
    assert!(error.to_string().contains("no such table"), "{error}");
}
