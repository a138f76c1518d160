//! `check`: what every store is, or what is wrong with it and what to do.

use std::collections::BTreeMap;

use serde::Serialize;

use super::output::Output;
use super::read::{Failure, Pushing, Reading};
use super::text::{self, Style};
use super::{Error, Exit};
use crate::labels::{Clock, InstanceStatus, Queue, Signal};
use crate::management::Capabilities;
use crate::source::{Census, Mode, Replication};

/// The JSON of `check`. Names are an interface: fields may be added, not renamed.
#[derive(Debug, Serialize)]
struct Report<'a> {
    stores: Vec<StoreReport<'a>>,
    /// Absent where nothing is pushed.
    #[serde(skip_serializing_if = "Option::is_none")]
    otlp: Option<PushReport<'a>>,
    /// Absent where no traces are sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    otlp_traces: Option<PushReport<'a>>,
    /// Absent where no logs are sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    otlp_logs: Option<PushReport<'a>>,
}

/// Where a signal is pushed to.
#[derive(Debug, Serialize)]
struct PushReport<'a> {
    #[serde(skip)]
    signal: Signal,
    /// Without its query.
    endpoint: &'a str,
    protocol: &'static str,
    /// Whether the collector took an empty export.
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// One store.
#[derive(Debug, Serialize)]
struct StoreReport<'a> {
    store: &'a str,
    /// Without its secrets.
    url: String,
    ok: bool,
    /// What is wrong; then everything below is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    #[serde(flatten)]
    facts: Option<Facts<'a>>,
}

/// What a store is.
#[derive(Debug, Serialize)]
struct Facts<'a> {
    backend: &'a str,
    /// Newest migration; empty when the backend does not tell.
    schema: &'a str,
    /// `live` or `replica`.
    mode: Mode,
    /// Replicas: age of the newest change; otherwise null.
    last_replay_age_seconds: Option<f64>,
    /// Standbys; null for others.
    replication: Option<ReplicationReport>,
    /// By clock: see `duroxide_store_clock_skew_seconds`.
    clock_skew_seconds: BTreeMap<Clock, f64>,
    /// By part: the database, its log, …
    size_bytes: BTreeMap<&'a str, u64>,
    /// By status; null when the backend does not tell.
    instances: Option<BTreeMap<InstanceStatus, u64>>,
    /// Null when the backend does not tell.
    queues: Option<Vec<QueueReport>>,
    /// What `instances` can tell of it.
    management: &'a Capabilities,
    /// What this store does not have, in words, with what is absent from the metrics because of it.
    missing: Vec<&'static str>,
    /// Remarks on how it is read.
    notes: &'a [String],
    /// What will not move by itself, in words.
    warnings: Vec<String>,
}

/// How a standby follows its primary. What the role may not know is null.
#[derive(Debug, Serialize)]
struct ReplicationReport {
    lag_seconds: Option<f64>,
    replay_paused: bool,
    receiver_up: Option<bool>,
    recovery_conflicts: u64,
}

/// One queue.
#[derive(Debug, Serialize)]
struct QueueReport {
    queue: Queue,
    /// All messages; null when only depths are known.
    messages: Option<u64>,
    /// Those that would be handed out now; null when not known.
    fetchable: Option<u64>,
}

/// The report and the exit code.
pub(super) fn check(
    readings: &[Reading],
    pushing: &[Pushing],
    output: Output,
    style: Style,
) -> Result<(String, Exit), Error> {
    let of = |signal| pushing.iter().find(|pushing| pushing.signal == signal).map(PushReport::new);
    let report = Report {
        stores: readings.iter().map(StoreReport::new).collect(),
        otlp: of(Signal::Metrics),
        otlp_traces: of(Signal::Traces),
        otlp_logs: of(Signal::Logs),
    };
    let failed = report.stores.iter().filter(|store| !store.ok).count();
    let text = match output {
        Output::Json => text::json(&report)?,
        Output::Table => {
            let mut text: String = report.stores.iter().map(|store| store.render(style)).collect();
            text.extend(report.pushed().map(|otlp| otlp.render(style)));
            match (report.stores.len(), failed) {
                (1, _) => {}
                (all, 0) => text.push_str(&format!("All {all} stores are readable.\n")),
                (all, failed) => text.push_str(&format!("{failed} of {all} stores cannot be read.\n")),
            }
            text
        }
    };
    let fine = failed == 0 && report.pushed().all(|otlp| otlp.ok);
    Ok((text, if fine { Exit::Fine } else { Exit::Failure }))
}

impl<'a> Report<'a> {
    /// The collectors.
    fn pushed(&self) -> impl Iterator<Item = &PushReport<'a>> {
        self.otlp.iter().chain(&self.otlp_traces).chain(&self.otlp_logs)
    }
}

impl<'a> PushReport<'a> {
    fn new(pushing: &'a Pushing) -> Self {
        let Pushing { signal, endpoint, protocol, outcome } = pushing;
        let error = outcome.as_ref().err().map(|error| error.message.as_str());
        Self { signal: *signal, endpoint, protocol, ok: outcome.is_ok(), error }
    }

