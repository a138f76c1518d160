//! What an exporter needs to run, and what of it cannot work.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::logs::Logs;
use super::otlp::{Endpoint, Otlp};
use super::traces::Traces;

/// 9899 is free in the list of default ports of Prometheus exporters.
pub(crate) const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9899);

const DAY: Duration = Duration::from_secs(86_400);

/// What an exporter needs to run, apart from its stores.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    /// Empty: [`DEFAULT_LISTEN`].
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) telemetry_path: String,
    pub(crate) poll_interval: Duration,
    pub(crate) poll_timeout: Duration,
    /// Where counters are kept over a restart.
    pub(crate) state_dir: Option<PathBuf>,
    /// Whether counters begin with the oldest event of a history.
    pub(crate) backfill: bool,
    pub(crate) max_label_values: usize,
    pub(crate) max_connections: usize,
    /// Time a client has to send a request's head; also closes idle connections.
    pub(crate) header_read_timeout: Duration,
    /// Time requests in flight have to end after a stop signal.
    pub(crate) drain_timeout: Duration,
    pub(crate) otlp: Otlp,
    pub(crate) traces: Traces,
    pub(crate) logs: Logs,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            telemetry_path: "/metrics".to_owned(),
            poll_interval: Duration::from_secs(5),
            poll_timeout: Duration::from_secs(30),
            state_dir: None,
            backfill: false,
            max_label_values: 200,
            max_connections: 64,
            // Longer than the usual scrape interval (15 s to 1 min), so that Prometheus keeps its connection.
            header_read_timeout: Duration::from_secs(75),
            drain_timeout: Duration::from_secs(5),
            otlp: Otlp::default(),
            traces: Traces::default(),
            logs: Logs::default(),
        }
    }
}

/// One setting that cannot work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SettingsError {
    /// Name of the setting, as a flag without its dashes.
    pub(crate) key: &'static str,
    /// What is wrong, with an example.
    pub(crate) problem: String,
}

impl Settings {
    pub(crate) fn listen_or_default(&self) -> Vec<SocketAddr> {
        if self.listen.is_empty() { vec![DEFAULT_LISTEN] } else { self.listen.clone() }
    }

    /// Where traces go and how, if anywhere.
    pub(crate) fn traces_collector(&self) -> Option<(&Otlp, Endpoint)> {
        let Traces { enabled, endpoint, otlp, .. } = &self.traces;
        let otlp = otlp.as_ref().unwrap_or(&self.otlp);
        let endpoint = endpoint.clone().or_else(|| otlp.of_signal("v1/traces"));
        endpoint.filter(|_| *enabled).map(|endpoint| (otlp, endpoint))
    }

    /// Where logs go and how, if anywhere.
    pub(crate) fn logs_collector(&self) -> Option<(&Otlp, Endpoint)> {
        let Logs { enabled, endpoint, otlp } = &self.logs;
        let otlp = otlp.as_ref().unwrap_or(&self.otlp);
        let endpoint = endpoint.clone().or_else(|| otlp.of_signal("v1/logs"));
        endpoint.filter(|_| *enabled).map(|endpoint| (otlp, endpoint))
    }

    /// Cross-field validation.
    pub(crate) fn check_together(&self) -> Option<SettingsError> {
        let of = |enabled: bool, collector: bool, key, own| {
            (enabled && !collector).then(|| SettingsError {
                key,
                problem: format!("needs a collector: give --otlp.endpoint or --{own}, too"),
            })
        };
        let traces = self.traces_collector().is_some();
        let logs = self.logs_collector().is_some();
        of(self.traces.enabled, traces, "otlp.traces.enabled", "otlp.traces.endpoint")
            .or_else(|| of(self.logs.enabled, logs, "otlp.logs.enabled", "otlp.logs.endpoint"))
    }

    /// Everything that cannot work, not only the first.
    pub(crate) fn check(&self) -> Vec<SettingsError> {
        let mut errors = Vec::new();
        let mut require = |ok: bool, key, problem: &str| {
            if !ok {
                errors.push(SettingsError { key, problem: problem.to_owned() });
            }
        };
        // Upper bounds: far beyond any use, but far below what overflows a clock.
        let poll = Duration::from_millis(10)..=DAY;
        require(poll.contains(&self.poll_interval), "poll-interval", "must be 10ms to 1d (example: 5s)");
        require(poll.contains(&self.poll_timeout), "poll-timeout", "must be 10ms to 1d (example: 30s)");
        let count = 1..=100_000;
        require(
            count.contains(&self.max_label_values),
            "metrics.max-label-values",
            "must be 1 to 100000 (example: 200)",
        );
        require(
            count.contains(&self.max_connections),
            "web.max-connections",
            "must be 1 to 100000 (example: 64)",
        );
        let read = Duration::from_millis(1)..=DAY;
        require(
            read.contains(&self.header_read_timeout),
            "web.header-read-timeout",
            "must be 1ms to 1d (example: 75s)",
        );
        require(self.drain_timeout <= DAY, "web.drain-timeout", "must be 0s to 1d (example: 5s)");
        let Otlp { timeout, metrics_interval, .. } = &self.otlp;
        require(read.contains(timeout), "otlp.timeout", "must be 1ms to 1d (example: 10s)");
        require(
            poll.contains(metrics_interval),
            "otlp.metrics.interval",
            "must be 10ms to 1d (example: 60s)",
        );
        let path = &self.telemetry_path;
        require(
            path.starts_with('/')
                && path.len() > 1
                && path.chars().all(|c| c.is_ascii_graphic() && !"?#".contains(c)),
            "web.telemetry-path",
            "must be a path below /, which itself is the page for people, without query (example: /metrics)",
        );
        let taken = ["/livez", "/readyz", "/-/healthy", "/-/ready"];
        require(
            !taken.contains(&path.as_str()) && !path.starts_with("/api/"),
            "web.telemetry-path",
            "is a path that already has another meaning (example: /metrics)",
        );
        errors
    }
}
