//! Follows one store's history for its traces: reads a step, sends what ended in it, moves on.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use serde::{Deserialize, Serialize};
use tracing::Instrument as _;

use super::finished::Finished;
use super::past::{ExecutionEvents, Reader};
use super::settings::TraceSettings;
use super::trace_batch::{Example, Signals, TraceBatch};
use crate::catalogue;
use crate::labels::{FailureReason, TraceOutcome};
use crate::logs;
use crate::otlp::{SendError, Sender};
use crate::source::{self, Batch, Chunk, ExecutionKey, Position, Request, Source, SourceError, Start};
use crate::state::{self, StateFile};
use crate::telemetry::{LogThrottle, Telemetry};

/// Executions that are looked up, and in memory, at the same time.
const TOGETHER: usize = 64;

/// After failures in a row the pause grows up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What is kept over a restart: everything before the position was delivered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TraceState {
    /// Of the store; see [`Census::identity`](crate::source::Census).
    identity: Option<String>,
    position: Position,
}

impl state::Persisted for TraceState {
    fn fits(&self) -> bool {
        true
    }
}

/// A sender for each signal; `None` where it is off.
pub(crate) struct Collectors {
    pub(crate) traces: Option<Sender<ExportTraceServiceRequest>>,
    pub(crate) logs: Option<Sender<ExportLogsServiceRequest>>,
}

/// Exports the traces of one store, log records of its failures, or both.
pub(crate) struct TraceExporter {
    store: Arc<str>,
    source: Box<dyn Source>,
    collectors: Collectors,
    settings: Arc<TraceSettings>,
    telemetry: Arc<Telemetry>,
    file: Option<Arc<StateFile<TraceState>>>,
    start: Start,
    /// What the state file says of its store, until that was compared.
    claimed: Option<Option<String>>,
    identity: Option<String>,
    /// `identity` is that of the store that is read.
    recognised: bool,
    /// Failures to read the store.
    unread: LogThrottle<String>,
    /// Failures to write the state file.
    unsaved: LogThrottle<()>,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// There is more to be read.
    More,
    /// Everything has been sent.
    End,
    /// This store has no history.
    Never,
}

#[derive(Debug)]
enum Failure {
    Store(SourceError),
    /// Counted and told by the sender.
    Collector(SendError),
}

impl TraceExporter {
    pub(crate) fn new(
        store: Arc<str>,
        source: Box<dyn Source>,
        collectors: Collectors,
        settings: TraceSettings,
        telemetry: Arc<Telemetry>,
        file: Option<StateFile<TraceState>>,
    ) -> Self {
        if collectors.traces.is_some() {
            for outcome in TraceOutcome::ALL {
                telemetry.add(&catalogue::TRACES, [&store, outcome.as_str()], 0);
            }
        }
        let start = Start::first(settings.backfill);
        let mut exporter = Self {
            store,
            source,
            collectors,
            settings: Arc::new(settings),
            telemetry,
            file: file.map(Arc::new),
            start,
            claimed: None,
            identity: None,
            recognised: false,
            unread: LogThrottle::on_change(),
            unsaved: LogThrottle::on_change(),
        };
        exporter.load();
        exporter
    }

    fn load(&mut self) {
        let Some(file) = &self.file else { return };
        match file.load() {
            Ok(None) => {}
            Ok(Some(Ok(TraceState { identity, position }))) => {
                self.start = Start::After(position);
                self.claimed = Some(identity);
            }
            Ok(Some(Err(why))) => self.begin_anew(why),
            Err(error) => {
                tracing::error!(
                    store = %self.store, file = %file.path().display(),
                    "the state file of the traces cannot be read: {error}. They begin anew, and their position is not kept"
                );
                self.file = None;
            }
        }
    }

    fn begin_anew(&mut self, why: state::Unusable) {
        self.start = Start::first(self.settings.backfill);
        let Some(file) = &self.file else { return };
        let path = file.path().display();
        match file.set_aside(why) {
            Ok(aside) => tracing::warn!(
                store = %self.store, file = %path,
                "the state file of the traces {}; it was renamed to {}, and traces begin anew", why.words(), aside.display()
            ),
            Err(error) => {
                tracing::error!(
                    store = %self.store, file = %path,
                    "the state file of the traces {} and cannot be renamed: {error}. They begin anew, and their position is not kept",
                    why.words()
                );
                self.file = None;
            }
        }
    }

