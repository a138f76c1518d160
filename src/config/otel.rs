//! OpenTelemetry's own environment variables as a layer of texts, the weakest: what they say of exporters in general
//! gives way to what this one is told. Of a variable for all signals and one for metrics, the latter wins.
//!
//! Whole pods get the same variables. So what they say of other exporters is no mistake here, and what switches
//! telemetry off switches off what they themselves would have switched on.

use std::collections::BTreeMap;

use super::layers::{Environment, RawValues};
use super::mistake::{ConfigError, Origin};

/// The layer, and which variable gave the text for a key.
#[derive(Debug, Default)]
pub(super) struct Otel {
    pub(super) given: RawValues,
    variables: BTreeMap<&'static str, String>,
}

/// Keys with the end of the variables that give them.
const KEYS: [(&str, &str); 7] = [
    ("otlp.protocol", "PROTOCOL"),
    ("otlp.headers", "HEADERS"),
    ("otlp.timeout", "TIMEOUT"),
    ("otlp.compression", "COMPRESSION"),
    ("otlp.certificate", "CERTIFICATE"),
    ("otlp.client-certificate", "CLIENT_CERTIFICATE"),
    ("otlp.client-key", "CLIENT_KEY"),
];

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const METRICS_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const TRACES_EXPORTER: &str = "OTEL_TRACES_EXPORTER";
const LOGS_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT";
const LOGS_EXPORTER: &str = "OTEL_LOGS_EXPORTER";
const INTERVAL: &str = "OTEL_METRIC_EXPORT_INTERVAL";
const EXPORTER: &str = "OTEL_METRICS_EXPORTER";
const DISABLED: &str = "OTEL_SDK_DISABLED";

/// Where a collector is by default, by protocol.
const DEFAULT_ENDPOINT: &str = "http://localhost:4318";
const DEFAULT_ENDPOINT_GRPC: &str = "http://localhost:4317";

/// Of what the variables are asked: those for one signal win over those for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OtelSignal {
    Metrics,
    Traces,
    Logs,
}

impl OtelSignal {
    fn word(self) -> &'static str {
        match self {
            Self::Metrics => "METRICS",
            Self::Traces => "TRACES",
            Self::Logs => "LOGS",
        }
    }

    /// What switches on a signal that is off unless it is asked for by name.
    fn switch(self) -> Option<&'static str> {
        match self {
            Self::Metrics => None,
            Self::Traces => Some("otlp.traces.enabled"),
            Self::Logs => Some("otlp.logs.enabled"),
        }
    }
}

/// What the variables say. Empty ones count as not set.
pub(super) fn read(environment: &Environment, of: OtelSignal, mistakes: &mut Vec<ConfigError>) -> Otel {
    let mut reader = Reader { environment, mistakes, otel: Otel::default() };
    if reader.text(DISABLED).is_some_and(|(_, text)| text.eq_ignore_ascii_case("true")) {
        return Otel::default();
    }
    for (key, end) in KEYS {
        let signal = reader.text(&format!("OTEL_EXPORTER_OTLP_{}_{end}", of.word()));
        let found = signal.or_else(|| reader.text(&format!("OTEL_EXPORTER_OTLP_{end}")));
        if key == "otlp.timeout" {
            reader.milliseconds(key, found);
        } else {
            reader.give(key, found);
        }
    }
    if of == OtelSignal::Metrics {
        let interval = reader.text(INTERVAL);
        reader.milliseconds("otlp.metrics.interval", interval);
    }
    for (key, variable) in
        [("otlp.service-name", "OTEL_SERVICE_NAME"), ("otlp.resource-attributes", "OTEL_RESOURCE_ATTRIBUTES")]
    {
        let found = reader.text(variable);
        reader.give(key, found);
    }
    reader.endpoints(of);
    reader.otel
}

impl Otel {
    /// The variable that gave the text for a key.
    pub(super) fn origin(&self, key: &str) -> Origin {
        Origin::Environment(self.variables.get(key).cloned().unwrap_or_else(|| key.to_owned()))
    }

