//! Numbers of the queues: messages by queue, by activity and tag; locks and sessions.

use std::sync::Arc;

use super::sink::{Sink, age, count};
use crate::catalogue::{self, Metric};
use crate::labels::{LeaseState, MessageState, Queue};
use crate::observe::Snapshot;
use crate::source::{ActivityBacklog, Leases, QueueDetail, QueueStats};

pub(super) fn push(store: &Arc<str>, snapshot: &Snapshot, sink: &mut Sink) {
    let now_ms = snapshot.census.now_ms;
    for row in snapshot.activities.iter().flatten() {
        let ActivityBacklog { activity, tag, messages, oldest_ready_since_ms: _ } = row;
        for (state, n) in MessageState::ALL.iter().zip(messages) {
            let labels = [store, activity, tag, state.label()];
            sink.push(&catalogue::ACTIVITY_QUEUE_MESSAGES, labels, count(*n));
        }
    }
    for (tag, since) in snapshot.tags.iter().flatten() {
        sink.push(&catalogue::ACTIVITY_QUEUE_OLDEST_READY_AGE, [store, tag], age(now_ms, *since));
    }
    let Some(queues) = &snapshot.census.queues else { return };
    for queue in Queue::ALL {
        let stats = queues.queue(*queue);
        if let Some(fetchable) = stats.fetchable {
            sink.push(&catalogue::QUEUE_FETCHABLE_MESSAGES, [store, queue.label()], count(fetchable));
        }
        if let Some(detail) = &queues.detail {
            push_stats(store, *queue, stats, now_ms, sink);
            push_throughput(store, *queue, detail, sink);
        }
    }
    if let Some(detail) = &queues.detail {
        sink.push(&catalogue::QUEUE_READY_INSTANCES, [store], count(detail.ready_instances));
        push_leases(&catalogue::INSTANCE_LOCKS, store, detail.locks, sink);
        if let Some(sessions) = detail.sessions {
            push_leases(&catalogue::SESSIONS, store, sessions, sink);
        }
    }
}

fn push_stats(store: &Arc<str>, queue: Queue, stats: &QueueStats, now_ms: i64, sink: &mut Sink) {
    // Destructured so that a new number of the census is not forgotten here.
    let QueueStats {
        messages: _,
        fetchable: _,
        oldest_ready_since_ms,
        oldest_expired_since_ms,
        retrying,
        max_attempts,
        orphans,
        undecodable,
        leftovers,
    } = stats;
    let labels = [store, queue.label()];
    for state in MessageState::ALL {
        let n = stats.in_state(*state);
        sink.push(&catalogue::QUEUE_MESSAGES, [store, queue.label(), state.label()], count(n));
    }
    sink.push(&catalogue::QUEUE_OLDEST_READY_AGE, labels, age(now_ms, *oldest_ready_since_ms));
    sink.push(&catalogue::QUEUE_OLDEST_EXPIRED_LEASE_AGE, labels, age(now_ms, *oldest_expired_since_ms));
    sink.push(&catalogue::QUEUE_RETRYING_MESSAGES, labels, count(*retrying));
    sink.push(&catalogue::QUEUE_MAX_ATTEMPTS, labels, count(*max_attempts));
    sink.push(&catalogue::QUEUE_UNDECODABLE_MESSAGES, labels, count(*undecodable));
    // Only rows for an instance can be orphans, only timers can be left over.
    if queue != Queue::Worker {
        sink.push(&catalogue::QUEUE_ORPHAN_MESSAGES, labels, count(*orphans));
    }
    if queue == Queue::Timer {
        sink.push(&catalogue::QUEUE_LEFTOVER_MESSAGES, labels, count(*leftovers));
    }
}

fn push_throughput(store: &Arc<str>, queue: Queue, detail: &QueueDetail, sink: &mut Sink) {
    let labels = [store, queue.label()];
    if let Some(Some(enqueued)) = detail.enqueued.get(queue.index()) {
        sink.push(&catalogue::QUEUE_ENQUEUED, labels, count(*enqueued));
    }
    if let Some(Some(dequeued)) = detail.dequeued.get(queue.index()) {
        sink.push(&catalogue::QUEUE_DEQUEUED, labels, count(*dequeued));
    }
}

fn push_leases(metric: &'static Metric, store: &Arc<str>, leases: Leases, sink: &mut Sink) {
    let Leases { active, expired } = leases;
    sink.push(metric, [store, LeaseState::Active.label()], count(active));
    sink.push(metric, [store, LeaseState::Expired.label()], count(expired));
}