    fn render(&self, style: Style) -> String {
        let Self { signal, endpoint, protocol, ok, error } = self;
        let verdict = if *ok { format!("takes {signal}") } else { format!("FAILED for {signal}") };
        let mut text = format!("{}\n", style.heading(&format!("OTLP collector: {verdict}")));
        let mut line =
            |title, line: &str| text.push_str(&format!("  {title:<12}  {}\n", text::harmless(line)));
        line("endpoint", endpoint);
        line("protocol", protocol);
        if let Some(error) = error {
            line("error", error);
        }
        text.push('\n');
        text
    }
}

impl<'a> StoreReport<'a> {
    fn new(reading: &'a Reading) -> Self {
        Self {
            store: &reading.store.name,
            url: reading.store.url.to_string(),
            ok: reading.outcome.is_ok(),
            error: reading.outcome.as_ref().err().map(Failure::from),
            facts: reading.outcome.as_ref().ok().map(|census| Facts::new(census, &reading.capabilities)),
        }
    }

    fn render(&self, style: Style) -> String {
        let Self { store, url, ok, error, facts } = self;
        let mut lines = vec![("url", url.clone())];
        if let Some(error) = error {
            lines.push(("error", format!("{} ({})", error.message, error.reason)));
            lines.push(("do", error.advice.clone()));
        }
        if let Some(facts) = facts {
            facts.lines(&mut lines);
        }
        let verdict = if *ok { "readable" } else { "FAILED" };
        let mut text = format!("{}\n", style.heading(&format!("{store}: {verdict}")));
        for (title, line) in lines {
            text.push_str(&format!("  {title:<12}  {}\n", text::harmless(&line)));
        }
        text.push('\n');
        text
    }
}

impl<'a> Facts<'a> {
    fn new(census: &'a Census, management: &'a Capabilities) -> Self {
        let store = &census.store;
        let instances = census.instances.as_ref().map(|instances| {
            let mut counts = BTreeMap::new();
            for row in &instances.counts {
                *counts.entry(row.status).or_insert(0) += row.count;
            }
            counts
        });
        let queues = census.queues.as_ref().map(|queues| {
            let report = |queue: &Queue| {
                let stats = queues.queue(*queue);
                let messages = stats.messages.map(|messages| messages.iter().sum());
                QueueReport { queue: *queue, messages, fetchable: stats.fetchable }
            };
            Queue::ALL.iter().map(report).collect()
        });
        Self {
            backend: store.kind.name,
            schema: &store.schema,
            mode: store.mode,
            last_replay_age_seconds: store.last_replay_age_ms.map(text::seconds),
            replication: store.replication.as_ref().map(ReplicationReport::new),
            clock_skew_seconds: store
                .clock_skew_ms
                .iter()
                .map(|(clock, ms)| (*clock, text::signed_seconds(*ms)))
                .collect(),
            size_bytes: store.sizes.iter().copied().collect(),
            instances,
            queues,
            management,
            missing: missing(census),
            notes: &store.notes,
            warnings: super::queues::warnings(census),
        }
    }

    fn lines(&self, lines: &mut Vec<(&'static str, String)>) {
        let Self {
            backend,
            schema,
            mode,
            last_replay_age_seconds,
            replication,
            clock_skew_seconds,
            size_bytes,
            instances,
            queues,
            management,
            missing,
            notes,
            warnings,
        } = self;
        let age =
            last_replay_age_seconds.map(|age| format!(", newest change {} ago", text::age_of_seconds(age)));
        lines.push(("backend", format!("{backend}, {}{}", mode.as_str(), age.unwrap_or_default())));
        if !schema.is_empty() {
            lines.push(("schema", (*schema).to_owned()));
        }
        if let Some(replication) = replication {
            lines.push(("replication", replication.words()));
        }
        if !clock_skew_seconds.is_empty() {
            lines.push(("clocks", clocks(clock_skew_seconds)));
        }
        if !size_bytes.is_empty() {
            let parts = size_bytes.iter().map(|(part, size)| format!("{part} {}", text::bytes(*size)));
            lines.push(("size", parts.collect::<Vec<_>>().join(", ")));
        }
        if let Some(instances) = instances {
            let counts: Vec<String> =
                instances.iter().map(|(status, count)| format!("{count} {status}")).collect();
            lines.push(("instances", if counts.is_empty() { "none".to_owned() } else { counts.join(", ") }));
        }
        for QueueReport { queue, messages, fetchable } in queues.iter().flatten() {
            let known = [
                messages.map(|n| text::plural(n, "message", "messages")),
                fetchable.map(|n| format!("{n} fetchable")),
            ];
            let known: Vec<String> = known.into_iter().flatten().collect();
            lines.push((
                queue.as_str(),
                if known.is_empty() { "not known".to_owned() } else { known.join(", ") },
            ));
        }
        lines.push(("management", capabilities(management)));
        for missing in missing {
            lines.push(("missing", (*missing).to_owned()));
        }
        for note in *notes {
            lines.push(("note", note.clone()));
        }
        for warning in warnings {
            lines.push(("warning", warning.clone()));
        }
    }
}

impl ReplicationReport {
    fn new(replication: &Replication) -> Self {
        let Replication { lag_ms, behind_ms: _, paused, receiver_up, conflicts } = replication;
        Self {
            lag_seconds: lag_ms.map(text::seconds),
            replay_paused: *paused,
            receiver_up: *receiver_up,
            recovery_conflicts: *conflicts,
        }
    }

