//! Families about what the history adds up to: counters and distributions, and what running instances wait for.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::catalogue::{
    ACTIVITIES_FINISHED, ACTIVITIES_SCHEDULED, ACTIVITY_ROUNDTRIP, CENSUS_MISMATCHES, CHILDREN_FINISHED,
    CHILDREN_SCHEDULED, EVENTS_RECEIVED, EXECUTION_DURATION, EXECUTION_HISTORY_EVENTS, EXECUTIONS_FINISHED,
    EXECUTIONS_RUNNING, EXECUTIONS_STARTED, HISTORY_BACKLOG, HISTORY_EVENTS, HISTORY_MISSED,
    INSTANCES_OLDEST_RUNNING_AGE, INSTANCES_WAITING, TIMER_LATENESS,
};
use super::{Builder, Family, count, seconds};
use crate::labels::{Channel, EventType, ExecutionOutcome, FailureKind, Outcome, WaitReason};
use crate::observe::{
    ActivityTotals, Bounds, ChildTotals, DURATION_MS, EVENTS, Ended, ExecutionTotals, Histogram, LATENESS_MS,
    ROUNDTRIP_MS, Running, Totals, View,
};
use crate::telemetry::Exemplars;

pub(super) fn families(view: &View, all: &mut Vec<Family>) {
    let mut waits = Waits::new();
    let mut history = History::new();
    for store in &view.stores {
        let Some(snapshot) = &store.last_good else { continue };
        if let Some(running) = &snapshot.running {
            waits.push(&store.name, snapshot.census.now_ms, running);
        }
        if let Some(known) = &snapshot.history {
            history.push(&store.name, &known.totals, view.telemetry.exemplars());
            history.backlog.push([&store.name], count(known.backlog));
        }
    }
    waits.finish(all);
    history.finish(all);
}

/// What running instances wait for.
struct Waits {
    waiting: Builder,
    oldest: Builder,
    versions: Builder,
}

impl Waits {
    fn new() -> Self {
        Self {
            waiting: Builder::new(&INSTANCES_WAITING),
            oldest: Builder::new(&INSTANCES_OLDEST_RUNNING_AGE),
            versions: Builder::new(&EXECUTIONS_RUNNING),
        }
    }

    fn push(&mut self, store: &Arc<str>, now_ms: i64, running: &Running) {
        for (orchestration, waits) in &running.orchestrations {
            for (reason, n) in WaitReason::ALL.iter().zip(waits.reasons) {
                self.waiting.push([store, orchestration, reason.label()], count(n));
            }
            let age = waits.oldest_ms.map_or(0.0, |since| seconds(now_ms.saturating_sub(since)));
            self.oldest.push([store, orchestration], age);
        }
        for (version, n) in &running.runtime_versions {
            self.versions.push([store, version], count(*n));
        }
    }

    fn finish(self, all: &mut Vec<Family>) {
        let Self { waiting, oldest, versions } = self;
        all.extend([waiting, oldest, versions].map(Builder::finish));
    }
}

/// What has been counted.
struct History {
    started: Builder,
    finished: Builder,
    duration: Builder,
    history_events: Builder,
    activities_scheduled: Builder,
    activities_finished: Builder,
    roundtrip: Builder,
    lateness: Builder,
    children_scheduled: Builder,
    children_finished: Builder,
    received: Builder,
    events: Builder,
    backlog: Builder,
    missed: Builder,
    mismatches: Builder,
}

impl History {
    fn new() -> Self {
        Self {
            started: Builder::new(&EXECUTIONS_STARTED),
            finished: Builder::new(&EXECUTIONS_FINISHED),
            duration: Builder::new(&EXECUTION_DURATION),
            history_events: Builder::new(&EXECUTION_HISTORY_EVENTS),
            activities_scheduled: Builder::new(&ACTIVITIES_SCHEDULED),
            activities_finished: Builder::new(&ACTIVITIES_FINISHED),
            roundtrip: Builder::new(&ACTIVITY_ROUNDTRIP),
            lateness: Builder::new(&TIMER_LATENESS),
            children_scheduled: Builder::new(&CHILDREN_SCHEDULED),
            children_finished: Builder::new(&CHILDREN_FINISHED),
            received: Builder::new(&EVENTS_RECEIVED),
            events: Builder::new(&HISTORY_EVENTS),
            backlog: Builder::new(&HISTORY_BACKLOG),
            missed: Builder::new(&HISTORY_MISSED),
            mismatches: Builder::new(&CENSUS_MISMATCHES),
        }
    }

