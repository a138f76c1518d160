//! The one wiring function: binds, spawns the pollers, serves and pushes, drains.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::catalogue;
use crate::config::{self, Endpoint, Otlp, Settings, SettingsError};
use crate::logs;
use crate::management::ManagementAPI;
use crate::observe::{DURATION_MS, Poller, PollerSettings, Readers, store_view};
use crate::otlp::{self, Export, MetricsPusher, Sender};
use crate::server::{self, Server};
use crate::source::Source;
use crate::state::{StateError, StateFile};
use crate::store::ManagementSource;
use crate::store::connect::{self, Deployment};
use crate::store::{StoreSpec, StoreUrl};
use crate::telemetry::Telemetry;
use crate::traces::{self, Collectors, Sampling, TraceExporter};
use duroxide_instrument::TraceIds;

/// Time for pollers to be dropped when the exporter stops.
const POLLERS_END: Duration = Duration::from_secs(1);

/// An exporter that is bound to its addresses and ready to [`run`](Self::run).
pub struct Exporter {
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    pollers: Vec<Poller>,
    server: Server,
    push: Option<MetricsPusher>,
    trace_exporters: Vec<TraceExporter>,
    logs: Option<logs::LogPusher>,
    drain_timeout: Duration,
}

/// Builds an [`Exporter`] to embed. Mistakes are collected and reported by [`bind`](Self::bind), all at once.
#[derive(Default)]
#[must_use]
pub struct ExporterBuilder {
    settings: Settings,
    deployment: Deployment,
    stores: Vec<Watched>,
    /// What is sent of the log.
    log: logs::Queue,
    mistakes: Vec<String>,
}

/// A store, as one lane or two read it.
struct Watched {
    name: Arc<str>,
    source: Box<dyn Source>,
    /// Another source for its traces; `None` where there is no history to tell.
    traced: Option<Box<dyn Source>>,
}

impl Watched {
    fn at(name: Arc<str>, url: &StoreUrl, deployment: Deployment) -> Self {
        let traced = Some(connect::source(url, deployment));
        Self { name, source: connect::source(url, deployment), traced }
    }
}

/// Why an exporter could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Settings that cannot work; one line for each.
    #[error("{}", .0.join("\n"))]
    Settings(Vec<String>),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {error}{}", hint(.error))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
    /// The directory for state cannot be used.
    #[error("{0}")]
    State(String),
}

impl From<StateError> for StartError {
    fn from(error: StateError) -> Self {
        Self::State(error.to_string())
    }
}

fn hint(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            " (is another exporter running? choose another --web.listen-address)"
        }
        std::io::ErrorKind::PermissionDenied => " (ports below 1024 need a privilege; choose a higher one)",
        std::io::ErrorKind::AddrNotAvailable => " (no interface of this machine has that address)",
        _ => "",
    }
}

/// Why an exporter stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A poller ended, which it never should: a defect of this crate. Serving on would show ageing numbers.
    #[error("a poller ended unexpectedly: {0}")]
    Poller(String),
}

impl Exporter {
    /// Starts to describe an exporter.
    pub fn builder() -> ExporterBuilder {
        ExporterBuilder::default()
    }

