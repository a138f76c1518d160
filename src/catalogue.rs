//! THE catalogue: every metric is defined here, once, by its OpenTelemetry name.
//!
//! The Prometheus name is derived by the OpenTelemetry to Prometheus rules, so a scrape and an OTLP pipeline
//! give the same series. `docs/metrics.md` is generated from this table and checked by a test.

use std::fmt::Write as _;

use crate::labels::{
    Channel, EventType, ExecutionOutcome, ExportOutcome, FailureKind, FailureReason, InstanceStatus,
    LeaseState, MessageState, Outcome, Queue, Signal, TraceOutcome, WaitReason,
};

/// Definition of one metric.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// OpenTelemetry name, for example `duroxide.queue.oldest_ready_age`.
    pub name: &'static str,
    /// Unit, which becomes the suffix of the Prometheus name.
    pub unit: Unit,
    /// What kind of series it is.
    pub kind: Kind,
    /// One sentence or two: meaning, and what it must not be read as.
    pub help: &'static str,
    /// Label names, in the order in which samples carry them.
    pub labels: &'static [&'static str],
    /// Its place in [`CATALOGUE`].
    pub(crate) index: usize,
}

/// Kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A total that only grows (until its store is replaced).
    Counter,
    /// A distribution.
    Histogram,
}

/// Unit of a metric. There is no plain ratio unit: on a gauge it would add `_ratio`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds, `s`: suffix `_seconds`.
    Seconds,
    /// Bytes, `By`: suffix `_bytes`.
    Bytes,
    /// A number of things, written `{thing}` in OpenTelemetry: no suffix.
    Count(&'static str),
    /// No unit: a state or an information metric: no suffix.
    None,
}

impl Unit {
    /// The unit as OpenTelemetry writes it (UCUM).
    pub fn ucum(self) -> String {
        match self {
            Self::Seconds => "s".to_owned(),
            Self::Bytes => "By".to_owned(),
            Self::Count(thing) => format!("{{{thing}}}"),
            Self::None => String::new(),
        }
    }

    /// The word OpenMetrics and Prometheus use as suffix, if any.
    pub fn suffix(self) -> Option<&'static str> {
        match self {
            Self::Seconds => Some("seconds"),
            Self::Bytes => Some("bytes"),
            Self::Count(_) | Self::None => None,
        }
    }
}

impl Kind {
    /// `gauge`, `counter` or `histogram`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

impl Metric {
    /// The family name without `_total`: dots become underscores, the unit becomes a suffix.
    pub fn base_name(&self) -> String {
        let mut name = self.name.replace('.', "_");
        if let Some(suffix) = self.unit.suffix() {
            name.push('_');
            name.push_str(suffix);
        }
        name
    }

    /// The Prometheus name: [`Self::base_name`], with `_total` on counters.
    pub fn prometheus_name(&self) -> String {
        let mut name = self.base_name();
        if self.kind == Kind::Counter {
            name.push_str("_total");
        }
        name
    }
}

macro_rules! catalogue {
    ($( $ident:ident = $kind:ident $name:literal $unit:expr, [$($label:literal),*], $help:literal; )*) => {
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "the names of the metrics")]
        enum Index { $($ident),* }
        $(
            #[doc = $help]
            pub(crate) static $ident: Metric = Metric {
                name: $name,
                unit: $unit,
                kind: Kind::$kind,
                help: $help,
                labels: &[$($label),*],
                index: Index::$ident as usize,
            };
        )*
        /// Every metric of the exporter, in the order in which it is shown.
        pub static CATALOGUE: &[&Metric] = &[$(&$ident),*];
    };
}

const MESSAGE: Unit = Unit::Count("message");