    fn push(&mut self, store: &Arc<str>, totals: &Totals, exemplars: &Exemplars) {
        let since = moment(totals.since_ms);
        for builder in [
            &mut self.started,
            &mut self.finished,
            &mut self.duration,
            &mut self.history_events,
            &mut self.activities_scheduled,
            &mut self.activities_finished,
            &mut self.roundtrip,
            &mut self.lateness,
            &mut self.children_scheduled,
            &mut self.children_finished,
            &mut self.received,
            &mut self.events,
            &mut self.missed,
            &mut self.mismatches,
        ] {
            builder.since(since);
        }
        for ((orchestration, version), executions) in totals.executions.iter() {
            self.executions(store, orchestration, version, executions);
        }
        for (orchestration, ended) in totals.orchestrations.iter() {
            for (outcome, Ended { duration, events }) in ExecutionOutcome::ALL.iter().zip(&ended.by_outcome) {
                // Buckets are many: what is rare exists once it has happened. (Counters exist from the beginning.)
                if *outcome != ExecutionOutcome::Completed && duration.count() == 0 {
                    continue;
                }
                let labels = [store, orchestration, outcome.label()];
                distribution(&mut self.duration, labels, duration, DURATION_MS, MILLISECONDS);
                self.duration.exemplify(exemplars.of(store, orchestration, *outcome));
                distribution(&mut self.history_events, labels, events, EVENTS, ONE);
            }
        }
        for (activity, ActivityTotals { scheduled, roundtrip }) in totals.activities.iter() {
            self.activities_scheduled.push([store, activity], count(*scheduled));
            for (outcome, roundtrip) in Outcome::ALL.iter().zip(roundtrip) {
                let labels = [store, activity, outcome.label()];
                self.activities_finished.push(labels, count(roundtrip.count()));
                if *outcome != Outcome::Completed && roundtrip.count() == 0 {
                    continue;
                }
                distribution(&mut self.roundtrip, labels, roundtrip, ROUNDTRIP_MS, MILLISECONDS);
            }
        }
        for (orchestration, ChildTotals { scheduled, finished }) in totals.children.iter() {
            self.children_scheduled.push([store, orchestration], count(*scheduled));
            for (outcome, n) in Outcome::ALL.iter().zip(finished) {
                self.children_finished.push([store, orchestration, outcome.label()], count(*n));
            }
        }
        distribution(&mut self.lateness, [store], &totals.timer_lateness, LATENESS_MS, MILLISECONDS);
        for channel in Channel::ALL {
            self.received.push([store, channel.label()], count(totals.received.get(channel)));
        }
        for event_type in EventType::ALL {
            self.events.push([store, event_type.label()], count(totals.events.get(event_type)));
        }
        self.missed.push([store], count(totals.missed));
        self.mismatches.push([store], count(totals.mismatches));
    }

    fn executions(
        &mut self,
        store: &Arc<str>,
        orchestration: &Arc<str>,
        version: &Arc<str>,
        executions: &ExecutionTotals,
    ) {
        let ExecutionTotals { started, completed, continued_as_new, failed } = executions;
        self.started.push([store, orchestration, version], count(*started));
        let none = Arc::from("");
        for (outcome, n) in
            [(ExecutionOutcome::Completed, completed), (ExecutionOutcome::ContinuedAsNew, continued_as_new)]
        {
            self.finished.push([store, orchestration, version, outcome.label(), &none], count(*n));
        }
        for kind in FailureKind::ALL {
            let outcome = ExecutionOutcome::Failed.label();
            self.finished
                .push([store, orchestration, version, outcome, kind.label()], count(failed.get(kind)));
        }
    }

    fn finish(self, all: &mut Vec<Family>) {
        let Self {
            started,
            finished,
            duration,
            history_events,
            activities_scheduled,
            activities_finished,
            ..
        } = self;
        let executions =
            [started, finished, duration, history_events, activities_scheduled, activities_finished];
        let Self { roundtrip, lateness, children_scheduled, children_finished, received, .. } = self;
        let asked = [roundtrip, lateness, children_scheduled, children_finished, received];
        let Self { events, backlog, missed, mismatches, .. } = self;
        let families = executions.into_iter().chain(asked).chain([events, backlog, missed, mismatches]);
        all.extend(families.map(Builder::finish));
    }
}

/// Observed in thousandths of the metric's unit.
const MILLISECONDS: f64 = 1000.0;

/// Observed in the metric's unit.
const ONE: f64 = 1.0;

/// A state file may say anything; a moment before 1970 is no time to count from.
fn moment(ms: i64) -> SystemTime {
    let since_epoch = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    UNIX_EPOCH.checked_add(since_epoch).unwrap_or(UNIX_EPOCH)
}

fn distribution<const N: usize>(
    builder: &mut Builder,
    labels: [&Arc<str>; N],
    histogram: &Histogram,
    bounds: Bounds,
    scale: f64,
) {
    let buckets = histogram.cumulative(bounds).map(|(bound, below)| (count(bound) / scale, below)).collect();
    builder.push_histogram(labels, buckets, count(histogram.sum()) / scale, histogram.count());
}