    /// The first address that is listened on, with its real port.
    #[expect(clippy::indexing_slicing, reason = "an exporter listens on at least one address")]
    pub fn local_addr(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// All addresses that are listened on.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Polls, serves and pushes until `shutdown` resolves, then pushes once more and lets requests in flight end.
    ///
    /// # Errors
    /// [`RunError::Poller`], which would be a defect of this crate.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), RunError> {
        let Self { listeners, pollers, server, push, trace_exporters, logs, drain_timeout, addresses: _ } =
            self;
        // Ends with this future, whoever drops it.
        let mut pushing = JoinSet::new();
        let (stop_pushing, stopped) = watch::channel(false);
        let stopped = || {
            let mut stopped = stopped.clone();
            async move {
                let _ = stopped.wait_for(|stopped| *stopped).await;
            }
        };
        if let Some(push) = push {
            pushing.spawn(push.run(stopped(), drain_timeout));
        }
        for exporter in trace_exporters {
            pushing.spawn(exporter.run(stopped(), drain_timeout));
        }
        if let Some(logs) = logs {
            pushing.spawn(logs.run(stopped(), drain_timeout));
        }
        let mut polling = JoinSet::new();
        for poller in pollers {
            polling.spawn(poller.run());
        }
        let mut outcome = Ok(());
        let stop = async {
            tokio::select! {
                () = shutdown => {}
                Some(ended) = polling.join_next() => {
                    let why = ended.err().map_or_else(|| "returned".to_owned(), |error| error.to_string());
                    outcome = Err(RunError::Poller(why));
                }
            }
            // Nobody listens where nothing is pushed.
            let _ = stop_pushing.send(true);
        };
        server.serve(listeners, stop).await;
        // Bounded by the same time as the requests in flight, from the same moment.
        while pushing.join_next().await.is_some() {}
        // Now, not when the runtime gets round to it: a poller may be making a private copy of a store, and the
        // process may end before. One that hangs in the file system is not waited for.
        let _ = tokio::time::timeout(POLLERS_END, polling.shutdown()).await;
        outcome
    }
}

impl ExporterBuilder {
    /// Polls the store at `url`, for example `sqlite:/var/lib/orders/store.db`, under the label `store="name"`.
    pub fn store(mut self, name: &str, url: &str) -> Self {
        match (StoreSpec::check_name(name), StoreUrl::parse(url)) {
            (Ok(name), Ok(url)) => self.stores.push(Watched::at(name, &url, self.deployment)),
            (name, url) => self
                .mistakes
                .extend([name.err(), url.err()].into_iter().flatten().map(|error| error.to_string())),
        }
        self
    }

    /// Polls anything that implements [`ManagementAPI`], under the label `store="name"`. What it answers
    /// [`Unsupported`](crate::ManagementError::Unsupported) to is left out of the metrics.
    pub fn observe(mut self, name: &str, management: Arc<dyn ManagementAPI>) -> Self {
        match StoreSpec::check_name(name) {
            Ok(name) => {
                let source = Box::new(ManagementSource::new(management));
                self.stores.push(Watched { name, source, traced: None });
            }
            Err(error) => self.mistakes.push(error.to_string()),
        }
        self
    }

