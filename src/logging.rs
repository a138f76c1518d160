//! The log: lines on standard error, as text or JSON. Standard output belongs to results.

use std::io;

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Config, LogFormat};

/// Starts the log of this process. A log that an embedding application has started stays as it is.
pub(crate) fn start(config: &Config, colours: bool) {
    // Directives were read before, so nothing is lost here.
    let filter = EnvFilter::builder().parse_lossy(&config.log_filter);
    let log = fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        // Otherwise a closed standard error ends the process: the complaint about it is an `eprintln!`.
        .log_internal_errors(false);
    let started = match config.log_format {
        LogFormat::Text => log.with_ansi(colours).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    if started.is_err() {
        tracing::debug!("a log is already there; it stays as it is");
    }
}
