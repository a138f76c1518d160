//! From a census to a snapshot: names are folded under their caps, tags summed up. Pure but for the slots.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Instant;

use super::history::{HistoryView, Survey};
use super::slots::{OTHER, Slots};
use super::view::Snapshot;
use super::view::{Running, Waits};
use crate::labels::InstanceStatus;
use crate::source::{ActivityBacklog, Census, InstanceCount};

/// The slots of one store.
#[derive(Debug)]
pub(super) struct LabelCapper {
    activities: Slots<(Arc<str>, Arc<str>)>,
    tags: Slots<Arc<str>>,
    orchestrations: Slots<(Arc<str>, Arc<str>)>,
    running: Slots<Arc<str>>,
    runtime_versions: Slots<Arc<str>>,
}

/// Label combinations dropped by one poll.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dropped {
    pub(super) activities: u64,
    pub(super) tags: u64,
    pub(super) orchestrations: u64,
    pub(super) running: u64,
    pub(super) runtime_versions: u64,
}

/// Instances by [`InstanceStatus::index`].
type Statuses = [u64; InstanceStatus::ALL.len()];

#[derive(Default)]
struct Backlog {
    messages: [u64; 5],
    oldest_ready_since_ms: Option<i64>,
}

impl LabelCapper {
    pub(super) fn new(max: usize) -> Self {
        Self {
            activities: Slots::new(max),
            tags: Slots::new(max),
            orchestrations: Slots::new(max),
            running: Slots::new(max),
            runtime_versions: Slots::new(max),
        }
    }

    pub(super) fn cap(
        &mut self,
        mut census: Census,
        mut history: Option<HistoryView>,
        taken_at: Instant,
        now: Instant,
    ) -> (Snapshot, Dropped) {
        let mut dropped = Dropped::default();
        let mut activities = None;
        let mut tags = None;
        if let Some(detail) = census.queues.as_mut().and_then(|queues| queues.detail.as_mut()) {
            let rows = std::mem::take(&mut detail.activities);
            tags = Some(self.tags(&rows, now, &mut dropped));
            activities = Some(self.activities(rows, now, &mut dropped));
        }
        let instances =
            census.instances.take().map(|census| self.instances(census.counts, now, &mut dropped));
        let survey = history.as_mut().and_then(|history| history.survey.take());
        let running = survey.map(|survey| self.running(survey, now, &mut dropped));
        (Snapshot { taken_at, census, activities, tags, instances, history, running }, dropped)
    }

    fn running(&mut self, survey: Survey, now: Instant, dropped: &mut Dropped) -> Running {
        let Survey { orchestrations, runtime_versions, stuck } = survey;
        let merge = |sum: &mut Waits, waits: Waits| {
            for (sum, n) in sum.reasons.iter_mut().zip(waits.reasons) {
                *sum += n;
            }
            sum.oldest_ms = earliest(sum.oldest_ms, waits.oldest_ms);
        };
        let all = |waits: &Waits| waits.reasons.iter().sum::<u64>();
        let folded = self.running.fold(now, orchestrations, &OTHER.into(), merge, all);
        dropped.running = folded.dropped;
        let by_version = self.runtime_versions.fold(
            now,
            runtime_versions,
            &OTHER.into(),
            |sum: &mut u64, n| *sum += n,
            |n| *n,
        );
        dropped.runtime_versions = by_version.dropped;
        Running { orchestrations: folded.entries, runtime_versions: by_version.entries, stuck }
    }

    fn activities(
        &mut self,
        rows: Vec<ActivityBacklog>,
        now: Instant,
        dropped: &mut Dropped,
    ) -> Vec<ActivityBacklog> {
        let seen = rows.into_iter().map(|row| {
            let ActivityBacklog { activity, tag, messages, oldest_ready_since_ms } = row;
            ((activity, tag), Backlog { messages, oldest_ready_since_ms })
        });
        let merge = |sum: &mut Backlog, row: Backlog| {
            for (sum, n) in sum.messages.iter_mut().zip(row.messages) {
                *sum += n;
            }
            sum.oldest_ready_since_ms = earliest(sum.oldest_ready_since_ms, row.oldest_ready_since_ms);
        };
        let rows_of = |backlog: &Backlog| backlog.messages.iter().sum::<u64>();
        let folded = self.activities.fold(now, seen, &(OTHER.into(), OTHER.into()), merge, rows_of);
        dropped.activities = folded.dropped;
        folded
            .entries
            .into_iter()
            .map(|((activity, tag), Backlog { messages, oldest_ready_since_ms })| ActivityBacklog {
                activity,
                tag,
                messages,
                oldest_ready_since_ms,
            })
            .collect()
    }

    fn tags(
        &mut self,
        rows: &[ActivityBacklog],
        now: Instant,
        dropped: &mut Dropped,
    ) -> Vec<(Arc<str>, Option<i64>)> {
        let seen = rows.iter().map(|row| (Arc::clone(&row.tag), row.oldest_ready_since_ms));
        let merge = |oldest: &mut Option<i64>, since| *oldest = earliest(*oldest, since);
        // The tag that waits longest first.
        let age = |since: &Option<i64>| Reverse(since.unwrap_or(i64::MAX));
        let folded = self.tags.fold(now, seen, &OTHER.into(), merge, age);
        dropped.tags = folded.dropped;
        folded.entries
    }

    fn instances(
        &mut self,
        rows: Vec<InstanceCount>,
        now: Instant,
        dropped: &mut Dropped,
    ) -> Vec<InstanceCount> {
        // One slot holds all statuses: an orchestration whose last running instance ends shows a zero at once.
        let seen = rows.into_iter().map(|row| {
            let mut counts = Statuses::default();
            if let Some(cell) = counts.get_mut(row.status.index()) {
                *cell = row.count;
            }
            ((row.orchestration, row.version), counts)
        });
        let merge = |sum: &mut Statuses, row: Statuses| {
            for (sum, n) in sum.iter_mut().zip(row) {
                *sum += n;
            }
        };
        let all = |counts: &Statuses| counts.iter().sum::<u64>();
        let folded = self.orchestrations.fold(now, seen, &(OTHER.into(), OTHER.into()), merge, all);
        dropped.orchestrations = folded.dropped;
        let by_status = |((orchestration, version), counts): ((Arc<str>, Arc<str>), Statuses)| {
            InstanceStatus::ALL.iter().copied().zip(counts).map(move |(status, count)| InstanceCount {
                orchestration: Arc::clone(&orchestration),
                version: Arc::clone(&version),
                status,
                count,
            })
        };
        folded.entries.into_iter().flat_map(by_status).collect()
    }
}

/// The earlier moment is the greater age: ages take the maximum.
fn earliest(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    [a, b].into_iter().flatten().min()
}