    /// Adds an address to listen on; port 0 takes a free one. Default `127.0.0.1:9899`.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.settings.listen.push(address);
        self
    }

    /// Time from the beginning of one poll to the beginning of the next. Default 5 s.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.settings.poll_interval = interval;
        self
    }

    /// After this time a poll is interrupted and counts as failed. Default 30 s.
    pub fn poll_timeout(mut self, timeout: Duration) -> Self {
        self.settings.poll_timeout = timeout;
        self
    }

    /// Greatest number of label combinations a family may have for each store; the rest is `other`. Default 200.
    pub fn max_label_values(mut self, max: usize) -> Self {
        self.settings.max_label_values = max;
        self
    }

    /// Keeps counters and the position in the history in this directory over a restart. Default: they begin anew.
    pub fn state_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.settings.state_dir = Some(directory.into());
        self
    }

    /// Whether counters begin with the oldest event of the history rather than with what comes from now on.
    pub fn backfill(mut self, backfill: bool) -> Self {
        self.settings.backfill = backfill;
        self
    }

    /// Pushes the metrics by OTLP (protobuf over HTTP) to the collector at `endpoint`, such as `http://localhost:4318`;
    /// `/v1/metrics` is added. Default: nothing is pushed, whatever `OTEL_*` variables say.
    pub fn otlp(mut self, endpoint: &str) -> Self {
        match config::parse_endpoint(endpoint, false) {
            Ok(endpoint) => self.settings.otlp.endpoint = endpoint,
            Err(problem) => self.mistakes.push(format!("otlp.endpoint: {problem}")),
        }
        self
    }

    /// Pushes by gRPC instead; the usual port is 4317.
    pub fn otlp_grpc(mut self, endpoint: &str) -> Self {
        self.settings.otlp.protocol = config::Protocol::Grpc;
        self.otlp(endpoint)
    }

    /// Sends every execution that ends as a trace, made of its history, to the collector of [`otlp`](Self::otlp). The ids
    /// are those of [`TraceIds`] with this namespace, which is usually empty. Traces hold names and ids, no inputs or
    /// outputs.
    pub fn traces(mut self, namespace: &str) -> Self {
        self.settings.traces.enabled = true;
        namespace.clone_into(&mut self.settings.traces.namespace);
        self
    }

    /// Sends a record of every execution that failed, of every activity that was given up as poison and of every instance
    /// that gets stuck, with the ids of its trace, to the collector of [`otlp`](Self::otlp). (The log of the application,
    /// what this crate writes to it included, is the application's to send.)
    pub fn logs(mut self) -> Self {
        self.settings.logs.enabled = true;
        self
    }

    /// Time from one push of the metrics to the next. Default 1 min.
    pub fn otlp_interval(mut self, interval: Duration) -> Self {
        self.settings.otlp.metrics_interval = interval;
        self
    }

    /// For stores added after this call: their runtime is another process, as for the command line.
    pub(crate) fn sidecar(mut self) -> Self {
        self.deployment = Deployment::Sidecar;
        self
    }

    /// Polls a store whose URL the command line has read.
    pub(crate) fn spec(mut self, spec: &StoreSpec) -> Self {
        self.stores.push(Watched::at(Arc::clone(&spec.name), &spec.url, self.deployment));
        self
    }

    /// What the command line has seen of the log, to be sent.
    pub(crate) fn log(mut self, log: logs::Queue) -> Self {
        self.log = log;
        self
    }

    /// All settings at once, as the command line makes them.
    pub(crate) fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Checks the settings and binds the addresses. Stores are opened by the first poll.
    ///
    /// # Errors
    /// Every mistake in the settings at once, or an address that cannot be bound.
    pub async fn bind(self) -> Result<Exporter, StartError> {
        let Self { settings, deployment: _, stores, log, mut mistakes } = self;
        if stores.is_empty() && mistakes.is_empty() {
            mistakes.push("no store to watch: call store() or observe()".to_owned());
        }
        for (index, Watched { name, .. }) in stores.iter().enumerate() {
            if stores.iter().take(index).any(|earlier| earlier.name == *name) {
                mistakes.push(format!("store name {name:?} is given twice"));
            }
        }
        mistakes.extend(
            settings
                .check()
                .into_iter()
                .chain(settings.check_together())
                .map(|SettingsError { key, problem }| format!("{key}: {problem}")),
        );
        let collector = settings.otlp.metrics().map(|endpoint| otlp::Client::new(&settings.otlp, &endpoint));
        let collector = collector.transpose().unwrap_or_else(|problems| {
            mistakes.extend(problems);
            None
        });
        if !mistakes.is_empty() {
            return Err(StartError::Settings(mistakes));
        }

        let mut listeners = Vec::new();
        let mut addresses = Vec::new();
        for address in settings.listen_or_default() {
            let bind_error = |error| StartError::Bind { address, error };
            let listener = TcpListener::bind(address).await.map_err(bind_error)?;
            addresses.push(listener.local_addr().map_err(bind_error)?);
            listeners.push(listener);
        }

        let telemetry = Arc::new(Telemetry::new(DURATION_MS));
        let mut pollers = Vec::new();
        let mut readers = Vec::new();
        let mut trace_exporters = Vec::new();
        for Watched { name, source, traced } in stores {
            let state = match &settings.state_dir {
                Some(directory) => {
                    telemetry.add(&catalogue::STATE_WRITE_FAILURES, [&name], 0);
                    Some(StateFile::open(directory, &name)?)
                }
                None => None,
            };
            trace_exporters.extend(trace_exporter(&settings, &name, traced, &addresses, &telemetry)?);
            let (writer, reader) = store_view(Arc::clone(&name));
            readers.push(reader);
            let poller_settings = PollerSettings {
                interval: settings.poll_interval,
                timeout: settings.poll_timeout,
                backfill: settings.backfill,
                max_label_values: settings.max_label_values,
            };
            pollers.push(Poller::new(name, source, writer, poller_settings, Arc::clone(&telemetry), state));
        }
        let readers = Readers::new(readers, Arc::clone(&telemetry));
        let logs = match settings.logs_collector().zip(addresses.first()) {
            Some(((collector, endpoint), address)) => Some(logs::LogPusher::new(
                sender(collector, &endpoint, &telemetry)?,
                log,
                readers.clone(),
                TraceIds::new(&settings.traces.namespace),
                settings.poll_interval,
                Arc::clone(&telemetry),
                otlp::resource(collector, *address),
            )),
            None => None,
        };
        let push = collector.zip(addresses.first()).map(|(collector, address)| {
            let resource = otlp::resource(&settings.otlp, *address);
            let sender = Sender::new(collector, telemetry);
            MetricsPusher::new(sender, readers.clone(), settings.otlp.metrics_interval, resource)
        });
        let server = Server::new(readers, server::Settings::from(&settings));
        let drain_timeout = settings.drain_timeout;
        Ok(Exporter { listeners, addresses, pollers, server, push, trace_exporters, logs, drain_timeout })
    }
}