    /// Sends traces until `stop`, then for as long as `last` those of what has ended since.
    pub(crate) async fn run(mut self, stop: impl Future<Output = ()>, last: Duration) {
        tokio::select! {
            () = self.follow() => return,
            () = stop => {}
        }
        let rest = async { while self.step().await.is_ok_and(|step| step == Step::More) {} };
        // What is not delivered by then is by the next start, if the position is kept.
        let _ = tokio::time::timeout(last, rest).await;
    }

    /// Returns if there is nothing to follow.
    async fn follow(&mut self) {
        let mut failures = 0;
        loop {
            let began = Instant::now();
            let span = tracing::debug_span!("follow_traces", store = %self.store);
            let step = self.step().instrument(span).await;
            failures = if step.is_ok() { 0 } else { failures + 1 };
            let pause = match step {
                // Half of the time: a store is not kept busy by what can wait.
                Ok(Step::More) => began.elapsed(),
                Ok(Step::End) => self.settings.interval,
                Ok(Step::Never) => {
                    tracing::warn!(store = %self.store, "there are no traces of it: this backend has no history to tell");
                    return;
                }
                Err(failure) => {
                    let wait = self.tell(&failure);
                    let longer = self.settings.interval.saturating_mul(1 << u32::min(failures, 6));
                    wait.unwrap_or(longer.min(LONGEST_PAUSE)).max(self.settings.interval)
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Tells a failure, unless that was told. For how long the collector wants to be left alone.
    fn tell(&mut self, failure: &Failure) -> Option<Duration> {
        match failure {
            Failure::Store(error) => {
                if self.unread.admit(error.message.clone(), Instant::now()).is_some() {
                    tracing::warn!(store = %self.store, reason = %error.reason, "no traces: {error}");
                }
                None
            }
            Failure::Collector(error) => error.wait,
        }
    }

    /// Reads a step of the history and sends the traces of what ended in it. Nothing moves unless all were taken.
    async fn step(&mut self) -> Result<Step, Failure> {
        self.recognise().await.map_err(Failure::Store)?;
        let request = Request { census: false, recount: false, history: Some(&self.start) };
        let limit = self.settings.timeout;
        let read = source::within(limit, self.source.read(request, limit)).await.map_err(Failure::Store)?;
        self.unread.clear();
        let Some(batch) = read.history else { return Ok(Step::Never) };
        if let Some(why) = &batch.lost {
            tracing::warn!(store = %self.store, "traces: {why}");
        }
        // Perhaps another store has taken its place.
        self.recognised &= !batch.rewound && batch.lost.is_none();
        if batch.missed > 0 {
            let events = batch.missed;
            tracing::warn!(store = %self.store, events, "events were deleted before their traces could be sent");
        }
        let mut counts = Counts::default();
        let Batch { chunks, position, backlog, .. } = batch;
        let payloads = self.settings.payloads;
        let Finished { whole, others } = aside(move || Finished::of(&chunks, payloads)).await?;
        self.deliver(whole, &mut counts).await?;
        for some in others.chunks(TOGETHER) {
            let pasts = self.recall(some, &position).await.map_err(Failure::Store)?;
            counts.missing += some.len().saturating_sub(pasts.len()) as u64;
            self.deliver(pasts, &mut counts).await?;
        }
        self.count(counts);
        let moved = self.start != Start::After(position.clone());
        self.start = Start::After(position);
        if moved {
            self.save().await;
        }
        Ok(if backlog > 0 { Step::More } else { Step::End })
    }

    fn count(&self, counts: Counts) {
        if self.collectors.traces.is_none() {
            return;
        }
        for (outcome, executions) in [
            (TraceOutcome::Exported, counts.exported),
            (TraceOutcome::Unsampled, counts.unsampled),
            (TraceOutcome::Missing, counts.missing),
            (TraceOutcome::Refused, counts.refused),
        ] {
            self.telemetry.add(&catalogue::TRACES, [&self.store, outcome.as_str()], executions);
        }
        for (orchestration, outcome, exemplar) in counts.examples {
            self.telemetry.exemplars().add(&self.store, &orchestration, outcome, exemplar);
        }
    }

    /// Whether this is the store that the state file is of.
    async fn recognise(&mut self) -> Result<(), SourceError> {
        if self.file.is_none() || self.recognised {
            return Ok(());
        }
        let request = Request { census: true, recount: false, history: None };
        let limit = self.settings.timeout;
        let census = source::within(limit, self.source.read(request, limit)).await?.census;
        self.identity = census.and_then(|census| census.identity);
        self.recognised = true;
        if let Some(claimed) = self.claimed.take() {
            if claimed.is_some() && self.identity.is_some() && claimed != self.identity {
                self.begin_anew(state::Unusable::Foreign);
            } else {
                tracing::info!(store = %self.store, "traces go on where they ended");
            }
        }
        Ok(())
    }

    /// What executions did that were not read along with.
    async fn recall(
        &mut self,
        executions: &[ExecutionKey],
        until: &Position,
    ) -> Result<Vec<ExecutionEvents>, SourceError> {
        let TraceSettings { payloads, timeout, .. } = &*self.settings;
        let mut reader = Reader::new(*payloads);
        let mut take = |chunk: &Chunk| reader.take(chunk);
        source::within(*timeout, self.source.recall(executions, until, *timeout, &mut take)).await?;
        Ok(reader.finish())
    }

    /// Sends the traces of some executions, and log records of their failures.
    async fn deliver(&mut self, pasts: Vec<ExecutionEvents>, counts: &mut Counts) -> Result<(), Failure> {
        let (settings, store) = (Arc::clone(&self.settings), Arc::clone(&self.store));
        let wanted =
            Signals { traces: self.collectors.traces.is_some(), logs: self.collectors.logs.is_some() };
        let made = aside(move || TraceBatch::of(pasts, wanted, &settings, &store)).await?;
        let TraceBatch { requests, mut exported, unsampled, failures } = made;
        for request in requests {
            let refused = self.send(request).await?;
            exported.retain(|(_, _, exemplar)| !refused.contains(&exemplar.trace_id));
            counts.refused += refused.len() as u64;
        }
        counts.exported += exported.len() as u64;
        counts.unsampled += unsampled;
        counts.examples.extend(exported);
        let records = failures.into_iter().map(|record| (env!("CARGO_PKG_NAME"), record));
        for request in logs::requests(records, &self.settings.resource) {
            self.send_logs(request).await?;
        }
        Ok(())
    }

    /// Sends a request. Of one that no collector would take, the traces of which it held the roots: it is left, for all
    /// behind it would wait for ever.
    async fn send(&mut self, request: ExportTraceServiceRequest) -> Result<HashSet<[u8; 16]>, Failure> {
        let Some(sender) = &mut self.collectors.traces else { return Ok(HashSet::new()) };
        let spans = request.resource_spans.iter().flat_map(|of| &of.scope_spans).flat_map(|of| &of.spans);
        let roots = spans.filter(|span| span.parent_span_id.is_empty());
        let traces = roots.filter_map(|root| root.trace_id.as_slice().try_into().ok()).collect();
        match sender.send(request).await {
            Ok(()) => Ok(HashSet::new()),
            Err(error) if error.malformed => Ok(traces),
            Err(error) => Err(Failure::Collector(error)),
        }
    }

    /// Sends records, likewise.
    async fn send_logs(&mut self, request: ExportLogsServiceRequest) -> Result<(), Failure> {
        let Some(sender) = &mut self.collectors.logs else { return Ok(()) };
        match sender.send(request).await {
            Err(error) if !error.malformed => Err(Failure::Collector(error)),
            _ => Ok(()),
        }
    }

    async fn save(&mut self) {
        let (Some(file), Start::After(position)) = (&self.file, &self.start) else { return };
        let kept = TraceState { identity: self.identity.clone(), position: position.clone() };
        let file = Arc::clone(file);
        let path = file.path().display().to_string();
        let saved = tokio::task::spawn_blocking(move || file.save(&kept)).await;
        match saved.unwrap_or_else(|error| Err(error.into())) {
            Ok(()) if self.unsaved.clear() => {
                tracing::info!(store = %self.store, file = %path, "the state file of the traces is written again");
            }
            Ok(()) => {}
            Err(error) => {
                self.telemetry.add(&catalogue::STATE_WRITE_FAILURES, [&self.store], 1);
                if self.unsaved.admit((), Instant::now()).is_some() {
                    tracing::error!(
                        store = %self.store, file = %path,
                        "the state file of the traces cannot be written: {error}. Until it can, a restart sends again what was sent since the last write"
                    );
                }
            }
        }
    }
}

/// What became of executions.
#[derive(Debug, Default)]
struct Counts {
    exported: u64,
    unsampled: u64,
    missing: u64,
    refused: u64,
    examples: Vec<Example>,
}

/// Work of some dozen milliseconds, away from the event loop.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Failure::Store(SourceError::new(FailureReason::Other, error.to_string())))
}
