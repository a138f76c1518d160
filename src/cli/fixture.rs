//! Made-up readings for the tests of what the commands print.

use super::read::Reading;
use crate::labels::{FailureReason, InstanceStatus};
use crate::management::{Capabilities, Capability};
use crate::source::{
    ActivityBacklog, Census, InstanceCensus, InstanceCount, Leases, Mode, QueueCensus, QueueDetail,
    QueueStats, SourceError, StoreFacts, StoreKind,
};
use crate::store::StoreSpec;

const KIND: StoreKind = StoreKind {
    orphans: "It holds up all orchestrations.",
    undecodable_activities: "It blocks all behind it.",
    ..StoreKind::of("sqlite")
};

const NOW: i64 = 1_790_000_000_000;

fn store(name: &str) -> StoreSpec {
    StoreSpec::parse(&format!("{name}=sqlite:/data/{name}.db")).unwrap()
}

/// A store that cannot be read.
pub(super) fn bad(name: &str) -> Reading {
    let outcome = Err(SourceError::new(FailureReason::Unavailable, "no such file"));
    Reading { store: store(name), outcome, capabilities: Capabilities::default() }
}

/// A replica of a busy store with an older schema.
pub(super) fn good(name: &str) -> Reading {
    let queue = |messages: [u64; 5], ready_for: Option<i64>, expired_for: Option<i64>| QueueStats {
        messages: Some(messages),
        fetchable: Some(messages[0] + messages[4]),
        oldest_ready_since_ms: ready_for.map(|age| NOW - age),
        oldest_expired_since_ms: expired_for.map(|age| NOW - age),
        ..QueueStats::default()
    };
    let orchestrator = QueueStats { orphans: 2, ..queue([3, 1, 0, 2, 0], Some(2_100), None) };
    let worker = queue([12, 0, 4, 8, 1], Some(252_000), Some(31_000));
    let worker = QueueStats { retrying: 2, max_attempts: 5, undecodable: 1, ..worker };
    let timer = QueueStats { leftovers: 3, ..queue([0, 0, 17, 0, 0], None, None) };
    let activity = |n: u64, since: i64| ActivityBacklog {
        activity: format!("Charge{n}").into(),
        tag: if n.is_multiple_of(3) { "gpu".into() } else { "".into() },
        messages: [n, 0, 1, 0, 0],
        oldest_ready_since_ms: (n > 0).then_some(since),
    };
    let count = |status, count| InstanceCount {
        orchestration: "Order".into(),
        version: "1.0.0".into(),
        status,
        count,
    };
    let census = Census {
        now_ms: NOW,
        store: StoreFacts {
            kind: &KIND,
            schema: "20251230000000".into(),
            mode: Mode::Replica,
            last_replay_age_ms: Some(90_000),
            replication: None,
            clock_skew_ms: Vec::new(),
            notes: Vec::new(),
            sizes: vec![("database", 12_943_360), ("wal", 305_000)],
        },
        identity: None,
        waiting: None,
        total_instances: None,
        queues: Some(QueueCensus {
            queues: [orchestrator, worker, timer],
            detail: Some(QueueDetail {
                ready_instances: 3,
                enqueued: [Some(99), Some(88), None],
                dequeued: [Some(93), Some(63), None],
                activities: (0..25).zip(0..).map(|(n, age)| activity(n, NOW - 1000 * age)).collect(),
                locks: Leases { active: 2, expired: 0 },
                sessions: None,
            }),
        }),
        instances: Some(InstanceCensus {
            running: Vec::new(),
            counts: vec![
                count(InstanceStatus::Failed, 4),
                count(InstanceStatus::Running, 100),
                count(InstanceStatus::Running, 23),
            ],
        }),
    };
    let capabilities = Capabilities::new([Capability::List, Capability::SearchPayloads]);
    Reading { store: store(name), outcome: Ok(census), capabilities }
}
