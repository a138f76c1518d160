//! Every setting, once. Flags, environment variables, keys of the file and the table in `docs/settings.md` come from here.

/// One setting. Its key is the flag without dashes, and the path in the TOML file.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) key: &'static str,
    /// What stands for the value in help.
    pub(crate) value_name: &'static str,
    /// As text, as one would write it; a test compares it with the default that is used.
    pub(crate) default: Option<&'static str>,
    pub(crate) example: &'static str,
    pub(crate) help: &'static str,
    pub(crate) repeatable: bool,
    /// Whether only `serve` uses it. Other commands accept it, so that `check` can stand in for `serve` in any
    /// command line, but their help leaves it out.
    pub(crate) serve_only: bool,
}

const ENVIRONMENT_PREFIX: &str = "DUROXIDE_EXPORTER_";

/// All settings, in the order of help and `docs/settings.md`.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting {
        key: "store",
        value_name: "NAME=URL",
        default: None,
        example: "orders=sqlite:/var/lib/orders/store.db",
        help: "Store to watch, with the name it has in metrics (a bare URL is named default); at least one",
        repeatable: true,
        serve_only: false,
    },
    Setting {
        key: "poll-interval",
        value_name: "DURATION",
        default: Some("5s"),
        example: "5s",
        help: "Time from the beginning of one poll of a store to the beginning of the next",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "poll-timeout",
        value_name: "DURATION",
        default: Some("30s"),
        example: "30s",
        help: "Time after which a poll is interrupted and counts as failed",
        repeatable: false,
        serve_only: false,
    },
    Setting {
        key: "state-dir",
        value_name: "DIRECTORY",
        default: None,
        example: "/var/lib/duroxide-exporter",
        help: "Directory in which counters and the position in the history are kept over a restart; without it they begin anew",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "history.backfill",
        value_name: "BOOL",
        default: Some("false"),
        example: "true",
        help: "Whether counters begin with the oldest event of the history (true) or with what comes from now on (false); a kept position goes first",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "metrics.max-label-values",
        value_name: "N",
        default: Some("200"),
        example: "200",
        help: "Greatest number of label combinations (such as activity names) a metric has for each store; the rest is summed up as other",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "web.listen-address",
        value_name: "ADDRESS",
        default: Some("127.0.0.1:9899"),
        example: "0.0.0.0:9899",
        help: "Address to serve on: HOST:PORT, or :PORT for all interfaces",
        repeatable: true,
        serve_only: true,
    },
    Setting {
        key: "web.telemetry-path",
        value_name: "PATH",
        default: Some("/metrics"),
        example: "/metrics",
        help: "Path under which metrics are served",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "web.max-connections",
        value_name: "N",
        default: Some("64"),
        example: "64",
        help: "Greatest number of connections open at once; at it, one that only waits for its client is closed for a new one",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "web.header-read-timeout",
        value_name: "DURATION",
        default: Some("75s"),
        example: "75s",
        help: "Time a client has to send a request (10s for the first of a connection); idle connections are closed after it",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "web.drain-timeout",
        value_name: "DURATION",
        default: Some("5s"),
        example: "5s",
        help: "Time requests in flight, and the last push by OTLP, have to end after a stop signal",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "otlp.endpoint",
        value_name: "URL",
        default: None,
        example: "http://localhost:4318",
        help: "OTLP collector to push to; without it, and without OTEL_EXPORTER_OTLP_ENDPOINT, nothing is pushed. Over http/protobuf, v1/metrics is added",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "otlp.metrics.endpoint",
        value_name: "URL",
        default: None,
        example: "http://localhost:4318/v1/metrics",
        help: "The same for metrics only, and over http/protobuf taken as it is",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "otlp.metrics.interval",
        value_name: "DURATION",
        default: Some("1m"),
        example: "1m",
        help: "Time from one push of the metrics to the next",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "otlp.traces.enabled",
        value_name: "BOOL",
        default: Some("false"),
        example: "true",
        help: "Whether every execution that ends is sent as a trace, made of its history",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "otlp.traces.endpoint",
        value_name: "URL",
        default: None,
        example: "http://localhost:4318/v1/traces",
        help: "As --otlp.endpoint, for traces only, and over http/protobuf taken as it is",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "otlp.traces.namespace",
        value_name: "TEXT",
        default: None,
        example: "prod",
        help: "Part of what the ids of traces are made of; the same for whoever links to them",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "otlp.traces.sample-ratio",
        value_name: "RATIO",
        default: Some("1"),
        example: "0.1",
        help: "Share of the traces that is sent, from 0 to 1, by their ids",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "otlp.traces.keep-failed",
        value_name: "BOOL",
        default: Some("true"),
        example: "true",
        help: "Whether all traces of executions that failed are sent, whatever the share",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "otlp.traces.keep-slower-than",
        value_name: "DURATION",
        default: None,
        example: "1m",
        help: "All traces of executions that took so long are sent, whatever the share",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "otlp.traces.payloads",
        value_name: "BOOL",
        default: Some("false"),
        example: "false",
        help: "Whether traces hold inputs, outputs, events' data, custom status and words of failures, which may be personal data",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "otlp.traces.backfill",
        value_name: "BOOL",
        default: Some("false"),
        example: "false",
        help: "Whether executions that ended before the first start are sent, too; a kept position goes first",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "otlp.logs.enabled",
        value_name: "BOOL",
        default: Some("false"),
        example: "true",
        help: "Whether a record is sent of every execution that failed, activity that was given up as poison and instance that is stuck, with the ids of its trace; and the exporter's own log",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "otlp.logs.endpoint",
        value_name: "URL",
        default: None,
        example: "http://localhost:4318/v1/logs",
        help: "As --otlp.endpoint, for logs only, and over http/protobuf taken as it is",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "otlp.protocol",
        value_name: "PROTOCOL",
        default: Some("http/protobuf"),
        example: "grpc",
        help: "grpc (usually port 4317) or http/protobuf (4318)",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "otlp.headers",
        value_name: "NAME=VALUE,...",
        default: None,
        example: "authorization=Bearer%20secret",
        help: "Headers of every request, values percent-encoded; better given in the environment or the file than on a command line, which others can read",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "otlp.timeout",
        value_name: "DURATION",
        default: Some("10s"),
        example: "10s",
        help: "Time a request to the collector may take, tries again included",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "otlp.compression",
        value_name: "COMPRESSION",
        default: Some("none"),
        example: "gzip",
        help: "Compression of requests: gzip or none",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "otlp.certificate",
        value_name: "FILE",
        default: None,
        example: "/etc/otlp/ca.pem",
        help: "Authorities, as PEM, one of which must have signed the collector's certificate; without it, those of the system",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "otlp.client-certificate",
        value_name: "FILE",
        default: None,
        example: "/etc/otlp/client.pem",
        help: "Certificate to show to the collector, as PEM",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "otlp.client-key",
        value_name: "FILE",
        default: None,
        example: "/etc/otlp/client-key.pem",
        help: "Private key of that certificate, as PEM",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "otlp.service-name",
        value_name: "NAME",
        default: None,
        example: "orders-exporter",
        help: "Attribute service.name of what is pushed; otherwise that of --otlp.resource-attributes, or duroxide-exporter",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "otlp.resource-attributes",
        value_name: "KEY=VALUE,...",
        default: None,
        example: "deployment.environment.name=prod,team=orders",
        help: "Attributes of the resource that is pushed for, percent-encoded",
        repeatable: false,
        serve_only: true,
    },
    Setting {
        key: "log.level",
        value_name: "LEVEL",
        default: Some("info"),
        example: "info",
        help: "error, warn, info, debug or trace; or directives such as warn,duroxide_exporter=debug",
        repeatable: false,
        serve_only: false,
    },
    Setting {
        key: "log.format",
        value_name: "FORMAT",
        default: Some("text"),
        example: "json",
        help: "Form of log lines, which go to standard error: text or json",
        repeatable: false,
        serve_only: false,
    },
    Setting {
        key: "config.file",
        value_name: "PATH",
        default: None,
        example: "/etc/duroxide-exporter.toml",
        help: "TOML file with any of these settings",
        repeatable: false,
        serve_only: false,
    },
];

