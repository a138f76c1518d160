//! From the text of a setting to its value: the one place that knows the type behind each key.
//!
//! What is wrong is told without a word of the text, and a value of a list by its position: what was not understood may
//! be a part of a password that stands in the wrong place or was split.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::listen::Resolver;
use super::{Settings, duration, listen, otlp, traces};
use crate::store::StoreSpec;

/// The validated configuration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Config {
    /// At least one.
    pub(crate) stores: Vec<StoreSpec>,
    pub(crate) settings: Settings,
    /// Directives for `tracing`.
    pub(crate) log_filter: String,
    pub(crate) log_format: LogFormat,
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            stores: Vec::new(),
            settings: Settings::default(),
            log_filter: filter_of_level("info"),
            log_format: LogFormat::Text,
        }
    }
}

impl Config {
    /// Sets one setting, replacing what an earlier layer gave. Answers everything that is wrong with the texts.
    pub(super) fn set(&mut self, key: &str, texts: &[String], resolve: &Resolver) -> Vec<String> {
        let Self { stores, settings, log_filter, log_format } = self;
        let last = texts.last().map(String::as_str).unwrap_or_default();
        match key {
            "store" => list(
                stores,
                texts,
                "store",
                |text| StoreSpec::parse(text).map_err(|error| error.to_string()),
                |s| Some(format!("the name {:?}", s.name)),
            ),
            "poll-interval" => one(&mut settings.poll_interval, duration::parse(last)),
            "poll-timeout" => one(&mut settings.poll_timeout, duration::parse(last)),
            "state-dir" => one(&mut settings.state_dir, directory(last)),
            "history.backfill" => one(&mut settings.backfill, yes_or_no(last)),
            "metrics.max-label-values" => one(&mut settings.max_label_values, number(last)),
            "web.listen-address" => list(
                &mut settings.listen,
                texts,
                "address",
                |text| listen::parse(text, resolve),
                |a| {
                    // Port 0 takes a free one each time.
                    (a.port() != 0).then(|| SocketAddr::to_string(a))
                },
            ),
            "web.telemetry-path" => one(&mut settings.telemetry_path, Ok(last.trim().to_owned())),
            "web.max-connections" => one(&mut settings.max_connections, number(last)),
            "web.header-read-timeout" => one(&mut settings.header_read_timeout, duration::parse(last)),
            "web.drain-timeout" => one(&mut settings.drain_timeout, duration::parse(last)),
            "otlp.endpoint" => one(&mut settings.otlp.endpoint, otlp::endpoint(last, false)),
            "otlp.metrics.endpoint" => one(&mut settings.otlp.metrics_endpoint, otlp::endpoint(last, true)),
            "otlp.metrics.interval" => one(&mut settings.otlp.metrics_interval, duration::parse(last)),
            "otlp.protocol" => one(&mut settings.otlp.protocol, otlp::protocol(last)),
            "otlp.headers" => one(&mut settings.otlp.headers, otlp::headers(last)),
            "otlp.timeout" => one(&mut settings.otlp.timeout, duration::parse(last)),
            "otlp.compression" => one(&mut settings.otlp.gzip, otlp::compression(last)),
            "otlp.certificate" => one(&mut settings.otlp.certificate, file(last)),
            "otlp.client-certificate" => one(&mut settings.otlp.client_certificate, file(last)),
            "otlp.client-key" => one(&mut settings.otlp.client_key, file(last)),
            "otlp.service-name" => one(&mut settings.otlp.service_name, otlp::name(last)),
            "otlp.resource-attributes" => one(&mut settings.otlp.resource_attributes, otlp::attributes(last)),
            "otlp.traces.enabled" => one(&mut settings.traces.enabled, yes_or_no(last)),
            "otlp.traces.endpoint" => one(&mut settings.traces.endpoint, otlp::endpoint(last, true)),
            "otlp.traces.namespace" => one(&mut settings.traces.namespace, Ok(last.trim().to_owned())),
            "otlp.traces.payloads" => one(&mut settings.traces.payloads, yes_or_no(last)),
            "otlp.traces.backfill" => one(&mut settings.traces.backfill, yes_or_no(last)),
            "otlp.traces.sample-ratio" => one(&mut settings.traces.sample_ratio, traces::ratio(last)),
            "otlp.traces.keep-failed" => one(&mut settings.traces.keep_failed, yes_or_no(last)),
            "otlp.traces.keep-slower-than" => {
                one(&mut settings.traces.keep_slower_than, duration::parse(last).map(Some))
            }
            "otlp.logs.enabled" => one(&mut settings.logs.enabled, yes_or_no(last)),
            "otlp.logs.endpoint" => one(&mut settings.logs.endpoint, otlp::endpoint(last, true)),
            "log.level" => one(log_filter, filter(last)),
            "log.format" => one(log_format, format(last)),
            // Read before everything else, by whoever opens the file.
            "config.file" => Vec::new(),
            _ => vec!["is in the table of settings, but nothing reads it".to_owned()],
        }
    }
}

fn one<T>(target: &mut T, value: Result<T, String>) -> Vec<String> {
    match value {
        Ok(value) => {
            *target = value;
            Vec::new()
        }
        Err(problem) => vec![problem],
    }
}