catalogue! {
    // ---- queues
    QUEUE_MESSAGES = Gauge "duroxide.queue.messages" MESSAGE, ["store", "queue", "state"],
        "Rows of the queue tables. Every row is in exactly one state: ready (visible, not leased), blocked (visible, but its instance is being executed), delayed (visible later; a timer not yet due), in_flight (leased), lease_expired (leased, lease over: handed out again). Sleeping timers are queue=timer, state=delayed: they are not backlog.";
    QUEUE_FETCHABLE_MESSAGES = Gauge "duroxide.queue.fetchable_messages" MESSAGE, ["store", "queue"],
        "Messages a worker would be handed now: ready + lease_expired. The number to scale and to alert on.";
    QUEUE_READY_INSTANCES = Gauge "duroxide.queue.ready_instances" Unit::Count("instance"), ["store"],
        "Distinct instances with fetchable orchestrator work, due timers included. One instance keeps one worker busy, however many messages it has.";
    QUEUE_OLDEST_READY_AGE = Gauge "duroxide.queue.oldest_ready_age" Unit::Seconds, ["store", "queue"],
        "How long the oldest fetchable or blocked message has been waiting since it became visible. 0 when none waits. Sleeping timers and delayed messages never count.";
    QUEUE_OLDEST_EXPIRED_LEASE_AGE = Gauge "duroxide.queue.oldest_expired_lease_age" Unit::Seconds, ["store", "queue"],
        "How long ago the oldest expired lease ran out. 0 when none is expired. Grows when a worker died and no other takes over.";
    QUEUE_ENQUEUED = Counter "duroxide.queue.enqueued" MESSAGE, ["store", "queue"],
        "Messages ever put on the queue, from the table's own sequence: exact, also for rows that came and went between two polls. queue=orchestrator includes timers, which have no series of their own. Lower numbers, as of an earlier copy of the file, show after ten minutes.";
    QUEUE_DEQUEUED = Counter "duroxide.queue.dequeued" MESSAGE, ["store", "queue"],
        "Messages ever removed from the queue: enqueued minus those still there. queue=orchestrator includes timers.";
    QUEUE_RETRYING_MESSAGES = Gauge "duroxide.queue.retrying_messages" MESSAGE, ["store", "queue"],
        "Messages that were handed out before without being acknowledged: waiting again, or leased for a second or later attempt.";
    QUEUE_MAX_ATTEMPTS = Gauge "duroxide.queue.max_attempts" Unit::Count("attempt"), ["store", "queue"],
        "Greatest attempt count of any message in the queue. At the runtime's max_attempts (10 by default) it is poisoned.";
    QUEUE_ORPHAN_MESSAGES = Gauge "duroxide.queue.orphan_messages" MESSAGE, ["store", "queue"],
        "Messages for an instance that does not exist and that none of its visible messages starts. On SQLite a visible one that is not a queue event blocks every orchestration behind it.";
    QUEUE_UNDECODABLE_MESSAGES = Gauge "duroxide.queue.undecodable_messages" MESSAGE, ["store", "queue"],
        "Messages that are not a work item the framework knows or, on Postgres, that the database itself cannot decode. On SQLite the first one in the worker queue blocks all behind it; on Postgres one that is no JSON or holds an escaped NUL blocks all orchestrations. One above 1 MiB is not decoded and counts as good.";
    QUEUE_LEFTOVER_MESSAGES = Gauge "duroxide.queue.leftover_messages" MESSAGE, ["store", "queue"],
        "Timers of executions that have ended or were superseded: harmless, they disappear when due. Contained in duroxide_queue_messages{queue=\"timer\"}.";

    // ---- activities
    ACTIVITY_QUEUE_MESSAGES = Gauge "duroxide.activity.queue.messages" MESSAGE, ["store", "activity", "tag", "state"],
        "Rows of the worker queue by activity and routing tag. An activity whose tag no worker serves stays ready for ever. On SQLite one whose work item is above 16 MiB has no name here.";
    ACTIVITY_QUEUE_OLDEST_READY_AGE = Gauge "duroxide.activity.queue.oldest_ready_age" Unit::Seconds, ["store", "tag"],
        "How long the oldest fetchable message of the tag, whatever its activity, has been waiting since it became visible. 0 when none waits.";

    // ---- locks
    INSTANCE_LOCKS = Gauge "duroxide.instance_locks" Unit::Count("lock"), ["store", "state"],
        "Instance locks: active (an orchestration turn is running) or expired (its runtime died or hangs).";
    SESSIONS = Gauge "duroxide.sessions" Unit::Count("session"), ["store", "state"],
        "Worker sessions: active or expired. Expired ones are removed by the runtime after some minutes.";

    // ---- instances
    INSTANCES = Gauge "duroxide.instances" Unit::Count("instance"), ["store", "orchestration", "version", "status"],
        "Instances by the status of their current execution. An instance that is just continuing as new is running. unknown: an instance without an execution row, or a status this exporter does not know.";

    INSTANCES_WAITING = Gauge "duroxide.instances.waiting" Unit::Count("instance"), ["store", "orchestration", "reason"],
        "Running instances by what they wait for, the first that holds: executing (a runtime takes a turn), ready (a runtime that takes a turn), retrying (the end of a back-off), activity (in the worker queue), child (that runs or is about to start), event (from outside), timer, stuck (nothing will ever wake it: a message was lost; seen by two polls in a row).";
    INSTANCES_OLDEST_RUNNING_AGE = Gauge "duroxide.instances.oldest_running_age" Unit::Seconds, ["store", "orchestration"],
        "How long ago the oldest execution that runs now began. One that continues as new begins again.";

    // ---- executions
    EXECUTIONS_RUNNING = Gauge "duroxide.executions.running" Unit::Count("execution"), ["store", "runtime_version"],
        "Running executions by the version of the framework that began them: a runtime that no longer supports it must not take its place.";
    EXECUTIONS_STARTED = Counter "duroxide.executions.started" Unit::Count("execution"), ["store", "orchestration", "version"],
        "Executions that took their first turn; what continues as new starts again. Like all counters of the history: from its events, each counted once, by the time the exporter began (or the beginning of the history with --history.backfill); never falls when instances are deleted.";
    EXECUTIONS_FINISHED = Counter "duroxide.executions.finished" Unit::Count("execution"), ["store", "orchestration", "version", "outcome", "failure_kind"],
        "Executions that ended. failure_kind is empty unless outcome is failed, and tells why from the event's details, never from the words of a message.";
    EXECUTION_DURATION = Histogram "duroxide.execution.duration" Unit::Seconds, ["store", "orchestration", "outcome"],
        "Time from the first event of an execution to its last. What is twenty years and more is a wrong clock: it is counted above all buckets, and not in the sum.";
    EXECUTION_HISTORY_EVENTS = Histogram "duroxide.execution.history_events" Unit::Count("event"), ["store", "orchestration", "outcome"],
        "Events of an execution when it ended. Each turn replays them all.";

    // ---- what executions ask for
    ACTIVITIES_SCHEDULED = Counter "duroxide.activities.scheduled" Unit::Count("activity"), ["store", "activity"],
        "Activities that orchestrations asked for; each try of a retry is one. The framework's pseudo-activities are not activities.";
    ACTIVITIES_FINISHED = Counter "duroxide.activities.finished" Unit::Count("activity"), ["store", "activity", "outcome"],
        "Activities that ended as far as their orchestration is concerned: completed, failed, or cancelled (given up; what runs may yet run to its end).";
    ACTIVITY_ROUNDTRIP = Histogram "duroxide.activity.roundtrip" Unit::Seconds, ["store", "activity", "outcome"],
        "Time from the turn that scheduled an activity to the turn that consumed its end: queueing, execution and the wait for a turn. When an activity began to run is recorded nowhere.";
    TIMER_LATENESS = Histogram "duroxide.timer.lateness" Unit::Seconds, ["store"],
        "By how much the turn that noticed a timer was later than the timer was due.";
    CHILDREN_SCHEDULED = Counter "duroxide.children.scheduled" Unit::Count("child"), ["store", "orchestration"],
        "Sub-orchestrations that were asked for, by the name of the child. Detached starts have no parent and are not among them.";
    CHILDREN_FINISHED = Counter "duroxide.children.finished" Unit::Count("child"), ["store", "orchestration", "outcome"],
        "Sub-orchestrations whose end their parent learnt of, or that it gave up (cancelled).";
    EVENTS_RECEIVED = Counter "duroxide.events.received" Unit::Count("event"), ["store", "channel"],
        "Events from outside that executions took in: raised (event) or sent to a queue of the instance (queue).";

    // ---- history
    HISTORY_EVENTS = Counter "duroxide.history.events" Unit::Count("event"), ["store", "type"],
        "Events counted, by type. unknown: a type this exporter does not know; undecodable: a row that holds no event, or one too large to be read; that it ended its execution is known all the same if its column says so, or on Postgres the beginning of a large one.";
    HISTORY_BACKLOG = Gauge "duroxide.history.backlog_events" Unit::Count("event"), ["store"],
        "Events that are in the store and have not been counted yet: what is left of a backfill, or of the time the exporter was away.";
    HISTORY_MISSED = Counter "duroxide.history.missed" Unit::Count("event"), ["store"],
        "Events that were deleted before a poll saw them, as far as the store lets it be known: on SQLite by the numbers of the rows, unless nothing newer was written before they were deleted; on Postgres never.";
    CENSUS_MISMATCHES = Counter "duroxide.census.mismatches" Unit::Count("recount"), ["store"],
        "Recounts of the instances that found others than had been reckoned from the history since the last. Always 0 unless somebody edits the store by hand, or this exporter is wrong.";

    // ---- store
    STORE_INFO = Gauge "duroxide.store.info" Unit::None, ["store", "backend", "schema", "mode"],
        "Always 1. backend: kind of store; schema: newest migration; mode: live, or replica for a copy.";
    STORE_SIZE = Gauge "duroxide.store.size" Unit::Bytes, ["store", "part"],
        "Size of the store: for SQLite part=database and part=wal, for Postgres each table with its indexes.";
    STORE_REPLICA = Gauge "duroxide.store.replica" Unit::None, ["store"],
        "1 when a replica or copy is being read, 0 for the live store.";
    STORE_LAST_REPLAY_AGE = Gauge "duroxide.store.last_replay_age" Unit::Seconds, ["store"],
        "Replicas only: age of the newest change that reached the replica. An idle primary makes it grow, too.";
    STORE_REPLICATION_LAG = Gauge "duroxide.store.replication_lag" Unit::Seconds, ["store"],
        "Standbys only: for how long what the primary may have done is not to be seen. 0 when the standby streams and has replayed everything, however idle the primary; grows while replay is paused, behind or cut off. States and ages are then those of that long ago. A dead line looks like an idle primary for half of wal_receiver_timeout and five seconds; to a standby of a standby, so does an upstream that is itself cut off. Absent for a role without pg_monitor.";
    STORE_REPLAY_PAUSED = Gauge "duroxide.store.replay_paused" Unit::None, ["store"],
        "Standbys only: 1 while replay is paused.";
    STORE_RECEIVER_UP = Gauge "duroxide.store.receiver_up" Unit::None, ["store"],
        "Standbys only: 1 while changes stream in from the primary. Absent for a role without pg_monitor.";
    STORE_RECOVERY_CONFLICTS = Counter "duroxide.store.recovery_conflicts" Unit::Count("query"), ["store"],
        "Standbys only: queries of anybody on this database that the standby cancelled because they stood in the way of replaying.";
    STORE_CLOCK_SKEW = Gauge "duroxide.store.clock_skew" Unit::Seconds, ["store", "clock"],
        "Postgres only. clock=exporter: the database's clock less the exporter's. clock=worker: how far the newest moment that a worker of the framework recorded is ahead of the database's clock; workers compare their own clocks with what others wrote, so such a lead delays work and stretches leases. One that is slow cannot be told from one that is idle.";

    // ---- polling
    UP = Gauge "duroxide.up" Unit::None, ["store"],
        "1 when the last poll of the store succeeded. At 0 all other values of the store are those of the last good poll: see duroxide_snapshot_age_seconds.";
    SNAPSHOT_AGE = Gauge "duroxide.snapshot_age" Unit::Seconds, ["store"],
        "Age of the values of this store: time since the read of the last good poll began. Absent until the first good poll.";
    POLL_DURATION = Histogram "duroxide.poll.duration" Unit::Seconds, ["store"],
        "Duration of polls, failed and timed out ones included.";
    POLLS = Counter "duroxide.polls" Unit::Count("poll"), ["store"],
        "Polls that ended, successful or not.";
    POLL_FAILURES = Counter "duroxide.poll.failures" Unit::Count("poll"), ["store", "reason"],
        "Polls that failed, by reason. The message is in the log and on the landing page.";

    // ---- the exporter itself
    SERIES_DROPPED = Counter "duroxide.exporter.series_dropped" Unit::Count("series"), ["family"],
        "Label combinations folded into the value `other` because the family is at its cap, counted once per poll each.";
    STATE_WRITE_FAILURES = Counter "duroxide.exporter.state_write_failures" Unit::Count("failure"), ["store"],
        "Times that the counters, or the position of the traces, could not be written to --state-dir.";
    OTLP_EXPORTS = Counter "duroxide.exporter.otlp.exports" Unit::Count("request"), ["signal", "outcome"],
        "Requests to the OTLP collector by how they ended, tries again included in one: success, partial (it left some out, see duroxide_exporter_otlp_rejected_items_total), refused (another try would not help), unavailable, timeout. Absent unless something is pushed.";
    OTLP_REJECTED = Counter "duroxide.exporter.otlp.rejected_items" Unit::Count("item"), ["signal"],
        "Data points, spans and log records that the OTLP collector did not take, of requests that it took or that no other try would help. Absent unless something is pushed.";
    OTLP_DROPPED = Counter "duroxide.exporter.otlp.dropped_items" Unit::Count("item"), ["signal"],
        "Log records of the exporter itself that found no place among those that wait for the OTLP collector, because it did not take earlier ones in time. Absent unless logs are sent.";
    LOG_DROPPED = Counter "duroxide.exporter.log.dropped_lines" Unit::Count("line"), [],
        "Lines of the exporter's log that standard error did not take: it was closed, its disk full, or its reader so slow that they found no place. Absent where an application embeds the exporter.";
    TRACES = Counter "duroxide.exporter.traces" Unit::Count("trace"), ["store", "outcome"],
        "Finished executions by what became of their traces: exported (the OTLP collector took it), unsampled (not among those that are kept), missing (the history was deleted before it was read), refused (the collector took it for malformed; another try would not help). Absent unless traces are sent.";
    BUILD_INFO = Gauge "duroxide.exporter.build_info" Unit::None, ["version"],
        "Always 1. Version of the exporter.";
    PROCESS_CPU = Counter "process.cpu" Unit::Seconds, [],
        "User and system CPU time of the exporter's process.";
    PROCESS_OPEN_FDS = Gauge "process.open_fds" Unit::None, [],
        "Open file descriptors of the exporter's process.";
    PROCESS_MAX_FDS = Gauge "process.max_fds" Unit::None, [],
        "Limit on open file descriptors of the exporter's process.";
    PROCESS_VIRTUAL_MEMORY = Gauge "process.virtual_memory" Unit::Bytes, [],
        "Virtual memory of the exporter's process.";
    PROCESS_RESIDENT_MEMORY = Gauge "process.resident_memory" Unit::Bytes, [],
        "Resident memory of the exporter's process.";
    PROCESS_START_TIME = Gauge "process.start_time" Unit::Seconds, [],
        "When the exporter's process started, as seconds since the Unix epoch.";
    PROCESS_THREADS = Gauge "process.threads" Unit::None, [],
        "Threads of the exporter's process.";
}

