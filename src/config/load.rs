//! Four layers into one [`Config`], or every mistake of all of them in one run.

use std::io;

use super::layers::{self, Environment, RawValues};
use super::listen::Resolver;
use super::mistake::{ConfigError, Origin};
use super::otel::{self, OtelSignal};
use super::parse::Config;
use super::{SettingsError, file, table};

/// All inputs. Nothing else is looked at: no process environment, no files.
pub(crate) struct Inputs<'a> {
    pub(crate) flags: &'a RawValues,
    pub(crate) environment: &'a Environment,
    pub(crate) file: Option<FileInput>,
    pub(crate) resolve: &'a Resolver,
}

/// The configuration file, as far as it could be read.
pub(crate) struct FileInput {
    /// Who named the file.
    pub(crate) named_by: Origin,
    pub(crate) path: String,
    pub(crate) text: io::Result<String>,
}

/// The configuration: flags over environment over file over OpenTelemetry's variables over defaults. A list replaces that of a lower layer.
///
/// # Errors
/// Every mistake, also in values that a higher layer overrides: they would surprise on the day it goes away.
pub(crate) fn load(inputs: Inputs<'_>) -> Result<Config, Vec<ConfigError>> {
    let Inputs { flags, environment, file, resolve } = inputs;
    let mut mistakes = Vec::new();
    // Strongest first.
    let mut layers = Vec::new();

    check(flags, |key| Origin::Flag(key.to_owned()), resolve, &mut mistakes);
    layers.push(flags.clone());

    let given = layers::environment(environment, &mut mistakes);
    check(&given, |key| Origin::Environment(table::variable_of(key)), resolve, &mut mistakes);
    layers.push(given);

    let mut file_is_known = true;
    if let Some(FileInput { named_by, path, text }) = file {
        match text.map(|text| file::read(&path, &text, &mut mistakes)) {
            Ok(Some(given)) => {
                check(
                    &given,
                    |key| Origin::File { file: path.clone(), key: key.to_owned() },
                    resolve,
                    &mut mistakes,
                );
                layers.push(given);
            }
            Ok(None) => file_is_known = false,
            Err(error) => {
                file_is_known = false;
                mistakes.push(ConfigError::new(named_by, format!("cannot be read: {error}")));
            }
        }
    }

    // Checked whole, used as far as nobody stronger says where to push.
    let [mut standard, of_traces, of_logs] =
        [OtelSignal::Metrics, OtelSignal::Traces, OtelSignal::Logs].map(|of| {
            let mut found = Vec::new();
            let mut standard = otel::read(environment, of, &mut found);
            check(&standard.given, |key| standard.origin(key), resolve, &mut found);
            // What is wrong for all signals is told once.
            found.retain(|mistake| !mistakes.contains(mistake));
            mistakes.extend(found);
            standard.yield_to(&layers);
            standard
        });
    for (of, keys) in [
        (&of_traces, ["otlp.traces.enabled", "otlp.traces.endpoint"]),
        (&of_logs, ["otlp.logs.enabled", "otlp.logs.endpoint"]),
    ] {
        let own = keys.iter().filter_map(|key| of.given.get_key_value(key));
        standard.given.extend(own.map(|(key, texts)| (*key, texts.clone())));
    }
    let [layers_of_traces, layers_of_logs] = [of_traces, of_logs].map(|of| {
        let mut layers = layers.clone();
        layers.push(of.given);
        layers
    });
    layers.push(standard.given);

    // An empty list is no list, so that it cannot silently hide one of a lower layer.
    layers.iter_mut().for_each(|given: &mut RawValues| given.retain(|_, texts| !texts.is_empty()));
    // A file that could not be read may well name one.
    if file_is_known && !layers.iter().any(|given| given.contains_key("store")) {
        let mut missing =
            ConfigError::new(Origin::Flag("store".to_owned()), "missing: name at least one store to watch");
        missing.example = table::by_key("store").map(|setting| setting.example);
        mistakes.push(missing);
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let mut config = Config::default();
    for (key, texts) in layers.iter().rev().flatten() {
        config.set(key, texts, resolve);
    }
    let of_signal = |layers: &[RawValues]| {
        let mut of_signal = Config::default();
        for (key, texts) in layers.iter().rev().flatten().filter(|(_, texts)| !texts.is_empty()) {
            of_signal.set(key, texts, resolve);
        }
        Some(of_signal.settings.otlp).filter(|otlp| *otlp != config.settings.otlp)
    };
    let (traces, logs) = (of_signal(&layers_of_traces), of_signal(&layers_of_logs));
    config.settings.traces.otlp = traces;
    config.settings.logs.otlp = logs;
    match config.settings.check_together() {
        Some(SettingsError { key, problem }) => {
            Err(vec![ConfigError::new(Origin::Flag(key.to_owned()), problem)])
        }
        None => Ok(config),
    }
}

/// Reports what is wrong with the values of one layer.
fn check(
    given: &RawValues,
    origin: impl Fn(&str) -> Origin,
    resolve: &Resolver,
    mistakes: &mut Vec<ConfigError>,
) {
    // On top of the defaults, so that a value is judged even where another layer overrides it.
    let mut config = Config::default();
    let mut report = |key: &str, problem: String| {
        let example = table::by_key(key).map(|setting| setting.example);
        mistakes.push(ConfigError { origin: origin(key), problem, example });
    };
    for (key, texts) in given {
        // A URL with a space in it has become two.
        let split = *key == "store" && texts.len() > 1 && matches!(origin(key), Origin::Environment(_));
        let hint = if split {
            "; white space stands between stores only: in a URL it is written as %20"
        } else {
            ""
        };
        for problem in config.set(key, texts, resolve) {
            report(key, problem + hint);
        }
    }
    for SettingsError { key, problem } in config.settings.check() {
        report(key, problem);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;

    struct Case {
        flags: RawValues,
        environment: Environment,
        file: Option<String>,
    }

    impl Case {
        fn new(flags: &[(&'static str, &str)], environment: &[(&str, &str)], file: &str) -> Self {
            let mut given = RawValues::new();
            for (key, text) in flags {
                given.entry(key).or_default().push((*text).to_owned());
            }
            Self {
                flags: given,
                environment: environment
                    .iter()
                    .map(|(k, v)| (format!("DUROXIDE_EXPORTER_{k}"), v.into()))
                    .collect(),
                file: (!file.is_empty()).then(|| file.to_owned()),
            }
        }

        fn load(&self) -> Result<Config, Vec<String>> {
            let file = self.file.clone().map(|text| FileInput {
                named_by: Origin::Flag("config.file".to_owned()),
                path: "x.toml".to_owned(),
                text: Ok(text),
            });
            let resolve = |_: &str| Ok(vec![Ipv4Addr::LOCALHOST.into()]);
            load(Inputs { flags: &self.flags, environment: &self.environment, file, resolve: &resolve })
                .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
        }
    }

    #[test]
    fn flags_override_environment_overrides_file_overrides_defaults() {
        let file = "store = ['f=sqlite:/f', 'g=sqlite:/g']\npoll-interval = '1s'\npoll-timeout = '1s'\n\
                    [web]\nmax-connections = 7\ndrain-timeout = '9s'\nlisten-address = ['a:1', 'b:2']";
        let environment = [
            ("STORE", "e=sqlite:/e\n  d=sqlite:/d"),
            ("POLL_INTERVAL", "2s"),
            ("POLL_TIMEOUT", "2s"),
            ("LOG_FORMAT", ""),
        ];
        let config = Case::new(&[("poll-interval", "3s")], &environment, file).load().unwrap();
        let names: Vec<&str> = config.stores.iter().map(|store| &*store.name).collect();
        assert_eq!(names, ["e", "d"], "a list replaces that of a lower layer");
        assert_eq!(config.settings.poll_interval, Duration::from_secs(3));
        assert_eq!(config.settings.poll_timeout, Duration::from_secs(2));
        assert_eq!(config.settings.max_connections, 7);
        assert_eq!(config.settings.drain_timeout, Duration::from_secs(9));
        assert_eq!(config.settings.listen.len(), 2);
        assert_eq!(config.settings.max_label_values, 200);
    }

    #[test]
    fn a_signal_that_is_on_needs_a_collector() {
        for signal in ["traces", "logs"] {
            let [on, own] = ["enabled", "endpoint"].map(|end| format!("otlp.{signal}.{end}"));
            let file = format!("store = ['a=sqlite:/x']\n[otlp]\n{signal} = {{ enabled = 'true' }}");
            let mistakes = Case::new(&[], &[], &file).load().unwrap_err();
            assert_eq!(
                mistakes,
                [format!("--{on}: needs a collector: give --otlp.endpoint or --{own}, too")]
            );
            let environment = [(format!("OTLP_{}_ENDPOINT", signal.to_uppercase()), "http://c/x")];
            let environment = environment.each_ref().map(|(key, value)| (key.as_str(), *value));
            assert!(Case::new(&[], &environment, &file).load().is_ok());
        }
    }

    #[test]
    fn every_mistake_of_every_layer_in_one_run() {
        let file = "poll-interval = '1ms'\ntimeout = 3\nweb = 4\nconfig = { file = 'y' }\n\
                    [log]\nlevel = 'verbose'\nformat = true\n[stores]\na = 'b'";
        let flags = [("poll-interval", "5"), ("web.max-connections", "0"), ("store", "a=sqlite:/x")];
        let environment =
            [("POLL_TIMEOUT", "soon"), ("POLL_INTERVALL", "5s"), ("PORT_9899_TCP", "tcp://10.0.0.1")];
        let mistakes = Case::new(&flags, &environment, file).load().unwrap_err();
        for expected in [
            "--poll-interval: a duration needs a unit: ms, s, m, h, d or w (example: 5s)",
            "--web.max-connections: must be 1 to 100000 (example: 64)",
            "environment DUROXIDE_EXPORTER_POLL_INTERVALL: unknown variable; did you mean DUROXIDE_EXPORTER_POLL_INTERVAL?",
            "environment DUROXIDE_EXPORTER_POLL_TIMEOUT: not a duration: whole numbers with units from long to short, \
             such as 1m30s or 500ms (example: 30s)",
            "x.toml: poll-interval: must be 10ms to 1d (example: 5s)",
            "x.toml line 2: unknown setting",
            "x.toml: web: is a section: write [web], then its settings",
            "x.toml: config.file: cannot be set in the file itself",
            "x.toml: log.level: must be error, warn, info, debug or trace, or directives such as warn,duroxide_exporter=debug (example: info)",
            "x.toml: log.format: must be text in quotes, not true or false (example: json)",
            "x.toml line 8: unknown setting; did you mean store?",
        ] {
            assert!(mistakes.iter().any(|mistake| mistake == expected), "{expected}\nnot in {mistakes:#?}");
        }
        assert_eq!(mistakes.len(), 11, "{mistakes:#?}");
    }

    #[test]
    fn what_this_exporter_is_told_wins_over_what_all_are_told() {
        let mut case = Case::new(&[("store", "a=sqlite:/x")], &[], "[otlp]\nprotocol = 'grpc'");
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://all/metrics"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "3000"),
        ] {
            case.environment.insert(name.to_owned(), value.into());
        }
        let otlp = case.load().unwrap().settings.otlp;
        assert_eq!(otlp.metrics().unwrap().to_string(), "http://all/metrics");
        assert_eq!(otlp.protocol.as_str(), "grpc");
        assert_eq!(otlp.timeout, Duration::from_secs(3));
        case.environment.insert("DUROXIDE_EXPORTER_OTLP_ENDPOINT".to_owned(), "http://own:4317".into());
        assert_eq!(case.load().unwrap().settings.otlp.metrics().unwrap().to_string(), "http://own:4317/");
        // Also without effect a mistake.
        case.environment.insert("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT".to_owned(), "all".into());
        let mistakes = case.load().unwrap_err();
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        assert!(
            mistakes[0].starts_with("environment OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: is not an address")
        );
    }

    #[test]
    fn a_store_is_needed() {
        let missing = "--store: missing: name at least one store to watch (example: orders=sqlite:/var/lib/orders/store.db)";
        assert_eq!(Case::new(&[], &[], "").load().unwrap_err(), [missing]);
        assert_eq!(Case::new(&[], &[("STORE", " ")], "store = []").load().unwrap_err(), [missing]);
        assert_eq!(Case::new(&[], &[], "store = 'a=sqlite:/x'").load().unwrap().stores.len(), 1);
    }

    #[test]
    fn a_file_that_is_not_toml_is_reported_by_line_without_its_text() {
        let file = "poll-interval = '5s'\nstore = [postgres://u:hunter2@h/db]\n[web\n";
        let mistakes = Case::new(&[("poll-interval", "5")], &[], file).load().unwrap_err();
        assert!(mistakes[0].starts_with("--poll-interval"), "{mistakes:#?}");
        assert!(mistakes[1].starts_with("x.toml line 2: not TOML: "), "{mistakes:#?}");
        assert!(!mistakes.concat().contains("hunter2"), "{mistakes:#?}");
        assert!(!mistakes.concat().contains("no store"), "{mistakes:#?}");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_a_mistake_of_who_named_it() {
        let named_by = Origin::Environment("DUROXIDE_EXPORTER_CONFIG_FILE".to_owned());
        let file =
            FileInput { named_by, path: "/nowhere".to_owned(), text: Err(io::ErrorKind::NotFound.into()) };
        let mistakes = load(Inputs {
            flags: &RawValues::new(),
            environment: &Environment::new(),
            file: Some(file),
            resolve: &|_| Ok(Vec::new()),
        })
        .unwrap_err();
        let texts: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["environment DUROXIDE_EXPORTER_CONFIG_FILE: cannot be read: entity not found"]);
    }
}
