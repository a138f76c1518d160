//! `serve`: polls and serves until a signal says stop.

use std::io;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Error;
use crate::app::Exporter;
use crate::config::{Config, format_duration};
use crate::logs::Queue;

/// Few and fixed: the exporter shares its machine with the application it watches, and its work is one poll a
/// store and a scrape now and then.
const WORKER_THREADS: usize = 2;

/// Another signal within this time is the same request to stop, sent to a process and to its group, or by two supervisors.
const SAME: Duration = Duration::from_secs(1);

/// Runs the exporter.
pub(super) fn serve(config: Config, log: Queue) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .enable_all()
        .build()
        .map_err(Error::System)?;
    let outcome = runtime.block_on(run(config, log));
    // A read that hangs in the file system does not hold up the end.
    runtime.shutdown_background();
    outcome
}

async fn run(config: Config, log: Queue) -> Result<(), Error> {
    // Before anything else: a signal during the start stops gracefully too.
    let mut signals = Signals::listen().map_err(Error::System)?;
    let Config { stores, settings, log_filter: _, log_format: _ } = config;
    let names: Vec<String> = stores.iter().map(|store| format!("{}={}", store.name, store.url)).collect();
    let (interval, drain) = (settings.poll_interval, settings.drain_timeout);
    let path = settings.telemetry_path.clone();
    let push = settings.otlp.metrics().map(|endpoint| {
        let every = format_duration(settings.otlp.metrics_interval);
        format!("metrics are pushed to {endpoint} ({}) every {every}", settings.otlp.protocol.as_str())
    });

    let traces = settings.traces_collector().map(|(otlp, endpoint)| {
        format!("traces of executions that end are sent to {endpoint} ({})", otlp.protocol.as_str())
    });

    let logs = settings.logs_collector().map(|(otlp, endpoint)| {
        format!(
            "this log and records of what failed or is stuck are sent to {endpoint} ({})",
            otlp.protocol.as_str()
        )
    });

    let mut builder = Exporter::builder().sidecar().log(log).settings(settings);
    for store in &stores {
        builder = builder.spec(store);
    }
    let exporter = builder.bind().await?;
    let urls: Vec<String> =
        exporter.local_addrs().iter().map(|address| format!("http://{address}{path}")).collect();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        stores = names.join(" "),
        poll_interval = format_duration(interval),
        "listening on {}",
        urls.join(" and ")
    );
    for line in push.iter().chain(&traces).chain(&logs) {
        tracing::info!("{line}");
    }

    let (stop, stopped) = oneshot::channel();
    let watch = async move {
        let signal = signals.next().await;
        tracing::info!("{signal}: stopping; requests in flight have {} to end", format_duration(drain));
        // Without a receiver the exporter has stopped already.
        let _ = stop.send(());
        let first = Instant::now();
        loop {
            let signal = signals.next().await;
            if first.elapsed() >= SAME {
                return signal;
            }
        }
    };
    tokio::select! {
        outcome = exporter.run(async { let _ = stopped.await; }) => outcome?,
        signal = watch => return Err(Error::Interrupted(signal)),
    }
    tracing::info!("stopped");
    Ok(())
}

/// The signals that stop the exporter, and the one that does not: where it comes from a service manager or from a script
/// that rotates logs, it asks for settings to be read again, and ends no service.
#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one that stops.
    async fn next(&mut self) -> &'static str {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.hangup.recv() => {
                    tracing::info!("SIGHUP: ignored. Settings are read at the start; SIGTERM stops the exporter");
                }
            }
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "the same shape as on Unix")]
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> &'static str {
        // Without a handler Ctrl-C ends the process by itself; waiting is all there is to do.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        "Ctrl-C"
    }
}
