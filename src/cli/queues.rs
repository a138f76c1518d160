//! `queues`: what waits in every store, and what will not move by itself, in words. This file has the numbers
//! and their JSON, `table` what people read.

mod table;

use serde::Serialize;

use super::args::Output;
use super::read::{Failure, Reading};
use super::text::{self, Style};
use super::{Error, Exit};
use crate::labels::{MessageState, Queue};
use crate::source::{ActivityBacklog, Census, Mode, QueueStats};

/// The JSON of `queues`. Names are an interface: fields may be added, not renamed.
#[derive(Debug, Serialize)]
struct Report<'a> {
    stores: Vec<StoreReport<'a>>,
}

/// One store.
#[derive(Debug, Serialize)]
struct StoreReport<'a> {
    store: &'a str,
    /// Why the store could not be read; then everything below is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    #[serde(flatten)]
    census: Option<Queues<'a>>,
}

/// What waits in a store.
#[derive(Debug, Serialize)]
struct Queues<'a> {
    /// The moment states and ages refer to, in seconds since the Unix epoch: the store's clock.
    now_unix_seconds: f64,
    /// `live`, or `replica`: then the moment above is that of the copy's newest change.
    mode: Mode,
    /// Replicas: age of the newest change; otherwise null.
    last_replay_age_seconds: Option<f64>,
    /// Empty when the backend does not tell.
    queues: Vec<QueueReport>,
    /// Instances with fetchable orchestrator work; null when not known.
    ready_instances: Option<u64>,
    /// By fetchable messages, most first; null when not known.
    activities: Option<Vec<ActivityReport<'a>>>,
    /// What will not move by itself, in words.
    warnings: Vec<String>,
}

/// One queue. Null: the backend does not tell, or there is no such message.
#[derive(Debug, Serialize)]
struct QueueReport {
    queue: Queue,
    messages: Option<States>,
    fetchable: Option<u64>,
    oldest_ready_age_seconds: Option<f64>,
    oldest_expired_lease_age_seconds: Option<f64>,
    retrying: u64,
    max_attempts: u64,
    orphans: u64,
    undecodable: u64,
    /// Timers of executions that have ended; harmless.
    leftovers: u64,
}

/// Messages by state.
#[derive(Debug, Serialize)]
struct States {
    ready: u64,
    blocked: u64,
    delayed: u64,
    in_flight: u64,
    lease_expired: u64,
}

/// Messages of one activity and tag.
#[derive(Debug, Serialize)]
struct ActivityReport<'a> {
    activity: &'a str,
    /// Null: no tag.
    tag: Option<&'a str>,
    fetchable: u64,
    messages: States,
    oldest_ready_age_seconds: Option<f64>,
}

/// What will not move by itself in a store, in words.
pub(super) fn warnings(census: &Census) -> Vec<String> {
    Queues::new(census).warnings
}

/// The report and the exit code.
pub(super) fn queues(readings: &[Reading], output: Output, style: Style) -> Result<(String, Exit), Error> {
    let report = Report { stores: readings.iter().map(StoreReport::new).collect() };
    let failed = report.stores.iter().any(|store| store.error.is_some());
    let text = match output {
        Output::Json => text::json(&report)?,
        Output::Table => report.stores.iter().map(|store| store.render(style)).collect::<Vec<_>>().join("\n"),
    };
    Ok((text, if failed { Exit::Failure } else { Exit::Fine }))
}

impl<'a> StoreReport<'a> {
    fn new(reading: &'a Reading) -> Self {
        Self {
            store: &reading.store.name,
            error: reading.outcome.as_ref().err().map(Failure::from),
            census: reading.outcome.as_ref().ok().map(Queues::new),
        }
    }
}

