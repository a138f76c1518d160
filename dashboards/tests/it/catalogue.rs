//! Which series there are, and which labels they have: read out of the documentation of the exporter, and for the
//! instruments of `Instrumented` out of their source.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Labels by the name of the series.
pub(crate) type Series = BTreeMap<String, BTreeSet<String>>;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn add(series: &mut Series, name: &str, kind: &str, labels: &BTreeSet<String>) {
    if kind == "histogram" {
        let with_le = labels.iter().cloned().chain(["le".to_owned()]).collect();
        series.insert(format!("{name}_bucket"), with_le);
        series.insert(format!("{name}_sum"), labels.clone());
        series.insert(format!("{name}_count"), labels.clone());
    } else {
        series.insert(name.to_owned(), labels.clone());
    }
}

/// The rows of `docs/metrics.md`.
fn documented(series: &mut Series) {
    for line in read("docs/metrics.md").lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, name, _, kind, _, labels, ..] = cells.as_slice() else { continue };
        if ["gauge", "counter", "histogram"].contains(kind) {
            let labels = labels.split(',').map(|label| label.trim().trim_matches('`').to_owned());
            add(series, name.trim_matches('`'), kind, &labels.filter(|label| !label.is_empty()).collect());
        }
    }
}

/// The texts of `key(…"text"` in a source.
fn texts<'a>(source: &'a str, before: &str) -> Vec<&'a str> {
    source.split(before).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// The instruments, by the rules of OpenTelemetry for Prometheus: dots become underscores, the unit `s` becomes
/// `seconds`, a unit in braces nothing, a counter ends in `_total`. Their attributes are the same for both but for those of
/// the operation.
fn instruments(series: &mut Series) {
    let source = read("src/instrument/otel/instruments.rs");
    let source = source.split("#[cfg(test)]").next().unwrap();
    let label = |attribute: &&str| attribute.replace('.', "_");
    let attributes: BTreeSet<String> = texts(source, "KeyValue::new(\"").iter().map(label).collect();
    let (histograms, counters) = (texts(source, "f64_histogram(\""), texts(source, "u64_counter(\""));
    assert_eq!(
        (histograms.len(), counters.len()),
        (1, 1),
        "instruments were added: say here which labels they have"
    );
    assert_eq!(texts(source, "with_unit(\""), ["s", "{receive}"]);
    let name = format!("{}_seconds", histograms[0].replace('.', "_"));
    add(series, &name, "histogram", &attributes);
    let of_empty = source.split("fn empty").nth(1).expect("what counts receives that bring nothing");
    let mut labels: BTreeSet<String> = texts(of_empty, "KeyValue::new(\"").iter().map(label).collect();
    assert!(of_empty.contains("self.system.clone()"));
    labels.insert("messaging_system".to_owned());
    add(series, &format!("{}_total", counters[0].replace('.', "_")), "counter", &labels);
}

/// Everything there is. What Prometheus itself makes of the alerts has their labels.
pub(crate) fn series() -> Series {
    let mut series = Series::new();
    documented(&mut series);
    assert!(series.len() > 60, "the table of docs/metrics.md was not understood");
    instruments(&mut series);
    let alert = ["alertname", "alertstate", "severity", "store", "queue"].map(str::to_owned);
    series.insert("ALERTS".to_owned(), alert.into());
    series
}
