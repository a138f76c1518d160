//! Executions.

use duroxide_exporter::{Capability, PageRequest};

use crate::subject::{Subject, assert_not_found, assert_unsupported, walk};

pub(crate) async fn each_is_described(subject: &Subject) {
    for instance in &subject.truth.instances {
        let id = instance.id.as_str();
        let numbers: Vec<_> =
            subject.truth.executions_of(id).into_iter().map(|(number, _)| number).rev().collect();
        if !subject.has(Capability::Executions) {
            assert_unsupported(
                "list_executions",
                subject.api.list_executions(id, PageRequest::default()).await,
            );
            assert_unsupported("get_execution_metadata", subject.api.get_execution_metadata(id, 1).await);
            continue;
        }
        for size in [1, 7, 1000] {
            let listed = walk(size, async |page| subject.api.list_executions(id, page).await).await;
            let (listed, _) = listed.unwrap_or_else(|error| panic!("{id:?}: {error}"));
            assert_eq!(listed.len(), numbers.len(), "{id:?} in pages of {size}");
            for (listed, number) in listed.iter().zip(&numbers) {
                subject.assert_execution(id, *number, listed);
            }
        }
        for number in &numbers {
            let metadata = subject.api.get_execution_metadata(id, u64::try_from(*number).unwrap()).await;
            let metadata = metadata.unwrap_or_else(|error| panic!("{id:?} {number}: {error}"));
            subject.assert_execution(id, *number, &metadata);
        }
        let beyond = numbers.first().map_or(1, |newest| u64::try_from(*newest).unwrap() + 1);
        for absent in [0, beyond, u64::MAX, 1 << 63] {
            assert_not_found(id, subject.api.get_execution_metadata(id, absent).await);
        }
    }
}