/// What sends requests of one kind to a collector.
fn sender<E: Export + 'static>(
    otlp: &Otlp,
    endpoint: &Endpoint,
    telemetry: &Arc<Telemetry>,
) -> Result<Sender<E>, StartError> {
    let client = otlp::Client::new(otlp, endpoint).map_err(StartError::Settings)?;
    Ok(Sender::new(client, Arc::clone(telemetry)))
}

/// What sends the traces of a store, and what people should know of what ended in it.
fn trace_exporter(
    settings: &Settings,
    name: &Arc<str>,
    source: Option<Box<dyn Source>>,
    addresses: &[SocketAddr],
    telemetry: &Arc<Telemetry>,
) -> Result<Option<TraceExporter>, StartError> {
    let (traces, logs) = (settings.traces_collector(), settings.logs_collector());
    let Some((otlp, _)) = traces.as_ref().or(logs.as_ref()) else { return Ok(None) };
    let resource = addresses.first().map(|address| otlp::resource(otlp, *address)).unwrap_or_default();
    let Some(source) = source else {
        tracing::warn!(store = %name, "nothing is sent of what ends in it: its ManagementAPI has no history to follow");
        return Ok(None);
    };
    let collectors = Collectors {
        traces: traces.map(|(otlp, endpoint)| sender(otlp, &endpoint, telemetry)).transpose()?,
        logs: logs.map(|(otlp, endpoint)| sender(otlp, &endpoint, telemetry)).transpose()?,
    };
    let traces = &settings.traces;
    let trace_settings = traces::TraceSettings {
        interval: settings.poll_interval,
        timeout: settings.poll_timeout,
        backfill: traces.backfill,
        payloads: traces.payloads,
        sampling: Sampling {
            ratio: traces.sample_ratio,
            failed: traces.keep_failed,
            slower_than: traces.keep_slower_than,
        },
        ids: TraceIds::new(&traces.namespace),
        resource,
    };
    let file = match &settings.state_dir {
        Some(directory) => Some(StateFile::open(&directory.join("traces"), name)?),
        None => None,
    };
    let store = Arc::clone(name);
    Ok(Some(TraceExporter::new(store, source, collectors, trace_settings, Arc::clone(telemetry), file)))
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl fmt::Debug for ExporterBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExporterBuilder").field("settings", &self.settings).finish_non_exhaustive()
    }
}