/// The catalogue as a Markdown page: the content of `docs/metrics.md`.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Metrics\n\n\
         Generated from the catalogue in `src/catalogue.rs`; a test keeps the two the same\n\
         (`UPDATE_GOLDEN=1 cargo test --test it` rewrites this page).\n\n\
         `store` is the name given in `--store NAME=URL`. An empty label value is the same as no label.\n\n\
         | Prometheus | OpenTelemetry | kind | unit | labels | meaning |\n\
         |---|---|---|---|---|---|\n",
    );
    for metric in CATALOGUE {
        let labels = metric.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        let unit = metric.unit.ucum();
        let unit = if unit.is_empty() { String::new() } else { format!("`{unit}`") };
        // Writing to a String cannot fail.
        let _ = writeln!(
            page,
            "| `{}` | `{}` | {} | {unit} | {labels} | {} |",
            metric.prometheus_name(),
            metric.name,
            metric.kind.as_str(),
            metric.help.replace('|', "\\|"),
        );
    }
    page.push_str("\n## Label values\n\n| label | values |\n|---|---|\n");
    for (label, values) in [
        ("`queue`", values(Queue::ALL, Queue::as_str)),
        ("`state` of messages", values(MessageState::ALL, MessageState::as_str)),
        ("`state` of locks and sessions", values(LeaseState::ALL, LeaseState::as_str)),
        ("`status`", values(InstanceStatus::ALL, InstanceStatus::as_str)),
        ("`reason` of a failed poll", values(FailureReason::ALL, FailureReason::as_str)),
        ("`reason` of waiting", values(WaitReason::ALL, WaitReason::as_str)),
        ("`outcome` of executions", values(ExecutionOutcome::ALL, ExecutionOutcome::as_str)),
        ("`outcome` of activities and children", values(Outcome::ALL, Outcome::as_str)),
        ("`outcome` of traces", values(TraceOutcome::ALL, TraceOutcome::as_str)),
        ("`failure_kind`", values(FailureKind::ALL, FailureKind::as_str)),
        ("`channel`", values(Channel::ALL, Channel::as_str)),
        ("`type`", values(EventType::ALL, EventType::as_str)),
        ("`signal`", values(Signal::ALL, Signal::as_str)),
        ("`outcome` of exports", values(ExportOutcome::ALL, ExportOutcome::as_str)),
    ] {
        let _ = writeln!(page, "| {label} | {values} |");
    }
    page.push_str(
        "\nNames out of a store (orchestration, version, activity, tag) are cut after 200 characters; what exceeds \
         `--metrics.max-label-values` is under `other`. A name that left the store stays as 0 for ten minutes.\n",
    );
    page
}

fn values<T: Copy>(all: &[T], text: impl Fn(T) -> &'static str) -> String {
    all.iter().map(|value| format!("`{}`", text(*value))).collect::<Vec<_>>().join(", ")
}
