//! One backend over one store, with the truth about that store.

use std::sync::Arc;

use duroxide_exporter::{
    Capability, ExecutionInfo, ExecutionStatus, FailureKind, InstanceInfo, InstanceStatus, ManagementAPI,
    ManagementError, Page, PageRequest, Timestamp,
};
use scenarios::{
    recount::Rules,
    truth::{Instance, Truth},
};

/// How a backend's lists are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// By insertion, or by time and id: one possible sequence.
    Exact,
    /// By the time of creation alone: those of one second come in any order.
    ByTime,
}

/// What is read, as to its age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// What a runtime writes to.
    Live,
    /// A copy that stands still: its "now" is the newest moment in it.
    Copy,
    /// A standby that streams and shows everything its primary does: its "now" is ours.
    Standby,
}

/// What is examined.
pub(crate) struct Subject {
    pub(crate) name: String,
    pub(crate) api: Arc<dyn ManagementAPI>,
    pub(crate) truth: Arc<Truth>,
    pub(crate) order: Order,
    /// Whether a damaged event hides no other, and damaged rows distort no total. A backend on the framework's own
    /// queries reads all of a history or nothing, and counts what the framework counts.
    pub(crate) tolerant: bool,
    pub(crate) reading: Reading,
}

pub(crate) type Answer<T> = Result<T, ManagementError>;

impl Subject {
    pub(crate) fn has(&self, capability: Capability) -> bool {
        self.api.capabilities().has(capability)
    }

    /// Whether it tells what the framework's Postgres providers tell.
    pub(crate) fn is_provider_of_postgres(&self) -> bool {
        !self.tolerant && self.truth.queues.rules == Rules::Postgres
    }

    /// What it has to say about an instance: what it cannot tell is absent.
    pub(crate) fn info(&self, instance: &Instance) -> InstanceInfo {
        let mut info = self.truth.info(instance);
        if self.is_provider_of_postgres() && self.truth.current(instance).is_none() {
            // The framework takes an instance that has no execution for a running one.
            info.status = InstanceStatus::Running;
        }
        if !self.has(Capability::InstanceTimes) {
            (info.created_at, info.updated_at) = (None, None);
        }
        if !self.has(Capability::CustomStatus) {
            info.custom_status = None;
        }
        info
    }

    /// Compares what it says about an execution with the truth. What it does not promise it need not tell, but
    /// what it tells is true.
    pub(crate) fn assert_execution(&self, id: &str, number: i64, said: &ExecutionInfo) {
        let mut wanted = self.truth.execution(id, number).expect("an execution of the truth");
        if !self.has(Capability::ExecutionTimes) {
            wanted.started_at = wanted.started_at.filter(|_| said.started_at.is_some());
            wanted.completed_at = wanted.completed_at.filter(|_| said.completed_at.is_some());
        }
        if self.is_provider_of_postgres() {
            // The columns, which have no end of one that continued as new.
            let row = self.truth.executions.get(&(id.to_owned(), number)).expect("an execution of the truth");
            wanted.started_at = row.started_ms.map(Timestamp::from_unix_millis);
            wanted.completed_at = row.completed_ms.map(Timestamp::from_unix_millis);
        }
        // It is in the history alone, which not every backend looks through for this.
        let silent = matches!(said.failure_kind, None | Some(FailureKind::Unknown));
        if !self.tolerant && wanted.failure_kind.is_some() && silent {
            wanted.failure_kind = said.failure_kind;
        }
        if !self.tolerant && wanted.output.is_none() && said.output.as_deref() == Some("") {
            // The framework tells no output as an empty one. Who has ended has one, unless a fault took it.
            (wanted.output, wanted.output_bytes) = (said.output.clone(), said.output_bytes);
            assert!(wanted.status != ExecutionStatus::Running, "{id:?}: {said:?}");
        }
        assert_eq!(*said, wanted, "{id:?}");
    }

    /// Whether it can read this history at all.
    pub(crate) fn can_read(&self, id: &str, execution: i64) -> bool {
        self.tolerant || self.truth.is_sound(id, execution)
    }

    /// Ids in the order of its lists; those of one second in the order of insertion.
    pub(crate) fn newest_first(&self) -> Vec<&Instance> {
        let mut instances: Vec<_> = self.truth.instances.iter().rev().collect();
        if self.order == Order::ByTime {
            instances.sort_by_key(|instance| std::cmp::Reverse(instance.created_ms));
        }
        instances
    }

    /// Compares a list with the instances that should be in it.
    pub(crate) fn assert_list(&self, what: &str, listed: &[InstanceInfo], wanted: &[&Instance]) {
        let ids: Vec<_> = listed.iter().map(|info| info.instance_id.as_str()).collect();
        let wanted_ids: Vec<_> = wanted.iter().map(|instance| instance.id.as_str()).collect();
        match self.order {
            Order::Exact => assert_eq!(ids, wanted_ids, "{what}"),
            Order::ByTime => {
                let sorted = |ids: &[&str]| {
                    let mut ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
                    ids.sort();
                    ids
                };
                assert_eq!(sorted(&ids), sorted(&wanted_ids), "{what}");
                let created = |id: &str| self.truth.instance(id).and_then(|instance| instance.created_ms);
                // A text that is no time has no place in an order by time.
                let times: Vec<_> = ids.iter().filter_map(|id| created(id)).collect();
                assert!(
                    times.is_sorted_by(|newer, older| newer >= older),
                    "{what}: not newest first: {ids:?}"
                );
            }
        }
        for info in listed {
            let instance = self.truth.instance(&info.instance_id).expect("an instance of the truth");
            assert_eq!(*info, self.info(instance), "{what}");
        }
    }
}

/// All pages of a list, and how many there were.
pub(crate) async fn walk<T>(
    limit: usize,
    mut ask: impl AsyncFnMut(PageRequest) -> Answer<Page<T>>,
) -> Answer<(Vec<T>, usize)> {
    let (mut items, mut pages) = (Vec::new(), 0);
    let mut request = PageRequest::first(limit);
    loop {
        let page = ask(request.clone()).await?;
        pages += 1;
        assert!(page.items.len() <= limit, "{} entries on a page of {limit}", page.items.len());
        assert!(pages < 100_000, "the list does not end");
        items.extend(page.items);
        let Some(next) = page.next else {
            assert!(!page.partial, "a partial page has a next one");
            return Ok((items, pages));
        };
        assert_ne!(request.after.as_ref(), Some(&next), "the same page again");
        request = PageRequest::first(limit).after(next);
    }
}

/// Asserts that a backend says it cannot do this, and which method that was.
#[track_caller]
pub(crate) fn assert_unsupported<T: std::fmt::Debug>(method: &str, answer: Answer<T>) {
    match answer {
        Err(ManagementError::Unsupported { method: named }) => {
            assert!(named.starts_with(method), "{method}: {named}")
        }
        other => panic!("{method} is not declared, but answers {other:?}"),
    }
}

/// Asserts that what was asked for does not exist.
#[track_caller]
pub(crate) fn assert_not_found<T: std::fmt::Debug>(what: &str, answer: Answer<T>) {
    assert!(matches!(answer, Err(ManagementError::NotFound { .. })), "{what}: {answer:?}");
}
