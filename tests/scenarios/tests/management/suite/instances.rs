//! Single instances.

use duroxide_exporter::PageRequest;

use crate::subject::{Subject, assert_not_found};

pub(crate) async fn each_is_described(subject: &Subject) {
    for instance in &subject.truth.instances {
        let info = subject.api.get_instance_info(&instance.id).await;
        let info = info.unwrap_or_else(|error| panic!("{:?}: {error}", instance.id));
        assert_eq!(info, subject.info(instance));
        let latest = subject.api.latest_execution_id(&instance.id).await;
        assert_eq!(i64::try_from(latest.unwrap()).unwrap(), instance.current, "{:?}", instance.id);
    }
}

/// Queued and not yet started; rows of an execution without an instance; nothing at all.
pub(crate) async fn what_is_none_is_not_found(subject: &Subject) {
    let api = &subject.api;
    for id in ["queued-1", "queued-2", "scheduled", "phantom", "gone", "nobody"] {
        assert!(subject.truth.instance(id).is_none(), "{id}");
        assert_not_found(id, api.get_instance_info(id).await);
        assert_not_found(id, api.latest_execution_id(id).await);
        let unless = |offered: bool, what: &str, found: bool| assert!(found || !offered, "{id}: {what}");
        let not_found = |error: duroxide_exporter::ManagementError| {
            matches!(error, duroxide_exporter::ManagementError::NotFound { .. })
        };
        use duroxide_exporter::Capability::{Executions, History, Tree, Waits};
        let tree = api.get_instance_tree(id).await.is_err_and(not_found);
        unless(subject.has(Tree), "get_instance_tree", tree);
        let waits = api.get_instance_waits(id).await.is_err_and(not_found);
        unless(subject.has(Waits), "get_instance_waits", waits);
        let executions = api.list_executions(id, PageRequest::default()).await.is_err_and(not_found);
        unless(subject.has(Executions), "list_executions", executions);
        for execution in [0, 1, 2, u64::MAX] {
            let metadata = api.get_execution_metadata(id, execution).await.is_err_and(not_found);
            unless(subject.has(Executions), "get_execution_metadata", metadata);
            let history =
                api.read_execution(id, execution, PageRequest::default()).await.is_err_and(not_found);
            unless(subject.has(History), "read_execution", history);
            let timeline = api.get_execution_timeline(id, execution).await.is_err_and(not_found);
            unless(subject.has(History), "get_execution_timeline", timeline);
        }
        let export = api.export_instance(id).await.is_err_and(not_found);
        unless(subject.has(Executions) && subject.has(History), "export_instance", export);
    }
}
