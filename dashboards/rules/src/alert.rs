//! Alerts: what Prometheus does not ask of them, but people do.

use std::collections::BTreeMap;

use crate::expression::Series;
use crate::rule::{Rule, RuleFile, alerts};

/// Dashboards that alerts may link to, by their uid.
pub const DASHBOARDS: &[&str] = &[
    "duroxide-overview",
    "duroxide-queues",
    "duroxide-orchestrations",
    "duroxide-runtime",
    "duroxide-exporter",
];

/// Variables of the dashboards that a link may set.
const VARIABLES: &[&str] = &["job", "instance", "store", "orchestration", "queue"];

/// What is wrong with the form of an alert.
#[must_use]
pub fn problems(name: &str, rule: &Rule, series: &Series) -> Vec<String> {
    let mut problems = Vec::new();
    let mut want = |holds: bool, problem: String| {
        if !holds {
            problems.push(format!("{name}: {problem}"));
        }
    };
    want(camel_case(name), "the name is not CamelCase, or does not begin with Duroxide".to_owned());
    let severity = rule.severity();
    want(["critical", "warning", "info"].contains(&severity), format!("severity {severity:?}"));

    let mut annotations = rule.annotations.clone();
    let mut take = |key: &str| annotations.remove(key).unwrap_or_default();
    let (summary, description) = (take("summary"), take("description"));
    let (runbook, dashboard) = (take("runbook_url"), take("dashboard_url"));
    let sentence = summary.starts_with(|first: char| first.is_ascii_uppercase()) && summary.ends_with('.');
    want(sentence && !summary.contains("{{"), format!("the summary is no plain sentence: {summary:?}"));
    want(description.ends_with('.'), format!("the description is no sentence: {description:?}"));
    want(description.contains("$value"), "the description does not tell the value".to_owned());
    want(runbook == format!("/docs/runbooks/{name}.md"), format!("runbook_url {runbook:?}"));
    if let Err(problem) = dashboard_link(&dashboard) {
        want(false, format!("dashboard_url {dashboard:?}: {problem}"));
    }
    want(annotations.is_empty(), format!("other annotations: {:?}", annotations.keys()));

    match series.kept(rule) {
        Ok(kept) => {
            for label in templated(&format!("{description} {dashboard}")) {
                want(
                    kept.contains(label),
                    format!("a text names the label {label:?}, which it does not have"),
                );
            }
            // One name is many stores: whoever is called must know which.
            let about_store = kept.contains("store");
            let told = description.contains("$labels.store");
            want(!about_store || told, "the description does not tell the store".to_owned());
        }
        Err(error) => want(false, format!("{error:#}")),
    }
    problems.extend(series.problems(&rule.expr).into_iter().map(|problem| format!("{name}: {problem}")));
    problems
}

/// What is wrong with all rules: the form of alerts, expressions of recorded series, groups.
#[must_use]
pub fn all_problems(files: &[RuleFile], series: &Series) -> Vec<String> {
    let mut problems = Vec::new();
    let mut recorded = BTreeMap::new();
    for (group, rule) in
        files.iter().flat_map(|file| &file.groups).flat_map(|g| g.rules.iter().map(move |r| (g, r)))
    {
        if let Some(name) = &rule.record {
            problems
                .extend(series.problems(&rule.expr).into_iter().map(|problem| format!("{name}: {problem}")));
            recorded.insert(name.as_str(), false);
        }
        if !matches!(group.interval.as_str(), "15s" | "30s" | "1m") {
            problems.push(format!("group {} is evaluated every {}", group.name, group.interval));
        }
    }
    for (name, rule) in alerts(files) {
        problems.extend(self::problems(name, rule, series));
        for (series, used) in &mut recorded {
            *used |= rule.expr.contains(series);
        }
    }
    let unused = recorded.iter().filter(|(_, used)| !**used).map(|(name, _)| *name);
    // The view's freshness is used by recorded series, too.
    problems.extend(unused.map(|name| format!("{name} is recorded, and no alert uses it")));
    problems
}

/// `Duroxide` and further words, as mixin linters want it.
fn camel_case(name: &str) -> bool {
    let words = name.starts_with("Duroxide") && name.len() > "Duroxide".len();
    words
        && name.chars().all(|c| c.is_ascii_alphanumeric())
        && !name.ends_with(|c: char| c.is_ascii_uppercase())
}

/// Names of labels in a template.
fn templated(text: &str) -> impl Iterator<Item = &str> {
    let end = |rest: &str| rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    text.split("$labels.").skip(1).filter_map(move |rest| rest.get(..end(rest)))
}

/// Whether a link leads to one of the dashboards and sets variables that it has.
fn dashboard_link(link: &str) -> Result<(), String> {
    let (path, query) = link.split_once('?').unwrap_or((link, ""));
    let uid = path.strip_prefix("/d/").ok_or("it does not begin with /d/")?;
    if !DASHBOARDS.contains(&uid) {
        return Err(format!("there is no dashboard {uid}"));
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or("a parameter without a value")?;
        let variable = key.strip_prefix("var-").ok_or_else(|| format!("{key} is no variable"))?;
        if !VARIABLES.contains(&variable) {
            return Err(format!("the dashboards have no variable {variable}"));
        }
        if value.contains("{{") && !value.contains("| urlquery }}") {
            return Err(format!("{variable} is not encoded: | urlquery is missing"));
        }
    }
    Ok(())
}
