//! Lists and counts of instances.

use std::collections::BTreeMap;

use duroxide_exporter::{Capability, InstanceFilter, InstanceGroup, InstanceStatus, PageRequest, Timestamp};
use scenarios::truth::Instance;

use crate::subject::{Subject, assert_unsupported, walk};

pub(crate) async fn pages_of_any_size_are_the_whole_list(subject: &Subject) {
    let filter = InstanceFilter::default;
    if !subject.has(Capability::List) {
        assert_unsupported("list_instances", subject.api.list_instances(PageRequest::default()).await);
        assert_unsupported(
            "list_instances",
            subject.api.list_instances_filtered(filter(), PageRequest::default()).await,
        );
        return;
    }
    let wanted = subject.newest_first();
    let mut first_order = None;
    for size in [1, 2, 7, wanted.len() - 1, wanted.len(), wanted.len() + 1, 1000] {
        let (listed, pages) = walk(size, async |page| subject.api.list_instances(page).await).await.unwrap();
        let what = format!("pages of {size}");
        subject.assert_list(&what, &listed, &wanted);
        assert!(pages >= wanted.len().div_ceil(size), "{what}: {pages} pages");
        // Where times are equal the order is the backend's own, but always the same.
        let order: Vec<_> = listed.into_iter().map(|info| info.instance_id).collect();
        assert_eq!(first_order.get_or_insert(order.clone()), &order, "{what}");
        let (filtered, _) =
            walk(size, async |page| subject.api.list_instances_filtered(filter(), page).await).await.unwrap();
        subject.assert_list(&format!("{what}, empty filter"), &filtered, &wanted);
    }
}

/// Filters of one condition, and of several.
fn filters(subject: &Subject) -> Vec<InstanceFilter> {
    let truth = &subject.truth;
    let statuses: Vec<_> = [None].into_iter().chain(InstanceStatus::ALL.iter().copied().map(Some)).collect();
    let mut names: Vec<_> = truth.instances.iter().map(|instance| instance.orchestration.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let mut parents: Vec<_> =
        truth.instances.iter().filter_map(|instance| instance.parent.as_deref()).collect();
    parents.sort_unstable();
    parents.dedup();
    let mut times: Vec<_> = truth.instances.iter().filter_map(|instance| instance.created_ms).collect();
    times.sort_unstable();
    times.dedup();
    // On Postgres nearly every instance has a time of its own.
    let some = times.iter().step_by(1 + times.len() / 16);
    let windows: Vec<_> = some
        .flat_map(|time| {
            [(Some(*time), None), (None, Some(*time)), (Some(time + 1), None), (Some(*time), Some(time + 1))]
        })
        .collect();

    let none = InstanceFilter::default;
    let of = |name: &str| InstanceFilter { orchestration: Some(name.to_owned()), ..none() };
    let below = |parent: &str| InstanceFilter { parent_instance_id: Some(parent.to_owned()), ..none() };
    let moment = |ms: Option<i64>| ms.map(Timestamp::from_unix_millis);
    let between = |(after, before): (Option<i64>, Option<i64>)| InstanceFilter {
        created_after: moment(after),
        created_before: moment(before),
        ..none()
    };
    let mut filters: Vec<_> =
        names.iter().copied().chain(["hello", "Hell", "%", "", "Hello' OR '1'='1"]).map(of).collect();
    filters.extend(parents.iter().copied().chain(["%", "nobody", ""]).map(below));
    filters.extend(windows.iter().copied().map(between));
    filters.push(between((Some(i64::MIN), Some(i64::MAX))));
    for status in &statuses {
        filters.push(InstanceFilter { status: *status, ..none() });
        for name in ["Hello", "ByHand", "Timer"] {
            filters.push(InstanceFilter { status: *status, ..of(name) });
        }
        for parent in ["parent", "losers"] {
            filters.push(InstanceFilter { status: *status, ..below(parent) });
        }
        for window in windows.iter().step_by(3) {
            filters.push(InstanceFilter {
                status: *status,
                orchestration: Some("Hello".to_owned()),
                ..between(*window)
            });
            filters.push(InstanceFilter {
                status: *status,
                parent_instance_id: Some("parent".to_owned()),
                ..between(*window)
            });
        }
    }
    filters
}

/// Written once more: the crate's own `matches` is what is examined.
fn passes(subject: &Subject, filter: &InstanceFilter, instance: &Instance) -> bool {
    let status = subject.info(instance).status;
    let created = instance.created_ms;
    let after = filter.created_after.map(Timestamp::unix_millis);
    let before = filter.created_before.map(Timestamp::unix_millis);
    [
        filter.status.is_none() || filter.status == Some(status),
        filter.orchestration.is_none() || filter.orchestration.as_deref() == Some(&instance.orchestration),
        filter.parent_instance_id.is_none() || filter.parent_instance_id == instance.parent,
        after.is_none() || created.is_some_and(|created| created >= after.unwrap()),
        before.is_none() || created.is_some_and(|created| created < before.unwrap()),
    ]
    .iter()
    .all(|passes| *passes)
}

pub(crate) async fn every_filter_lets_the_right_ones_pass(subject: &Subject) {
    if !subject.has(Capability::List) {
        return;
    }
    let (mut empty, mut some) = (0, 0);
    for (n, filter) in filters(subject).into_iter().enumerate() {
        let what = format!("{filter:?}");
        let timed = filter.created_after.is_some() || filter.created_before.is_some();
        let limit = [1, 3, 1000][n % 3];
        let listed =
            walk(limit, async |page| subject.api.list_instances_filtered(filter.clone(), page).await).await;
        if timed && !subject.has(Capability::InstanceTimes) {
            assert_unsupported("list_instances", listed);
            continue;
        }
        let wanted: Vec<_> = subject
            .newest_first()
            .into_iter()
            .filter(|instance| passes(subject, &filter, instance))
            .collect();
        subject.assert_list(&what, &listed.unwrap_or_else(|error| panic!("{what}: {error}")).0, &wanted);
        if wanted.is_empty() {
            empty += 1;
        } else {
            some += 1;
        }
    }
    assert!(empty > 10 && some > 30, "{empty} filters let nothing pass, {some} something");
}

pub(crate) async fn counts_are_those_of_the_groups(subject: &Subject) {
    if !subject.has(Capability::List) {
        assert_unsupported("", subject.api.count_instances(InstanceFilter::default()).await);
        return;
    }
    for filter in [InstanceFilter::default()].into_iter().chain(filters(subject)) {
        let timed = filter.created_after.is_some() || filter.created_before.is_some();
        let counted = subject.api.count_instances(filter.clone()).await;
        if timed && !subject.has(Capability::InstanceTimes) {
            assert_unsupported("", counted);
            continue;
        }
        let counted = counted.unwrap_or_else(|error| panic!("{filter:?}: {error}"));
        let mut groups: BTreeMap<_, u64> = BTreeMap::new();
        for instance in subject.truth.instances.iter().filter(|instance| passes(subject, &filter, instance)) {
            let status = subject.info(instance).status;
            *groups.entry((instance.orchestration.clone(), instance.version.clone(), status)).or_default() +=
                1;
        }
        let total: u64 = groups.values().sum();
        let wanted: Vec<_> = groups
            .into_iter()
            .map(|((orchestration_name, orchestration_version, status), count)| InstanceGroup {
                orchestration_name,
                orchestration_version,
                status,
                count,
            })
            .collect();
        assert_eq!(counted.groups, wanted, "{filter:?}");
        assert_eq!((counted.total(), counted.partial), (total, false), "{filter:?}");
    }
}