    /// An address that this exporter was told by name holds for metrics, too.
    pub(super) fn yield_to(&mut self, stronger: &[RawValues]) {
        let keys = ["otlp.endpoint", "otlp.metrics.endpoint", "otlp.traces.endpoint", "otlp.logs.endpoint"];
        if stronger.iter().any(|given| keys.iter().any(|key| given.contains_key(key))) {
            self.given.retain(|key, _| !keys.contains(key));
        }
    }
}

struct Reader<'a> {
    environment: &'a Environment,
    mistakes: &'a mut Vec<ConfigError>,
    otel: Otel,
}

type Found = Option<(String, String)>;

impl Reader<'_> {
    /// Name and value of a variable.
    fn text(&mut self, variable: &str) -> Found {
        let value = self.environment.get(variable)?;
        let Some(text) = value.to_str() else {
            self.mistake(variable, "is not valid UTF-8");
            return None;
        };
        (!text.trim().is_empty()).then(|| (variable.to_owned(), text.trim().to_owned()))
    }

    fn give(&mut self, key: &'static str, found: Found) {
        if let Some((variable, text)) = found {
            self.otel.given.insert(key, vec![text]);
            self.otel.variables.insert(key, variable);
        }
    }

    fn milliseconds(&mut self, key: &'static str, found: Found) {
        match found {
            Some((variable, text)) if text.chars().all(|c| c.is_ascii_digit()) => {
                self.give(key, Some((variable, format!("{text}ms"))));
            }
            Some((variable, _)) => {
                self.mistake(&variable, "must be a whole number of milliseconds (example: 10000)");
            }
            None => {}
        }
    }

    /// An address switches pushing on; so does asking for the exporter, which has a default.
    fn endpoints(&mut self, of: OtelSignal) {
        let (exporter, own, key) = match of {
            OtelSignal::Metrics => (EXPORTER, METRICS_ENDPOINT, "otlp.metrics.endpoint"),
            OtelSignal::Traces => (TRACES_EXPORTER, TRACES_ENDPOINT, "otlp.traces.endpoint"),
            OtelSignal::Logs => (LOGS_EXPORTER, LOGS_ENDPOINT, "otlp.logs.endpoint"),
        };
        let exporters = self.text(exporter);
        let named: Vec<&str> =
            exporters.iter().flat_map(|(_, text)| text.split(',')).map(str::trim).collect();
        // Other signals are off unless they are asked for: whatever else is named there is for others.
        let known = |name: &&str| ["otlp", "none", "prometheus", "console", "logging"].contains(name);
        if of == OtelSignal::Metrics && !named.iter().all(known) {
            self.mistake(exporter, "knows otlp and none; prometheus, console and logging mean nothing here");
        }
        let wanted = named.contains(&"otlp");
        if !named.is_empty() && !wanted {
            return;
        }
        let endpoint = self.text(ENDPOINT);
        let own_endpoint = self.text(own);
        if let Some(switch) = of.switch().filter(|_| wanted) {
            self.give(switch, Some((exporter.to_owned(), "true".to_owned())));
        }
        if wanted && endpoint.is_none() && own_endpoint.is_none() {
            let grpc = self
                .otel
                .given
                .get("otlp.protocol")
                .is_some_and(|texts| texts.iter().any(|text| text == "grpc"));
            let default = if grpc { DEFAULT_ENDPOINT_GRPC } else { DEFAULT_ENDPOINT };
            self.give("otlp.endpoint", Some((exporter.to_owned(), default.to_owned())));
        }
        self.give("otlp.endpoint", endpoint);
        self.give(key, own_endpoint);
    }

    fn mistake(&mut self, variable: &str, problem: &str) {
        self.mistakes.push(ConfigError::new(Origin::Environment(variable.to_owned()), problem));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(variables: &[(&str, &str)]) -> (BTreeMap<&'static str, String>, Vec<String>) {
        let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), value.into())).collect();
        let mut mistakes = Vec::new();
        let otel = read(&environment, OtelSignal::Metrics, &mut mistakes);
        let given = otel.given.into_iter().map(|(key, texts)| (key, texts.concat())).collect();
        (given, mistakes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn variables_of_metrics_win_over_those_of_all_signals() {
        let (given, mistakes) = given(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all"),
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://metrics/x"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=1"),
            ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "b=2"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
            ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", ""),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "15000"),
            ("OTEL_SERVICE_NAME", "orders"),
            ("OTEL_RESOURCE_ATTRIBUTES", "team=a"),
        ]);
        let expected = [
            ("otlp.certificate", "/ca"),
            ("otlp.compression", "gzip"),
            ("otlp.endpoint", "http://all"),
            ("otlp.headers", "b=2"),
            ("otlp.metrics.endpoint", "http://metrics/x"),
            ("otlp.metrics.interval", "15000ms"),
            ("otlp.resource-attributes", "team=a"),
            ("otlp.service-name", "orders"),
            ("otlp.timeout", "2500ms"),
        ];
        assert_eq!(given, expected.map(|(key, text)| (key, text.to_owned())).into());
        assert_eq!(mistakes, Vec::<String>::new());
    }

    #[test]
    fn what_switches_on_and_off() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c");
        for (variables, expected) in [
            (vec![], None),
            (vec![endpoint], Some("http://c")),
            (vec![endpoint, (EXPORTER, "none")], None),
            (vec![endpoint, (EXPORTER, "prometheus")], None),
            (vec![endpoint, (EXPORTER, "prometheus, otlp")], Some("http://c")),
            (vec![endpoint, (DISABLED, "TRUE")], None),
            (vec![endpoint, (DISABLED, "1")], Some("http://c")),
            (vec![(EXPORTER, "otlp")], Some("http://localhost:4318")),
            (
                vec![(EXPORTER, "otlp"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
                Some("http://localhost:4317"),
            ),
        ] {
            let (given, mistakes) = given(&variables);
            assert_eq!(given.get("otlp.endpoint").map(String::as_str), expected, "{variables:?}");
            assert_eq!(mistakes, Vec::<String>::new());
        }
    }

    #[test]
    fn mistakes_name_the_variable() {
        let (_, mistakes) = given(&[
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "-1"),
            ("OTEL_METRICS_EXPORTER", "oltp"),
        ]);
        assert_eq!(mistakes.len(), 3, "{mistakes:?}");
        assert!(mistakes[0].starts_with("environment OTEL_EXPORTER_OTLP_TIMEOUT: must be a whole number"));
        assert!(mistakes[2].starts_with("environment OTEL_METRICS_EXPORTER: knows otlp and none"));
    }

    #[test]
    fn logs_are_asked_for_by_name_as_traces_are() {
        let variables = [("OTEL_LOGS_EXPORTER", "otlp"), ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "a=1")];
        let environment =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        let given = |of| read(&environment, of, &mut Vec::new()).given.into_keys().collect::<Vec<_>>();
        assert_eq!(given(OtelSignal::Logs), ["otlp.endpoint", "otlp.headers", "otlp.logs.enabled"]);
        assert!(given(OtelSignal::Traces).is_empty() && given(OtelSignal::Metrics).is_empty());
    }

    #[test]
    fn traces_are_asked_for_by_name() {
        let read = |variables: &[(&str, &str)]| {
            let environment =
                variables.iter().map(|(name, value)| ((*name).to_owned(), value.into())).collect();
            let mut mistakes = Vec::new();
            let given = read(&environment, OtelSignal::Traces, &mut mistakes).given;
            assert!(mistakes.is_empty(), "{mistakes:?}");
            given.into_iter().map(|(key, texts)| format!("{key}={}", texts.concat())).collect::<Vec<_>>()
        };
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c");
        assert_eq!(read(&[endpoint]), ["otlp.endpoint=http://c"]);
        assert_eq!(
            read(&[endpoint, ("OTEL_TRACES_EXPORTER", "otlp"), ("OTEL_METRIC_EXPORT_INTERVAL", "1")]),
            ["otlp.endpoint=http://c", "otlp.traces.enabled=true"]
        );
        assert!(read(&[endpoint, ("OTEL_TRACES_EXPORTER", "none")]).is_empty());
        let variables = [
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t/x"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf"),
        ];
        assert_eq!(read(&variables), ["otlp.protocol=grpc", "otlp.traces.endpoint=http://t/x"]);
    }
}
