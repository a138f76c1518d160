//! Families about the queues as a whole.

use std::sync::Arc;

use super::catalogue::{
    INSTANCE_LOCKS, QUEUE_DEQUEUED, QUEUE_ENQUEUED, QUEUE_FETCHABLE_MESSAGES, QUEUE_LEFTOVER_MESSAGES,
    QUEUE_MAX_ATTEMPTS, QUEUE_MESSAGES, QUEUE_OLDEST_EXPIRED_LEASE_AGE, QUEUE_OLDEST_READY_AGE,
    QUEUE_ORPHAN_MESSAGES, QUEUE_READY_INSTANCES, QUEUE_RETRYING_MESSAGES, QUEUE_UNDECODABLE_MESSAGES,
    SESSIONS,
};
use super::{Builder, Family, count, seconds};
use crate::labels::{LeaseState, MessageState, Queue};
use crate::observe::View;
use crate::source::{Leases, QueueCensus, QueueDetail, QueueStats};

pub(super) fn families(view: &View, all: &mut Vec<Family>) {
    let mut out = Families::new();
    for store in &view.stores {
        let Some(snapshot) = &store.last_good else { continue };
        let Some(queues) = &snapshot.census.queues else { continue };
        out.add(&store.name, queues, snapshot.census.now_ms);
    }
    out.finish(all);
}

struct Families {
    messages: Builder,
    fetchable: Builder,
    ready_instances: Builder,
    oldest_ready: Builder,
    oldest_expired: Builder,
    enqueued: Builder,
    dequeued: Builder,
    retrying: Builder,
    max_attempts: Builder,
    orphans: Builder,
    undecodable: Builder,
    leftovers: Builder,
    locks: Builder,
    sessions: Builder,
}

impl Families {
    fn new() -> Self {
        Self {
            messages: Builder::new(&QUEUE_MESSAGES),
            fetchable: Builder::new(&QUEUE_FETCHABLE_MESSAGES),
            ready_instances: Builder::new(&QUEUE_READY_INSTANCES),
            oldest_ready: Builder::new(&QUEUE_OLDEST_READY_AGE),
            oldest_expired: Builder::new(&QUEUE_OLDEST_EXPIRED_LEASE_AGE),
            enqueued: Builder::new(&QUEUE_ENQUEUED),
            dequeued: Builder::new(&QUEUE_DEQUEUED),
            retrying: Builder::new(&QUEUE_RETRYING_MESSAGES),
            max_attempts: Builder::new(&QUEUE_MAX_ATTEMPTS),
            orphans: Builder::new(&QUEUE_ORPHAN_MESSAGES),
            undecodable: Builder::new(&QUEUE_UNDECODABLE_MESSAGES),
            leftovers: Builder::new(&QUEUE_LEFTOVER_MESSAGES),
            locks: Builder::new(&INSTANCE_LOCKS),
            sessions: Builder::new(&SESSIONS),
        }
    }

    fn add(&mut self, store: &Arc<str>, queues: &QueueCensus, now_ms: i64) {
        for queue in Queue::ALL {
            let stats = queues.queue(*queue);
            if let Some(fetchable) = stats.fetchable {
                self.fetchable.push([store, queue.label()], count(fetchable));
            }
            if let Some(detail) = &queues.detail {
                self.add_stats(store, *queue, stats, now_ms);
                self.add_throughput(store, *queue, detail);
            }
        }
        if let Some(detail) = &queues.detail {
            self.ready_instances.push([store], count(detail.ready_instances));
            add_leases(&mut self.locks, store, detail.locks);
            if let Some(sessions) = detail.sessions {
                add_leases(&mut self.sessions, store, sessions);
            }
        }
    }

    fn add_stats(&mut self, store: &Arc<str>, queue: Queue, stats: &QueueStats, now_ms: i64) {
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
        let label = queue.label();
        for state in MessageState::ALL {
            self.messages.push([store, label, state.label()], count(stats.in_state(*state)));
        }
        self.oldest_ready.push([store, label], age(now_ms, *oldest_ready_since_ms));
        self.oldest_expired.push([store, label], age(now_ms, *oldest_expired_since_ms));
        self.retrying.push([store, label], count(*retrying));
        self.max_attempts.push([store, label], count(*max_attempts));
        self.undecodable.push([store, label], count(*undecodable));
        // Only rows for an instance can be orphans, only timers can be left over.
        if queue != Queue::Worker {
            self.orphans.push([store, label], count(*orphans));
        }
        if queue == Queue::Timer {
            self.leftovers.push([store, label], count(*leftovers));
        }
    }

    fn add_throughput(&mut self, store: &Arc<str>, queue: Queue, detail: &QueueDetail) {
        if let Some(Some(enqueued)) = detail.enqueued.get(queue.index()) {
            self.enqueued.push([store, queue.label()], count(*enqueued));
        }
        if let Some(Some(dequeued)) = detail.dequeued.get(queue.index()) {
            self.dequeued.push([store, queue.label()], count(*dequeued));
        }
    }

    fn finish(self, all: &mut Vec<Family>) {
        let Self {
            messages,
            fetchable,
            ready_instances,
            oldest_ready,
            oldest_expired,
            enqueued,
            dequeued,
            retrying,
            max_attempts,
            orphans,
            undecodable,
            leftovers,
            locks,
            sessions,
        } = self;
        all.extend(
            [
                messages,
                fetchable,
                ready_instances,
                oldest_ready,
                oldest_expired,
                enqueued,
                dequeued,
                retrying,
                max_attempts,
                orphans,
                undecodable,
                leftovers,
                locks,
                sessions,
            ]
            .map(Builder::finish),
        );
    }
}

/// The age of something that began at `since`; 0 when there is nothing.
pub(super) fn age(now_ms: i64, since: Option<i64>) -> f64 {
    since.map_or(0.0, |since| seconds(now_ms.saturating_sub(since)))
}

fn add_leases(builder: &mut Builder, store: &Arc<str>, leases: Leases) {
    let Leases { active, expired } = leases;
    builder.push([store, LeaseState::Active.label()], count(active));
    builder.push([store, LeaseState::Expired.label()], count(expired));
}
