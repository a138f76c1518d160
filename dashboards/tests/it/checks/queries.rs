//! Queries of panels, annotations and variables; and the names of labels and columns that stand beside them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::promql::analyse;
use super::{list, name, panels, text};
use crate::catalogue::Series;

pub(crate) fn problems(dashboard: &Value, series: &Series) -> Vec<String> {
    let mut problems = Vec::new();
    for panel in panels(dashboard) {
        problems
            .extend(of_panel(panel, series).into_iter().map(|problem| format!("{}: {problem}", name(panel))));
    }
    for annotation in list(dashboard, "/annotations/list") {
        let (labels, found) = analyse(text(annotation, "/expr"), series);
        let label = format!("annotation {}", text(annotation, "/name"));
        problems.extend(found.into_iter().map(|problem| format!("{label}: {problem}")));
        for format in ["/titleFormat", "/textFormat"] {
            problems
                .extend(templates(text(annotation, format), &labels).map(|lost| format!("{label}: {lost}")));
        }
    }
    for variable in list(dashboard, "/templating/list").iter().filter(|variable| variable["type"] == "query")
    {
        let found = of_variable(variable, series);
        problems.extend(found.map(|problem| format!("variable {}: {problem}", text(variable, "/name"))));
    }
    problems
}

fn of_panel(panel: &Value, series: &Series) -> Vec<String> {
    let mut problems = Vec::new();
    if panel["type"] == "stat" && panel["options"]["reduceOptions"]["calcs"] != json!(["last"]) {
        problems.push("a number that may be an old one: show the last".to_owned());
    }
    let mut columns = BTreeSet::from(["Time".to_owned()]);
    for target in list(panel, "/targets") {
        let letter = text(target, "/refId");
        let (labels, found) = analyse(text(target, "/expr"), series);
        problems.extend(found.into_iter().map(|problem| format!("query {letter}: {problem}")));
        problems.extend(
            templates(text(target, "/legendFormat"), &labels).map(|lost| format!("query {letter}: {lost}")),
        );
        if panel["type"] == "stat" && !text(target, "/expr").ends_with(" or vector(NaN)") {
            problems.push(format!("query {letter}: what has ended would leave its last figure standing"));
        }
        let table = panel["type"] == "table";
        if table != (target["instant"] == true && target["format"] == "table") {
            problems.push(format!("query {letter}: tables ask for the present, graphs for a time"));
        }
        columns.extend(labels);
        columns.insert(if list(panel, "/targets").len() == 1 {
            "Value".to_owned()
        } else {
            format!("Value #{letter}")
        });
    }
    for change in list(panel, "/transformations") {
        let keys = |pointer| {
            change.pointer(pointer).and_then(Value::as_object).into_iter().flat_map(|map| map.keys())
        };
        for column in ["/options/indexByName", "/options/renameByName", "/options/excludeByName"]
            .into_iter()
            .flat_map(keys)
        {
            if !columns.contains(column) {
                problems.push(format!("no query gives the column {column}"));
            }
        }
        if change["id"] == "organize" {
            let kept: BTreeSet<&String> =
                keys("/options/renameByName").chain(keys("/options/excludeByName")).collect();
            problems.extend(
                columns
                    .iter()
                    .filter(|column| !kept.contains(column))
                    .map(|column| format!("the column {column} is neither named nor left out")),
            );
        }
    }
    problems
}

/// Labels in a legend that the result does not have.
fn templates<'a>(format: &'a str, labels: &'a BTreeSet<String>) -> impl Iterator<Item = String> + 'a {
    let used = format.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()).map(str::trim);
    used.filter(|label| !labels.contains(*label))
        .map(|label| format!("{{{{{label}}}}} is no label of the result"))
}

/// `label_values(selector, label)`.
fn of_variable(variable: &Value, series: &Series) -> impl Iterator<Item = String> {
    let query = text(variable, "/query/query");
    let inner = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
    let mut problems = Vec::new();
    match inner.and_then(|inner| inner.rsplit_once(", ")) {
        None => problems.push(format!("{query} is not label_values(selector, label)")),
        Some((selector, label)) => {
            let family = selector.split('{').next().unwrap_or_default();
            let labels = series.get(family).cloned().unwrap_or_default();
            let has = |label: &str| labels.contains(label) || ["job", "instance"].contains(&label);
            if !has(label) {
                problems.push(format!("{family} has no label {label}"));
            }
            let matchers = selector.split(['{', ',', '}']).skip(1).filter(|matcher| !matcher.is_empty());
            for matcher in
                matchers.filter_map(|matcher| matcher.split('=').next()).filter(|matcher| !has(matcher))
            {
                problems.push(format!("{family} has no label {matcher}"));
            }
        }
    }
    if variable["refresh"] != 2 || variable["multi"] != true || variable["includeAll"] != true {
        problems.push("is not read anew with the time, or not many of its values can be chosen".to_owned());
    }
    problems.into_iter()
}
