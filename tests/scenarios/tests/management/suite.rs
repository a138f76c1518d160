//! The checks, one file a subject. None knows which backend it examines.

mod executions;
mod exports;
mod histories;
mod instances;
mod lists;
mod searching;
mod timelines;
mod totals;
mod trees;
pub(crate) mod waits;

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use duroxide_exporter::{FailureKind, InstanceStatus};
use scenarios::{
    recount::Rules,
    truth::{EventRow, Truth},
};

use crate::subject::Subject;

/// Runs each check by itself, so that one failure hides no other. The names of those that failed.
pub(crate) async fn run(subject: &Arc<Subject>) -> Vec<String> {
    let mut failures = Vec::new();
    let local = tokio::task::LocalSet::new();
    macro_rules! check {
        ($($check:path),* $(,)?) => {$(
            let examined = Arc::clone(subject);
            let began = Instant::now();
            let check = local.spawn_local(async move { $check(&examined).await });
            if local.run_until(check).await.is_err() {
                failures.push(format!("{}: {}", subject.name, stringify!($check)));
            }
            eprintln!("{}: {} took {:?}", subject.name, stringify!($check), began.elapsed());
        )*};
    }
    check!(
        lists::pages_of_any_size_are_the_whole_list,
        lists::every_filter_lets_the_right_ones_pass,
        lists::counts_are_those_of_the_groups,
        searching::texts_are_found_where_they_are,
        searching::payloads_are_searched_on_request_only,
        instances::each_is_described,
        instances::what_is_none_is_not_found,
        trees::each_instance_is_in_its_tree,
        executions::each_is_described,
        histories::every_row_is_there,
        timelines::entries_are_those_of_the_events,
        timelines::tries_of_one_activity_are_numbered,
        totals::metrics_count_the_rows,
        totals::depths_are_what_would_be_handed_out,
        totals::only_a_copy_has_an_age,
        waits::what_is_open_is_what_the_rows_say,
        exports::an_export_has_everything,
        exports::every_answer_survives_json,
    );
    failures
}

/// The store holds what the checks are about; otherwise they would pass for nothing.
pub(crate) fn assert_rich(truth: &Truth) {
    let infos: Vec<_> = truth.instances.iter().map(|instance| truth.info(instance)).collect();
    let statuses: BTreeSet<_> = infos.iter().map(|info| info.status).collect();
    assert_eq!(statuses, InstanceStatus::ALL.iter().copied().collect());
    let kinds: BTreeSet<_> = truth
        .executions
        .keys()
        .filter_map(|(id, number)| truth.execution(id, *number)?.failure_kind)
        .collect();
    assert_eq!(kinds, FailureKind::ALL.iter().copied().collect());
    assert!(truth.instances.iter().any(|i| i.version == "unknown"), "a poisoned start");
    assert!(truth.instances.iter().any(|i| truth.current(i).is_none()), "an instance without execution");
    let current =
        |status: &str| truth.instances.iter().any(|i| truth.current(i).is_some_and(|e| e.status == status));
    assert!(current("ContinuedAsNew"), "one that is continuing as new");
    assert!(truth.executions.keys().any(|(id, _)| truth.instance(id).is_none()), "a phantom");
    assert!(
        truth.instances.iter().any(|i| i.id.contains("::sub::")),
        "a child with an id of the framework's"
    );
    assert!(truth.tree("three-levels").len() >= 6, "{:?}", truth.tree("three-levels"));
    assert!(
        truth.history.values().flatten().filter(|row| row.json().is_none()).count() >= 4,
        "damaged events"
    );
    let texts = truth.queues.rules == Rules::Sqlite;
    let timeless = infos.iter().any(|info| info.created_at.is_none())
        && infos.iter().any(|info| info.updated_at.is_none());
    assert_eq!(timeless, texts, "a text need not be a time");
    let times: BTreeSet<_> = infos.iter().map(|info| info.created_at).collect();
    assert!(times.len() < infos.len(), "of the same time");
    let nul = |row: &EventRow| row.data.windows(6).any(|bytes| bytes == br"\u0000");
    assert!(truth.history.values().any(|events| events.iter().any(nul)), "an escaped NUL");
    assert!(truth.instances.len() > 50, "{}", truth.instances.len());
}