/// Reads every text; two values with the same identity are a mistake.
fn list<T>(
    target: &mut Vec<T>,
    texts: &[String],
    what: &str,
    parse: impl Fn(&str) -> Result<T, String>,
    identity: impl Fn(&T) -> Option<String>,
) -> Vec<String> {
    let mut problems = Vec::new();
    target.clear();
    for (index, text) in texts.iter().enumerate() {
        let position = if texts.len() > 1 {
            format!("{what} {} of {}: ", index + 1, texts.len())
        } else {
            String::new()
        };
        match parse(text) {
            Ok(value) => {
                let same = identity(&value)
                    .filter(|new| target.iter().any(|old| identity(old).as_ref() == Some(new)));
                if let Some(same) = same {
                    problems.push(format!("{position}{same} is given twice"));
                }
                target.push(value);
            }
            Err(problem) => problems.push(format!("{position}{problem}")),
        }
    }
    problems
}

fn number(text: &str) -> Result<usize, String> {
    text.trim().parse().map_err(|_| "is not a whole number".to_owned())
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    text.trim().parse().map_err(|_| "is neither true nor false".to_owned())
}

fn directory(text: &str) -> Result<Option<PathBuf>, String> {
    match text.trim() {
        "" => Err("is empty (example: /var/lib/duroxide-exporter)".to_owned()),
        path => Ok(Some(path.into())),
    }
}

fn file(text: &str) -> Result<Option<PathBuf>, String> {
    match text.trim() {
        "" => Err("is empty".to_owned()),
        path => Ok(Some(path.into())),
    }
}

fn format(text: &str) -> Result<LogFormat, String> {
    match text.trim() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("is neither text nor json".to_owned()),
    }
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Reads a level, or directives `MODULE=LEVEL` with an optional level for the rest.
fn filter(text: &str) -> Result<String, String> {
    let text = text.trim();
    let is_level = |word: &str| LEVELS.contains(&word.to_ascii_lowercase().as_str());
    if is_level(text) {
        return Ok(filter_of_level(&text.to_ascii_lowercase()));
    }
    let is_module =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_:-".contains(c));
    for directive in text.split(',').map(str::trim) {
        // `tracing` would take a lone word for the name of a module: `--log.level=verbose` would be accepted, and
        // log nothing.
        let level = match directive.split_once('=') {
            Some((module, level)) if is_module(module) => level,
            Some(_) => return Err("has a directive that is not of the form MODULE=LEVEL".to_owned()),
            None => directive,
        };
        if !is_level(level) {
            return Err(
                "must be error, warn, info, debug or trace, or directives such as warn,duroxide_exporter=debug".to_owned()
            );
        }
    }
    Ok(text.to_owned())
}

/// A plain level is that of this program; libraries stay at warnings, because SQL drivers log every statement.
fn filter_of_level(level: &str) -> String {
    let others = if matches!(level, "off" | "error") { level } else { "warn" };
    format!("{others},duroxide_exporter={level}")
}

#[cfg(test)]
mod tests {
    use super::super::SETTINGS;
    use super::*;

    fn set(config: &mut Config, key: &str, texts: &[&str]) -> Vec<String> {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        config.set(key, &texts, &|_| Ok(Vec::new()))
    }

    #[test]
    fn the_defaults_of_the_table_are_those_of_the_code() {
        let mut config = Config::default();
        for setting in SETTINGS {
            if let Some(default) = setting.default {
                assert_eq!(
                    set(&mut config, setting.key, &[default]),
                    Vec::<String>::new(),
                    "{}",
                    setting.key
                );
            }
        }
        assert_eq!(config.settings.listen, [super::super::settings::DEFAULT_LISTEN]);
        config.settings.listen.clear();
        assert_eq!(config, Config::default());
        assert_eq!(config.settings.check(), []);
    }

    #[test]
    fn the_examples_are_right() {
        for setting in SETTINGS {
            let mut config = Config::default();
            assert_eq!(
                set(&mut config, setting.key, &[setting.example]),
                Vec::<String>::new(),
                "{}",
                setting.key
            );
            assert_eq!(config.settings.check(), [], "{}", setting.key);
        }
    }

    #[test]
    fn levels_and_directives() {
        for (text, expected) in [
            ("info", "warn,duroxide_exporter=info"),
            ("WARN", "warn,duroxide_exporter=warn"),
            ("error", "error,duroxide_exporter=error"),
            ("off", "off,duroxide_exporter=off"),
            ("trace", "warn,duroxide_exporter=trace"),
            ("warn,sqlx=debug", "warn,sqlx=debug"),
        ] {
            assert_eq!(filter(text).as_deref(), Ok(expected), "{text}");
        }
        for text in ["", "verbose", "info,", "sqlx=loud", "a=b=c", "=info", "a b=info"] {
            assert!(filter(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_list_reports_each_value_by_position_and_never_repeats_a_url() {
        let mut config = Config::default();
        let secret = "a=mysql://root:hunter2@db/x";
        let problems = set(&mut config, "store", &["a=sqlite:/x", secret, "a=sqlite:/y"]);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].starts_with("store 2 of 3: unknown store scheme;"), "{problems:?}");
        assert_eq!(problems[1], "store 3 of 3: the name \"a\" is given twice");
        assert!(!problems.concat().contains("hunter2"));
        assert_eq!(
            set(&mut config, "web.listen-address", &["127.0.0.1:0", "127.0.0.1:0"]),
            Vec::<String>::new()
        );
        assert_eq!(set(&mut config, "web.listen-address", &["127.0.0.1:1", "127.0.0.1:1"]).len(), 1);
    }
}
