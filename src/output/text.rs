//! The writer of both text formats.
//!
//! Where they differ: in OpenMetrics a counter's metadata go by the name without `_total`, a unit has a line of its
//! own, and quotes in a help text are escaped. `_created` series are left out: Prometheus would store each as one
//! more series, and the moment a counter began is not known for those that come from a store.
//!
//! Label values are text that strangers wrote. Both grammars allow any character there once `\`, `"` and line feed
//! are escaped, so everything else passes as it is, control characters and NUL included: the parsers of Prometheus
//! read them back unchanged (tried with 3.4), and a replacement could make two series one.

use std::fmt::Write as _;
use std::sync::Arc;

use super::exemplar;
use super::negotiate::Format;
use super::number::{Bound, Number};
use crate::catalogue::Kind;
use crate::metrics::{Family, Sample, Value};

/// Appends one family: metadata, then every sample.
pub(super) fn write_family(out: &mut String, family: &Family, format: Format) {
    debug_assert!(labels_differ(&family.samples), "{}: two samples with the same labels", family.metric.name);
    debug_assert!(kinds_agree(family), "{}: a value of another kind", family.metric.name);
    let (base, full) = (family.metric.base_name(), family.metric.prometheus_name());
    metadata(out, family, &base, &full, format);
    for sample in &family.samples {
        let labels = &sample.labels;
        match &sample.value {
            Value::Number(value) => line(out, (&full, ""), labels, None, Number(*value)),
            Value::Histogram { buckets, sum, count, exemplars } => {
                let exemplars = if format == Format::OpenMetrics { exemplars.as_slice() } else { &[] };
                let (mut lower, mut fewer) = (f64::NEG_INFINITY, 0);
                for (bound, below) in buckets.iter().copied().chain([(f64::INFINITY, *count)]) {
                    let example = exemplar::within(exemplars, lower, bound).filter(|_| below > fewer);
                    line(
                        out,
                        (&base, "_bucket"),
                        labels,
                        Some(Bound(bound)),
                        format_args!("{below}{}", exemplar::Text(example)),
                    );
                    (lower, fewer) = (bound, below);
                }
                line(out, (&base, "_sum"), labels, None, Number(*sum));
                line(out, (&base, "_count"), labels, None, count);
            }
        }
    }
}

fn metadata(out: &mut String, family: &Family, base: &str, full: &str, format: Format) {
    let metric = family.metric;
    let (name, quotes) = match format {
        Format::Prometheus => (full, Quotes::Plain),
        Format::OpenMetrics => (base, Quotes::Escaped),
    };
    for part in ["# HELP ", name, " "] {
        out.push_str(part);
    }
    escape(out, metric.help, quotes);
    for part in ["\n# TYPE ", name, " ", metric.kind.as_str(), "\n"] {
        out.push_str(part);
    }
    if let (Format::OpenMetrics, Some(unit)) = (format, metric.unit.suffix()) {
        for part in ["# UNIT ", name, " ", unit, "\n"] {
            out.push_str(part);
        }
    }
}

/// One series: `name` is the family's name and the suffix of this series.
fn line(
    out: &mut String,
    name: (&str, &str),
    labels: &[(&'static str, Arc<str>)],
    le: Option<Bound>,
    value: impl std::fmt::Display,
) {
    out.push_str(name.0);
    out.push_str(name.1);
    let mut separator = '{';
    for (label, text) in labels {
        if text.is_empty() {
            continue;
        }
        out.push(separator);
        out.push_str(label);
        out.push_str("=\"");
        escape(out, text, Quotes::Escaped);
        out.push('"');
        separator = ',';
    }
    if let Some(bound) = le {
        out.push(separator);
        // Writing to a String cannot fail, here and below.
        let _ = write!(out, "le=\"{bound}\"");
        separator = ',';
    }
    if separator == ',' {
        out.push('}');
    }
    let _ = writeln!(out, " {value}");
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    Plain,
    Escaped,
}

/// Copies runs of ordinary characters at once: most texts hold nothing to escape.
fn escape(out: &mut String, text: &str, quotes: Quotes) {
    let special = |c: char| matches!(c, '\\' | '\n') || (c == '"' && quotes == Quotes::Escaped);
    let mut rest = text;
    while let Some((ordinary, found)) = rest.find(special).and_then(|at| rest.split_at_checked(at)) {
        out.push_str(ordinary);
        let mut characters = found.chars();
        match characters.next() {
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some(other) => out.extend(['\\', other]),
            None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
}

/// Whether every sample is a series of its own, for Prometheus: a label with an empty value counts as absent.
fn labels_differ(samples: &[Sample]) -> bool {
    let mut seen = std::collections::HashSet::new();
    samples.iter().all(|sample| {
        seen.insert(
            sample
                .labels
                .iter()
                .filter(|(_, value)| !value.is_empty())
                .collect::<std::collections::BTreeSet<_>>(),
        )
    })
}

/// Whether every value is of the kind that the metric's definition says.
fn kinds_agree(family: &Family) -> bool {
    let histogram = family.metric.kind == Kind::Histogram;
    family.samples.iter().all(|sample| matches!(sample.value, Value::Histogram { .. }) == histogram)
}