impl<'a> Queues<'a> {
    fn new(census: &'a Census) -> Self {
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
            warnings: reports.iter().flat_map(|report| report.warnings(census.store.backend)).collect(),
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

    /// What will not move by itself, in words.
    /// `backend`: what such messages do depends on it.
    fn warnings(&self, backend: &str) -> Vec<String> {
        let queue = self.queue;
        let postgres = backend == "postgres";
        let mut warnings = Vec::new();
        if self.orphans > 0 {
            let orphans = text::plural(self.orphans, "orphan message", "orphan messages");
            warnings.push(format!(
                "{orphans} in the {queue} queue: the instance does not exist, and nothing that waits would start it. {}",
                if postgres {
                    "The framework drops such a message when it comes upon it, and leaves an execution without an instance."
                } else {
                    "In a SQLite store such a message, once it is due, holds up all orchestrations (a queue event excepted); \
                     start an instance of that id, or delete the row."
                }
            ));
        }
        if self.undecodable > 0 {
            let messages = text::plural(self.undecodable, "message", "messages");
            warnings.push(format!(
                "{messages} in the {queue} queue cannot be decoded: written by a newer version of the framework, or \
                 damaged. {}",
                match (postgres, queue) {
                    (false, Queue::Worker) => "It blocks all behind it; mend or delete the row.",
                    (false, _) => "The framework drops such a message when it comes upon it.",
                    (true, Queue::Worker) => {
                        "Whoever takes it fails, again each time its lease ends; mend or delete the row."
                    }
                    (true, _) => {
                        "Its instance makes no progress while it is there; one that is no JSON, or holds an escaped NUL, \
                         holds up all orchestrations. Mend or delete the row."
                    }
                }
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

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn what_people_read() {
        let readings = [fixture::good("orders"), fixture::bad("billing")];
        let (text, exit) = queues(&readings, Output::Table, Style::new(false, &[])).unwrap();
        assert_eq!(exit, Exit::Failure);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "orders");
        assert_eq!(lines[1], "  a copy, as of its newest change 1m30s ago");
        assert_eq!(lines[2], "                        orchestrator  worker  timer");
        assert_eq!(lines[3], "  ready                            3      12      0");
        assert_eq!(lines[9], "  oldest ready                  2.1s   4m12s      -");
        assert_eq!(lines[10], "  oldest expired lease             -     31s      -");
        assert_eq!(lines[19], "  activity  tag  fetchable  delayed  in flight  lease expired  oldest ready");
        assert_eq!(lines[20], "  Charge24  gpu         24        1          0              0           24s");
        assert_eq!(lines[40], "  … and 5 more; --output json lists all");
        let warnings: Vec<&&str> = lines.iter().filter(|line| line.starts_with("  warning: ")).collect();
        assert!(warnings[0].contains("2 orphan messages in the orchestrator queue"), "{warnings:?}");
        assert!(warnings[1].contains("1 message in the worker queue cannot be decoded"), "{warnings:?}");
        assert!(warnings[1].contains("blocks all behind it"), "{warnings:?}");
        assert!(warnings[2].contains("with a lease that is over, the oldest for 31s"), "{warnings:?}");
        assert!(text.ends_with("the exporter never does.\n"), "{text}");
    }

    #[test]
    fn what_programs_read() {
        let (text, exit) = queues(&[fixture::good("orders")], Output::Json, Style::new(true, &[])).unwrap();
        assert_eq!(exit, Exit::Fine);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let store = &json["stores"][0];
        assert_eq!(store["now_unix_seconds"], 1_790_000_000.0);
        let expected = serde_json::json!({
            "queue": "worker",
            "messages": {"ready": 12, "blocked": 0, "delayed": 4, "in_flight": 8, "lease_expired": 1},
            "fetchable": 13,
            "oldest_ready_age_seconds": 252.0,
            "oldest_expired_lease_age_seconds": 31.0,
            "retrying": 2,
            "max_attempts": 5,
            "orphans": 0,
            "undecodable": 1,
            "leftovers": 0,
        });
        assert_eq!(store["queues"][1], expected);
        assert_eq!(store["activities"].as_array().unwrap().len(), 25);
        assert_eq!(store["activities"][1]["tag"], serde_json::Value::Null);
        assert_eq!(store["warnings"].as_array().unwrap().len(), 3);
    }
}
