//! What is pushed by OTLP has the names of a scrape. The proof is a table that the official translation wrote
//! (`tests/otlptranslator/main.go` says how); a metric that is not in it, or differs, fails.

use duroxide_exporter::{CATALOGUE, Kind};

#[test]
fn the_official_translation_gives_the_names_of_a_scrape() {
    let table = include_str!("../golden/otlp_names.tsv");
    let mut rows = table.lines();
    for metric in CATALOGUE {
        let row = rows.next().unwrap_or_default();
        // Of a histogram, the suffixes of its series are not part of the name, on either side.
        let name = if metric.kind == Kind::Histogram { metric.base_name() } else { metric.prometheus_name() };
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("{label}={label}")).collect();
        let expected =
            [metric.name, &metric.unit.ucum(), metric.kind.as_str(), &name, &labels.join(",")].join("\t");
        assert_eq!(
            row, expected,
            "tests/golden/otlp_names.tsv does not say this of the catalogue; tests/otlptranslator/main.go writes it"
        );
    }
    assert_eq!(rows.next(), None, "a metric that is gone");
}
