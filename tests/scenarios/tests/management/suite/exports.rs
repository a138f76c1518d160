//! Whole instances, and answers as JSON.

use duroxide_exporter::{Capability, InstanceFilter, ManagementError, PageRequest, SearchQuery};
use serde::{Serialize, de::DeserializeOwned};

use super::histories;
use crate::subject::{Subject, assert_unsupported};

pub(crate) async fn an_export_has_everything(subject: &Subject) {
    for instance in &subject.truth.instances {
        let id = instance.id.as_str();
        let export = subject.api.export_instance(id).await;
        if !(subject.has(Capability::Executions) && subject.has(Capability::History)) {
            assert_unsupported("export_instance", export);
            continue;
        }
        let executions = subject.truth.executions_of(id);
        if !executions.iter().all(|(number, _)| subject.can_read(id, *number)) {
            assert!(matches!(export, Err(ManagementError::Undecodable { .. })), "{id:?}: {export:?}");
            continue;
        }
        let export = export.unwrap_or_else(|error| panic!("{id:?}: {error}"));
        assert_eq!(export.instance, subject.info(instance));
        let numbers: Vec<_> = export.executions.iter().map(|execution| execution.execution_id).collect();
        let wanted: Vec<_> = executions.iter().map(|(number, _)| u64::try_from(*number).unwrap()).collect();
        assert_eq!(numbers, wanted, "{id:?}: oldest first");
        assert_eq!(export.history.len(), export.executions.len(), "{id:?}");
        for (said, (number, _)) in export.executions.iter().zip(&executions) {
            subject.assert_execution(id, *number, said);
        }
        for (events, (number, _)) in export.history.iter().zip(&executions) {
            let rows = subject.truth.events(id, *number);
            assert_eq!(events.len(), rows.len(), "{id:?} {number}");
            for (event, row) in events.iter().zip(rows) {
                histories::compare(id, u64::try_from(*number).unwrap(), event, row);
            }
        }
    }
}

/// Another exporter reads these answers as JSON: nothing may be lost on the way.
pub(crate) async fn every_answer_survives_json(subject: &Subject) {
    fn survives<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(
        answer: Result<T, ManagementError>,
    ) {
        let answer = match answer {
            Ok(answer) => answer,
            Err(ManagementError::Unsupported { .. } | ManagementError::Undecodable { .. }) => return,
            Err(error) => panic!("{error}"),
        };
        let json = serde_json::to_string(&answer).unwrap();
        assert_eq!(serde_json::from_str::<T>(&json).unwrap(), answer, "{json}");
    }
    let api = &subject.api;
    survives(api.list_instances(PageRequest::first(1000)).await);
    survives(api.count_instances(InstanceFilter::default()).await);
    survives(api.search_instances(SearchQuery::new("e").limit(5)).await);
    survives(api.get_metrics().await);
    survives(api.get_queue_depths().await);
    survives(Ok(api.capabilities()));
    for instance in &subject.truth.instances {
        let id = instance.id.as_str();
        survives(api.get_instance_tree(id).await);
        survives(api.get_instance_waits(id).await);
        survives(api.list_executions(id, PageRequest::default()).await);
        survives(api.export_instance(id).await);
        for (number, _) in subject.truth.executions_of(id).iter().take(3) {
            let execution = u64::try_from(*number).unwrap();
            survives(api.read_execution(id, execution, PageRequest::default()).await);
            survives(api.get_execution_timeline(id, execution).await);
        }
    }
}