    fn words(&self) -> String {
        let Self { lag_seconds, replay_paused, receiver_up, recovery_conflicts } = self;
        let lag = match lag_seconds {
            Some(0.0) => "level with the primary".to_owned(),
            Some(lag) => format!("{} behind the primary", text::age_of_seconds(*lag)),
            None => "lag not known".to_owned(),
        };
        let receiver = match receiver_up {
            Some(true) => ", streaming",
            Some(false) => ", not streaming",
            None => "",
        };
        let paused = if *replay_paused { ", replay paused" } else { "" };
        let conflicts = match recovery_conflicts {
            0 => String::new(),
            n => format!(", {}", text::plural(*n, "recovery conflict", "recovery conflicts")),
        };
        lag + receiver + paused + &conflicts
    }
}

fn clocks(skew: &BTreeMap<Clock, f64>) -> String {
    let words = |(clock, seconds): (&Clock, &f64)| match clock {
        Clock::Exporter => format!("{seconds:+.3}s to this machine's"),
        Clock::Worker if *seconds > 0.0 => format!("a worker's is {} ahead", text::age_of_seconds(*seconds)),
        Clock::Worker => "no worker's is ahead".to_owned(),
    };
    skew.iter().map(words).collect::<Vec<_>>().join(", ")
}

fn capabilities(management: &Capabilities) -> String {
    // Their names are those of the JSON.
    let names = management.iter().filter_map(|capability| serde_json::to_value(capability).ok());
    let names: Vec<String> = names.filter_map(|name| Some(name.as_str()?.replace('_', " "))).collect();
    if names.is_empty() { "single instances only".to_owned() } else { names.join(", ") }
}

fn missing(census: &Census) -> Vec<&'static str> {
    let mut missing = Vec::new();
    match &census.queues {
        None => missing.push("queues: this backend does not tell; no metric about queues is exported"),
        Some(queues) => match &queues.detail {
            None => missing.push("states, ages and activities of queues: this backend knows depths only"),
            Some(detail) if detail.sessions.is_none() => {
                missing
                    .push("worker sessions: the schema is older than they are; duroxide_sessions is absent");
            }
            Some(_) => {}
        },
    }
    if census.instances.is_none() {
        missing.push("instances: this backend does not tell; duroxide_instances is absent");
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn what_people_read() {
        let readings = [fixture::good("orders"), fixture::bad("billing")];
        let (text, exit) = check(&readings, &[], Output::Table, Style::new(false, &[])).unwrap();
        assert_eq!(exit, Exit::Failure);
        assert_eq!(
            text,
            "orders: readable
  url           sqlite:/data/orders.db
  backend       sqlite, replica, newest change 1m30s ago
  schema        20251230000000
  size          database 12.3 MiB, wal 297.8 KiB
  instances     123 running, 4 failed
  orchestrator  6 messages, 3 fetchable
  worker        25 messages, 13 fetchable
  timer         17 messages, 0 fetchable
  management    list, search payloads
  missing       worker sessions: the schema is older than they are; duroxide_sessions is absent
  warning       2 orphan messages in the orchestrator queue: the instance does not exist, and nothing that waits would start it. It holds up all orchestrations.
  warning       1 message in the worker queue cannot be decoded: written by a newer version of the framework, or damaged. It blocks all behind it.
  warning       1 message in the worker queue with a lease that is over, the oldest for 31s: whoever held it died or hangs. The framework hands such messages out again.

billing: FAILED
  url           sqlite:/data/billing.db
  error         no such file (unavailable)
  do            Check the path or address. The application creates the store when it first starts; the exporter never does.

1 of 2 stores cannot be read.
"
        );
    }

    #[test]
    fn what_programs_read() {
        let (text, exit) =
            check(&[fixture::good("orders")], &[], Output::Json, Style::new(false, &[])).unwrap();
        assert_eq!(exit, Exit::Fine);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let store = &json["stores"][0];
        assert_eq!(store["ok"], true);
        assert_eq!(store["mode"], "replica");
        assert_eq!(store["last_replay_age_seconds"], 90.0);
        assert_eq!(store["instances"]["running"], 123);
        assert_eq!(store["management"], serde_json::json!(["list", "search_payloads"]));
        assert_eq!(
            store["queues"][1],
            serde_json::json!({"queue": "worker", "messages": 25, "fetchable": 13})
        );
        assert_eq!(store.get("error"), None);
    }
}
