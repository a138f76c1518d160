//! PromQL that is right however a store is watched.
//!
//! Two exporters on one store tell the same; a sum over their series would double everything. So each series is
//! first taken once, `max by (the labels of its family)`, which also drops what scraping or a pipeline adds; then it may
//! be summed up. Which labels a family has is read out of the generated `docs/metrics.md`: one that is left out would be
//! lost in the maximum.

/// The families and their labels, as the documentation has them.
const CATALOGUE: &str = include_str!("../../docs/metrics.md");

/// Instruments of `Instrumented` as Prometheus names them, see `src/instrument/otel/instruments.rs`. Each runtime
/// measures its own calls: these are not the same told twice, and belong to no store.
const INSTRUMENTS: [(&str, &[&str]); 2] = [
    (
        "messaging_client_operation_duration_seconds",
        &[
            "messaging_system",
            "messaging_destination_name",
            "messaging_operation_name",
            "messaging_operation_type",
            "error_type",
        ],
    ),
    ("duroxide_provider_empty_receives_total", &["messaging_system", "messaging_destination_name"]),
];

/// A family of series, and which of them.
#[derive(Clone)]
pub(crate) struct Family {
    name: &'static str,
    labels: Vec<&'static str>,
    matchers: String,
    by: Vec<&'static str>,
}

/// A family of the catalogue, of the jobs, instances and (where it has them) stores that are chosen.
pub(crate) fn family(name: &'static str) -> Family {
    let labels = labels(name);
    let mut matchers = r#"job=~"$job",instance=~"$instance""#.to_owned();
    if labels.contains(&"store") {
        matchers.push_str(r#",store=~"$store""#);
    }
    let by =
        if labels.contains(&"store") { labels.clone() } else { [&["job", "instance"], &*labels].concat() };
    Family { name, by, labels, matchers }
}

#[expect(clippy::panic, reason = "names are constants of this package, and its tests make every dashboard")]
fn labels(name: &str) -> Vec<&'static str> {
    if let Some((_, labels)) = INSTRUMENTS.iter().find(|(instrument, _)| *instrument == name) {
        return labels.to_vec();
    }
    let row = CATALOGUE.lines().find_map(|line| line.strip_prefix(&format!("| `{name}` | ")));
    let Some(row) = row else { panic!("docs/metrics.md has no metric {name}") };
    // OpenTelemetry's name, kind, unit, labels, meaning.
    let labels = row.split(" | ").nth(3).unwrap_or_default();
    labels.split(", ").map(|label| label.trim_matches('`')).filter(|label| !label.is_empty()).collect()
}

impl Family {
    /// Only series with this matcher.
    pub(crate) fn with(mut self, matcher: &str) -> Self {
        self.matchers.push(',');
        self.matchers.push_str(matcher);
        self
    }

    /// As each exporter tells it, instead of once a store: for what exporters do, not what stores hold.
    pub(crate) fn per_exporter(mut self) -> Self {
        if !self.by.contains(&"instance") {
            self.by = [&["job", "instance"], &*self.labels].concat();
        }
        self
    }

    fn once(&self, expression: &str) -> String {
        format!("max by ({}) ({expression})", self.by.join(", "))
    }

    fn suffixed(&self, suffix: &str) -> String {
        format!("{}{suffix}{{{}}}", self.name, self.matchers)
    }

    /// The series as they are.
    pub(crate) fn selector(&self) -> String {
        self.suffixed("")
    }

    /// The present value.
    pub(crate) fn now(&self) -> String {
        self.once(&self.selector())
    }

    /// The smallest value that any exporter tells: of ages of data, the freshest.
    pub(crate) fn least(&self) -> String {
        format!("min by ({}) ({})", self.by.join(", "), self.selector())
    }

    /// A counter's growth a second.
    pub(crate) fn rate(&self) -> String {
        self.once(&format!("rate({}[$__rate_interval])", self.selector()))
    }

    /// A counter's growth in a time.
    pub(crate) fn increase(&self, time: &str) -> String {
        self.once(&format!("increase({}[{time}])", self.selector()))
    }

    /// How often a histogram's sum or count grows, `sum` or `count`.
    pub(crate) fn rate_of(&self, part: &str) -> String {
        self.once(&format!("rate({}[$__rate_interval])", self.suffixed(&format!("_{part}"))))
    }

    /// A histogram's buckets, by `le` and the labels given.
    pub(crate) fn buckets(&self, by: &[&str]) -> String {
        let rate = format!("rate({}[$__rate_interval])", self.suffixed("_bucket"));
        sum(&[by, &["le"]].concat(), &format!("max by ({}, le) ({rate})", self.by.join(", ")))
    }

    /// A quantile of a histogram, by the labels given.
    pub(crate) fn quantile(&self, quantile: &str, by: &[&str]) -> String {
        format!("histogram_quantile({quantile}, {})", self.buckets(by))
    }
}

/// `sum by (labels)`; of nothing for all together.
pub(crate) fn sum(by: &[&str], expression: &str) -> String {
    aggregate("sum", by, expression)
}

/// The sums that are not 0, or, while all are, one 0 with the labels given: the legend has the few that matter, and the
/// panel is never taken for one without data.
pub(crate) fn some(by: &[&str], expression: &str, otherwise: &[(&str, &str)]) -> String {
    let none = otherwise.iter().fold(sum(&[], expression), |none, (label, value)| {
        format!(r#"label_replace({none}, "{label}", "{value}", "", "")"#)
    });
    let some = sum(by, expression);
    format!("{some} > 0 or on () {none}")
}

/// The greatest, by the labels given.
pub(crate) fn max(by: &[&str], expression: &str) -> String {
    aggregate("max", by, expression)
}

fn aggregate(operator: &str, by: &[&str], expression: &str) -> String {
    if by.is_empty() {
        format!("{operator}({expression})")
    } else {
        format!("{operator} by ({}) ({expression})", by.join(", "))
    }
}

/// A share that is 0, not "not a number", while there is nothing to have a share of.
pub(crate) fn share(part: &str, whole: &str) -> String {
    format!("{part} / ({whole} > 0) or {whole} * 0")
}
