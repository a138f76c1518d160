//! What a purge should do, from the raw rows alone, and whether it did.

use std::collections::BTreeSet;

use duroxide_exporter::{ManagementAPI, PurgeReport, PurgeRequest, Timestamp};
use scenarios::{dump::Dump, store::Store, truth::Truth};

/// What is to be deleted, tree by tree, and how many trees stay although their root has ended.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) doomed: Vec<BTreeSet<String>>,
    pub(crate) kept: u64,
}

impl Model {
    pub(crate) fn of(truth: &Truth, older_than: i64) -> Self {
        let mut model = Self::default();
        for root in truth.instances.iter().filter(|instance| truth.root(&instance.id) == instance.id) {
            let members = truth.tree(&root.id);
            if members.iter().all(|id| ended(truth, id).is_some_and(|time| time < older_than)) {
                model.doomed.push(members);
            } else if has_ended(truth, &root.id) {
                model.kept += 1;
            }
        }
        model
    }

    pub(crate) fn ids(&self) -> BTreeSet<String> {
        self.doomed.iter().flatten().cloned().collect()
    }

    pub(crate) fn trees(&self) -> u64 {
        u64::try_from(self.doomed.len()).unwrap()
    }

    fn assert_told(&self, what: &str, report: &PurgeReport) {
        assert_eq!(report.failures, Vec::<String>::new(), "{what}");
        let told: BTreeSet<_> = report.instances.iter().cloned().collect();
        assert_eq!(told, self.ids(), "{what}");
        assert_eq!(told.len(), report.instances.len(), "{what}: somebody is told twice");
        assert_eq!((report.trees_deleted, report.trees_kept), (self.trees(), self.kept), "{what}");
        // Tree by tree: going through the list, the tree changes as often as there are trees.
        let tree = |id: &String| self.doomed.iter().position(|tree| tree.contains(id));
        let mut order: Vec<_> = report.instances.iter().map(tree).collect();
        order.dedup();
        assert_eq!(order.len(), self.doomed.len(), "{what}: {:?}", report.instances);
    }
}

fn has_ended(truth: &Truth, id: &str) -> bool {
    let execution = truth.instance(id).and_then(|instance| truth.current(instance));
    execution.is_some_and(|execution| matches!(execution.status.as_str(), "Completed" | "Failed"))
}

/// When an instance completed or failed; `None` also when nobody recorded that.
fn ended(truth: &Truth, id: &str) -> Option<i64> {
    let execution = truth.current(truth.instance(id)?)?;
    execution.completed_ms.filter(|_| has_ended(truth, id))
}

pub(crate) fn before(millis: i64) -> PurgeRequest {
    PurgeRequest::older_than(Timestamp::from_unix_millis(millis))
}

/// Purges without and with deleting. The model that both were compared with.
pub(crate) async fn purge_and_compare(
    what: &str,
    store: impl Into<Store>,
    api: &dyn ManagementAPI,
    older_than: i64,
) -> Model {
    let store = &store.into();
    let was = Dump::read(store).await;
    let model = Model::of(&Truth::read(store).await, older_than);

    let dry = api.purge_completed(before(older_than).dry_run()).await.unwrap();
    assert!(dry.dry_run, "{what}");
    model.assert_told(&format!("{what}, dry run"), &dry);
    let report = was.differences(&Dump::read(store).await);
    assert!(report.is_empty(), "{what}: the dry run changed something:\n{report}");

    let real = api.purge_completed(before(older_than)).await.unwrap();
    assert!(!real.dry_run, "{what}");
    model.assert_told(what, &real);
    let report = was.without(&model.ids()).differences(&Dump::read(store).await);
    assert!(report.is_empty(), "{what}: not just these were deleted, or not all of them:\n{report}");

    let again = api.purge_completed(before(older_than)).await.unwrap();
    assert_eq!((again.trees_deleted, again.trees_kept), (0, model.kept), "{what}, once more: {again:?}");
    model
}
