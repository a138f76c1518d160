//! The numbers of `queues`, as JSON has them.

use serde::Serialize;

use crate::cli::read::{Failure, Reading};
use crate::cli::text;
use crate::labels::{MessageState, Queue};
use crate::source::{ActivityBacklog, Census, Mode, QueueStats, StoreKind};

/// The JSON of `queues`. Names are an interface: fields may be added, not renamed.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    pub(super) stores: Vec<StoreReport<'a>>,
}

/// One store.
#[derive(Debug, Serialize)]
pub(super) struct StoreReport<'a> {
    pub(super) store: &'a str,
    /// Why the store could not be read; then everything below is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<Failure>,
    #[serde(flatten)]
    pub(super) census: Option<Queues<'a>>,
}

/// What waits in a store.
#[derive(Debug, Serialize)]
pub(super) struct Queues<'a> {
    /// The moment states and ages refer to, in seconds since the Unix epoch: the store's clock.
    pub(super) now_unix_seconds: f64,
    /// `live`, or `replica`: then the moment above is that of the copy's newest change.
    pub(super) mode: Mode,
    /// Replicas: age of the newest change; otherwise null.
    pub(super) last_replay_age_seconds: Option<f64>,
    /// Empty when the backend does not tell.
    pub(super) queues: Vec<QueueReport>,
    /// Instances with fetchable orchestrator work; null when not known.
    pub(super) ready_instances: Option<u64>,
    /// By fetchable messages, most first; null when not known.
    pub(super) activities: Option<Vec<ActivityReport<'a>>>,
    /// What will not move by itself, in words.
    pub(super) warnings: Vec<String>,
}

/// One queue. Null: the backend does not tell, or there is no such message.
#[derive(Debug, Serialize)]
pub(super) struct QueueReport {
    pub(super) queue: Queue,
    pub(super) messages: Option<States>,
    pub(super) fetchable: Option<u64>,
    pub(super) oldest_ready_age_seconds: Option<f64>,
    pub(super) oldest_expired_lease_age_seconds: Option<f64>,
    pub(super) retrying: u64,
    pub(super) max_attempts: u64,
    pub(super) orphans: u64,
    pub(super) undecodable: u64,
    /// Timers of executions that have ended; harmless.
    pub(super) leftovers: u64,
}

/// Messages by state.
#[derive(Debug, Serialize)]
pub(super) struct States {
    pub(super) ready: u64,
    pub(super) blocked: u64,
    pub(super) delayed: u64,
    pub(super) in_flight: u64,
    pub(super) lease_expired: u64,
}

/// Messages of one activity and tag.
#[derive(Debug, Serialize)]
pub(super) struct ActivityReport<'a> {
    pub(super) activity: &'a str,
    /// Null: no tag.
    pub(super) tag: Option<&'a str>,
    pub(super) fetchable: u64,
    pub(super) messages: States,
    pub(super) oldest_ready_age_seconds: Option<f64>,
}

impl<'a> StoreReport<'a> {
    pub(super) fn new(reading: &'a Reading) -> Self {
        Self {
            store: &reading.store.name,
            error: reading.outcome.as_ref().err().map(Failure::from),
            census: reading.outcome.as_ref().ok().map(Queues::new),
        }
    }
}

impl<'a> Queues<'a> {
    pub(super) fn new(census: &'a Census) -> Self {
        let now = census.now_ms;
        let queues = census.queues.as_ref();
        let stats = |queue: &Queue| Some(QueueReport::new(*queue, queues?.queue(*queue), now));
        let detail = queues.and_then(|queues| queues.detail.as_ref());
        let reports: Vec<QueueReport> = Queue::ALL.iter().filter_map(stats).collect();
        let activities = detail.map(|detail| {
            let mut activities: Vec<_> =
                detail.activities.iter().map(|row| ActivityReport::new(row, now)).collect();
            activities.sort_by(|a, b| {
                b.fetchable.cmp(&a.fetchable).then(a.activity.cmp(b.activity)).then(a.tag.cmp(&b.tag))
            });
            activities
        });
        Self {
            now_unix_seconds: text::seconds(now),
            mode: census.store.mode,
            last_replay_age_seconds: census.store.last_replay_age_ms.map(text::seconds),
            warnings: reports.iter().flat_map(|report| report.warnings(census.store.kind)).collect(),
            queues: reports,
            ready_instances: detail.map(|detail| detail.ready_instances),
            activities,
        }
    }
}

impl QueueReport {
    fn new(queue: Queue, stats: &QueueStats, now: i64) -> Self {
        // Destructured so that a new number of the census is not forgotten here.
        let QueueStats {
            messages,
            fetchable,
            oldest_ready_since_ms,
            oldest_expired_since_ms,
            retrying,
            max_attempts,
            orphans,
            undecodable,
            leftovers,
        } = stats;
        Self {
            queue,
            messages: messages.map(States::from),
            fetchable: *fetchable,
            oldest_ready_age_seconds: oldest_ready_since_ms.map(|since| text::seconds(now - since)),
            oldest_expired_lease_age_seconds: oldest_expired_since_ms.map(|since| text::seconds(now - since)),
            retrying: *retrying,
            max_attempts: *max_attempts,
            orphans: *orphans,
            undecodable: *undecodable,
            leftovers: *leftovers,
        }
    }

    /// What will not move by itself, in words. `kind`: what such messages do depends on it.
    fn warnings(&self, kind: &StoreKind) -> Vec<String> {
        let queue = self.queue;
        let mut warnings = Vec::new();
        if self.orphans > 0 {
            let orphans = text::plural(self.orphans, "orphan message", "orphan messages");
            warnings.push(format!(
                "{orphans} in the {queue} queue: the instance does not exist, and nothing that waits would start it. {}",
                kind.orphans
            ));
        }
        if self.undecodable > 0 {
            let messages = text::plural(self.undecodable, "message", "messages");
            warnings.push(format!(
                "{messages} in the {queue} queue cannot be decoded: written by a newer version of the framework, or \
                 damaged. {}",
                if queue == Queue::Worker { kind.undecodable_activities } else { kind.undecodable_messages }
            ));
        }
        let expired = self.messages.as_ref().map_or(0, |states| states.lease_expired);
        if expired > 0 {
            let messages = text::plural(expired, "message", "messages");
            let since = self
                .oldest_expired_lease_age_seconds
                .map(|age| format!(", the oldest for {}", text::age_of_seconds(age)));
            warnings.push(format!(
                "{messages} in the {queue} queue with a lease that is over{}: whoever held it died or hangs. The framework \
                 hands such messages out again.",
                since.unwrap_or_default()
            ));
        }
        warnings
    }
}

impl From<[u64; 5]> for States {
    fn from(counts: [u64; 5]) -> Self {
        let of = |state: MessageState| counts.get(state.index()).copied().unwrap_or(0);
        Self {
            ready: of(MessageState::Ready),
            blocked: of(MessageState::Blocked),
            delayed: of(MessageState::Delayed),
            in_flight: of(MessageState::InFlight),
            lease_expired: of(MessageState::LeaseExpired),
        }
    }
}

impl<'a> ActivityReport<'a> {
    fn new(row: &'a ActivityBacklog, now: i64) -> Self {
        let messages = States::from(row.messages);
        Self {
            activity: &row.activity,
            tag: (!row.tag.is_empty()).then_some(&*row.tag),
            fetchable: messages.ready + messages.lease_expired,
            messages,
            oldest_ready_age_seconds: row.oldest_ready_since_ms.map(|since| text::seconds(now - since)),
        }
    }
}