impl Setting {
    /// The environment variable: `web.listen-address` is `DUROXIDE_EXPORTER_WEB_LISTEN_ADDRESS`.
    pub(crate) fn variable(&self) -> String {
        let key = self.key.to_ascii_uppercase().replace(['.', '-'], "_");
        with_prefix(&key)
    }

    /// Help with the default, as the command line shows it.
    pub(crate) fn long_help(&self) -> String {
        let repeatable = if self.repeatable { "; repeatable" } else { "" };
        let default = self.default.map(|default| format!(" [default: {default}]")).unwrap_or_default();
        format!("{}{repeatable}{default}", self.help)
    }
}

/// Finds a setting by its key.
pub(super) fn by_key(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

pub(super) fn with_prefix(name: &str) -> String {
    format!("{ENVIRONMENT_PREFIX}{name}")
}

pub(super) fn without_prefix(variable: &str) -> &str {
    variable.strip_prefix(ENVIRONMENT_PREFIX).unwrap_or(variable)
}

/// The environment variable of a setting, by its key.
pub(super) fn variable_of(key: &str) -> String {
    by_key(key).map_or_else(|| key.to_owned(), Setting::variable)
}

/// Whether a variable is meant for this program.
pub(super) fn is_ours(variable: &str) -> bool {
    variable.starts_with(ENVIRONMENT_PREFIX) && !is_kubernetes_link(variable)
}

/// Kubernetes gives every container variables for each Service of its namespace. Those of a Service named
/// `duroxide-exporter…` look like ours (`DUROXIDE_EXPORTER_PORT_9899_TCP`), and nobody wrote them.
fn is_kubernetes_link(variable: &str) -> bool {
    let ends = |end: &str| variable.ends_with(end);
    let has_port = |protocol: &str| {
        variable.split_once(protocol).is_some_and(|(before, after)| {
            let number = before.rsplit_once("_PORT_").map_or("", |(_, number)| number);
            !number.is_empty()
                && number.chars().all(|c| c.is_ascii_digit())
                && matches!(after, "" | "_PROTO" | "_PORT" | "_ADDR")
        })
    };
    ends("_SERVICE_HOST")
        || ends("_PORT")
        || variable.contains("_SERVICE_PORT")
        || ["_TCP", "_UDP", "_SCTP"].into_iter().any(has_port)
}

/// The table of flags in `docs/settings.md`.
pub(crate) fn markdown() -> String {
    let mut text =
        "| Flag, and key in the file | Environment variable | Default | Meaning |\n|---|---|---|---|\n"
            .to_owned();
    for setting in SETTINGS {
        let repeatable = if setting.repeatable { " (repeatable)" } else { "" };
        let default = setting.default.map(|default| format!("`{default}`")).unwrap_or_default();
        text.push_str(&format!(
            "| `--{}`{repeatable} | `{}` | {default} | {} |\n",
            setting.key,
            setting.variable(),
            setting.help
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_derived_and_distinct() {
        assert_eq!(by_key("web.listen-address").unwrap().variable(), "DUROXIDE_EXPORTER_WEB_LISTEN_ADDRESS");
        let mut variables: Vec<_> = SETTINGS.iter().map(Setting::variable).collect();
        variables.sort();
        variables.dedup();
        assert_eq!(variables.len(), SETTINGS.len());
        for variable in variables {
            assert!(is_ours(&variable), "{variable}");
        }
    }

    #[test]
    fn kubernetes_service_links_are_not_ours() {
        for variable in [
            "DUROXIDE_EXPORTER_SERVICE_HOST",
            "DUROXIDE_EXPORTER_SERVICE_PORT",
            "DUROXIDE_EXPORTER_SERVICE_PORT_HTTP_METRICS",
            "DUROXIDE_EXPORTER_PORT",
            "DUROXIDE_EXPORTER_PORT_9899_TCP",
            "DUROXIDE_EXPORTER_PORT_9899_TCP_PROTO",
            "DUROXIDE_EXPORTER_PORT_9899_TCP_ADDR",
            "DUROXIDE_EXPORTER_ORDERS_PORT_9899_TCP_PORT",
            "PATH",
        ] {
            assert!(!is_ours(variable), "{variable}");
        }
        assert!(is_ours("DUROXIDE_EXPORTER_POLL_INTERVALL"));
        assert!(is_ours("DUROXIDE_EXPORTER_PORT_TCP"));
    }
}
