//! What instances do and did: how many there are, what they wait for, what their histories add up to.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::sink::{Sink, Value, age, count};
use crate::catalogue;
use crate::labels::{Channel, EventType, ExecutionOutcome, FailureKind, Outcome, WaitReason};
use crate::observe::{
    ActivityTotals, Bounds, ChildTotals, DURATION_MS, EVENTS, Ended, ExecutionTotals, Histogram, LATENESS_MS,
    ROUNDTRIP_MS, Running, Snapshot, Totals,
};
use crate::source::InstanceCount;
use crate::telemetry::{Exemplar, Exemplars};

pub(super) fn push(store: &Arc<str>, snapshot: &Snapshot, exemplars: &Exemplars, sink: &mut Sink) {
    for row in snapshot.instances.iter().flatten() {
        let InstanceCount { orchestration, version, status, count: n } = row;
        sink.push(&catalogue::INSTANCES, [store, orchestration, version, status.label()], count(*n));
    }
    if let Some(running) = &snapshot.running {
        push_running(store, snapshot.census.now_ms, running, sink);
    }
    if let Some(history) = &snapshot.history {
        sink.push(&catalogue::HISTORY_BACKLOG, [store], count(history.backlog));
        sink.since(Some(moment(history.totals.since_ms)));
        push_totals(store, &history.totals, exemplars, sink);
        sink.since(None);
    }
}

fn push_running(store: &Arc<str>, now_ms: i64, running: &Running, sink: &mut Sink) {
    for (orchestration, waits) in &running.orchestrations {
        for (reason, n) in WaitReason::ALL.iter().zip(waits.reasons) {
            sink.push(&catalogue::INSTANCES_WAITING, [store, orchestration, reason.label()], count(n));
        }
        let age = age(now_ms, waits.oldest_ms);
        sink.push(&catalogue::INSTANCES_OLDEST_RUNNING_AGE, [store, orchestration], age);
    }
    for (version, n) in &running.runtime_versions {
        sink.push(&catalogue::EXECUTIONS_RUNNING, [store, version], count(*n));
    }
}

fn push_totals(store: &Arc<str>, totals: &Totals, exemplars: &Exemplars, sink: &mut Sink) {
    for ((orchestration, version), executions) in totals.executions.iter() {
        push_executions(store, orchestration, version, executions, sink);
    }
    for (orchestration, ended) in totals.orchestrations.iter() {
        for (outcome, Ended { duration, events }) in ExecutionOutcome::ALL.iter().zip(&ended.by_outcome) {
            // Buckets are many: what is rare exists once it has happened. (Counters exist from the beginning.)
            if *outcome != ExecutionOutcome::Completed && duration.count() == 0 {
                continue;
            }
            let labels = [store, orchestration, outcome.label()];
            let exemplars = exemplars.of(store, orchestration, *outcome);
            let durations = distribution(duration, DURATION_MS, MILLISECONDS, exemplars);
            sink.push_value(&catalogue::EXECUTION_DURATION, labels, durations);
            let events = distribution(events, EVENTS, ONE, Vec::new());
            sink.push_value(&catalogue::EXECUTION_HISTORY_EVENTS, labels, events);
        }
    }
    for (activity, ActivityTotals { scheduled, roundtrip }) in totals.activities.iter() {
        sink.push(&catalogue::ACTIVITIES_SCHEDULED, [store, activity], count(*scheduled));
        for (outcome, roundtrip) in Outcome::ALL.iter().zip(roundtrip) {
            let labels = [store, activity, outcome.label()];
            sink.push(&catalogue::ACTIVITIES_FINISHED, labels, count(roundtrip.count()));
            if *outcome != Outcome::Completed && roundtrip.count() == 0 {
                continue;
            }
            let roundtrip = distribution(roundtrip, ROUNDTRIP_MS, MILLISECONDS, Vec::new());
            sink.push_value(&catalogue::ACTIVITY_ROUNDTRIP, labels, roundtrip);
        }
    }
    for (orchestration, ChildTotals { scheduled, finished }) in totals.children.iter() {
        sink.push(&catalogue::CHILDREN_SCHEDULED, [store, orchestration], count(*scheduled));
        for (outcome, n) in Outcome::ALL.iter().zip(finished) {
            sink.push(&catalogue::CHILDREN_FINISHED, [store, orchestration, outcome.label()], count(*n));
        }
    }
    let lateness = distribution(&totals.timer_lateness, LATENESS_MS, MILLISECONDS, Vec::new());
    sink.push_value(&catalogue::TIMER_LATENESS, [store], lateness);
    for channel in Channel::ALL {
        let n = totals.received.get(channel);
        sink.push(&catalogue::EVENTS_RECEIVED, [store, channel.label()], count(n));
    }
    for event_type in EventType::ALL {
        let n = totals.events.get(event_type);
        sink.push(&catalogue::HISTORY_EVENTS, [store, event_type.label()], count(n));
    }
    sink.push(&catalogue::HISTORY_MISSED, [store], count(totals.missed));
    sink.push(&catalogue::CENSUS_MISMATCHES, [store], count(totals.mismatches));
}

fn push_executions(
    store: &Arc<str>,
    orchestration: &Arc<str>,
    version: &Arc<str>,
    executions: &ExecutionTotals,
    sink: &mut Sink,
) {
    let ExecutionTotals { started, completed, continued_as_new, failed } = executions;
    sink.push(&catalogue::EXECUTIONS_STARTED, [store, orchestration, version], count(*started));
    let mut finished = |outcome: ExecutionOutcome, kind: &Arc<str>, n: u64| {
        let labels = [store, orchestration, version, outcome.label(), kind];
        sink.push(&catalogue::EXECUTIONS_FINISHED, labels, count(n));
    };
    let none = Arc::from("");
    finished(ExecutionOutcome::Completed, &none, *completed);
    finished(ExecutionOutcome::ContinuedAsNew, &none, *continued_as_new);
    for kind in FailureKind::ALL {
        finished(ExecutionOutcome::Failed, kind.label(), failed.get(kind));
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

fn distribution(histogram: &Histogram, bounds: Bounds, scale: f64, exemplars: Vec<Exemplar>) -> Value {
    let buckets = histogram.cumulative(bounds).map(|(bound, below)| (count(bound) / scale, below)).collect();
    Value::Histogram { buckets, sum: count(histogram.sum()) / scale, count: histogram.count(), exemplars }
}
