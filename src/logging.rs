//! The log: lines on standard error, as text or JSON. Standard output belongs to results. If logs are sent by OTLP, each
//! line goes there, too. While the exporter serves, nothing waits for whoever reads them.

mod own;
mod stderr;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io;
use std::panic::{self, PanicHookInfo};

use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt, registry};

use crate::config::{Config, LogFormat};
use crate::logs::Queue;
use own::Own;
pub use stderr::Stderr;

/// Starts the log of this process; `sent` takes what is sent of it. A log that an embedding application has started stays
/// as it is.
///
/// # Errors
/// When the process that `serves` can have no thread for it.
pub(crate) fn start(config: &Config, serves: bool, sent: Option<Queue>, colours: bool) -> io::Result<()> {
    if serves {
        stderr::detach()?;
        panic::set_hook(Box::new(tell_panic));
    }
    // Directives were read before, so nothing is lost here.
    let filter = EnvFilter::builder().parse_lossy(&config.log_filter);
    let lines = fmt::layer()
        .with_writer(|| Stderr)
        // Spans are of what is done again and again, and exist at the level of debugging: then each is told with its time.
        .with_span_events(FmtSpan::CLOSE)
        // Otherwise a closed standard error ends the process: the complaint about it is an `eprintln!`.
        .log_internal_errors(false);
    let lines = match config.log_format {
        LogFormat::Text => lines.with_ansi(colours).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    if registry().with(filter).with(lines).with(sent.map(Own::new)).try_init().is_err() {
        tracing::debug!("a log is already there; it stays as it is");
    }
    Ok(())
}

/// The standard library's hook would write to standard error itself, and wait for its reader.
fn tell_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let message = panic.payload_as_str().unwrap_or("no message");
    let backtrace = Backtrace::capture();
    let calls = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(place, calls, "panicked, a defect of this program: {message}");
}
