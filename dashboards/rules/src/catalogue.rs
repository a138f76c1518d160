//! What the exporter really reports, by `docs/metrics.md`, which is generated from its catalogue.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};

/// Labels that Prometheus or a scrape configuration gives to targets and that the rules know of.
pub const TARGET_LABELS: &[&str] = &["cluster", "namespace", "job", "instance"];

/// Metrics and what their labels can be.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// Labels of every metric, those of targets not among them.
    pub metrics: BTreeMap<String, BTreeSet<String>>,
    /// Values of the labels that have a fixed set.
    pub values: BTreeMap<String, BTreeSet<String>>,
}

impl Catalogue {
    /// Reads the tables of `docs/metrics.md`.
    ///
    /// # Errors
    /// When a table is not what it was: a check against nothing would pass.
    pub fn parse(page: &str) -> Result<Self> {
        let mut catalogue = Self::default();
        for line in page.lines() {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            match cells.as_slice() {
                [name, _, kind, _, labels, _] if name.starts_with('`') => {
                    catalogue.add(name.trim_matches('`'), kind, quoted(labels));
                }
                [label, values] if label.starts_with('`') => {
                    let label = quoted(label).into_iter().next().unwrap_or_default();
                    catalogue.values.entry(label).or_default().extend(quoted(values));
                }
                _ => {}
            }
        }
        // What is not the exporter's: whether a target answered, and the alerts themselves.
        catalogue.add("up", "gauge", BTreeSet::new());
        catalogue.add("ALERTS", "gauge", ["alertname", "alertstate", "severity"].map(str::to_owned).into());
        ensure!(catalogue.metrics.len() > 40, "only {} metrics in docs/metrics.md", catalogue.metrics.len());
        ensure!(catalogue.values.contains_key("queue"), "no table of label values in docs/metrics.md");
        Ok(catalogue)
    }

    fn add(&mut self, name: &str, kind: &str, mut labels: BTreeSet<String>) {
        if kind == "histogram" {
            for part in ["_sum", "_count"] {
                self.metrics.insert(format!("{name}{part}"), labels.clone());
            }
            labels.insert("le".to_owned());
            self.metrics.insert(format!("{name}_bucket"), labels);
        } else {
            self.metrics.insert(name.to_owned(), labels);
        }
    }
}

/// What stands between backticks.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
