//! Links lead to dashboards that are there, with variables that those have.

use std::collections::BTreeSet;

use serde_json::Value;

use super::promql::analyse;
use super::{list, name, panels, text};
use crate::catalogue::Series;

/// What Grafana itself fills in.
const BUILT_IN: [&str; 4] = ["__rate_interval", "__interval", "__range", "__url_time_range"];

fn variables(dashboard: &Value) -> BTreeSet<&str> {
    list(dashboard, "/templating/list").iter().map(|variable| text(variable, "/name")).collect()
}

pub(crate) fn problems(dashboard: &Value, all: &[Value], series: &Series) -> Vec<String> {
    let mut problems = Vec::new();
    let own = variables(dashboard);
    for used in used(dashboard) {
        if !own.contains(used.as_str()) && !BUILT_IN.contains(&used.as_str()) && !used.starts_with("__") {
            problems.push(format!("there is no variable {used}"));
        }
    }
    for link in list(dashboard, "/links") {
        let title = text(link, "/title");
        if link["keepTime"] != true {
            problems.push(format!("link {title} forgets the time"));
        }
        if link["type"] == "dashboards" {
            let others = all.iter().filter(|other| other["uid"] != dashboard["uid"]);
            let others = others
                .filter(|other| list(link, "/tags").iter().all(|tag| list(other, "/tags").contains(tag)));
            if others.count() == 0 || link["includeVars"] != true {
                problems.push(format!("link {title} leads nowhere, or forgets the variables"));
            }
        } else {
            problems
                .extend(address(text(link, "/url"), &own, all).map(|found| format!("link {title}: {found}")));
        }
    }
    for panel in panels(dashboard) {
        for link in data_links(panel) {
            let url = text(link, "/url");
            let mut found = Vec::new();
            for url in reached(panel, url) {
                found.extend(address(&url, &own, all));
            }
            if !url.contains("${__url_time_range}") {
                found.push("forgets the time".to_owned());
            }
            found.extend(fields(panel, &format!("{} {url}", text(link, "/title")), series));
            problems.extend(
                found
                    .into_iter()
                    .map(|found| format!("{}, link {}: {found}", name(panel), text(link, "/title"))),
            );
        }
    }
    problems
}

/// Links on values, of the panel and of single columns.
fn data_links(panel: &Value) -> Vec<&Value> {
    let mut links: Vec<&Value> = list(panel, "/fieldConfig/defaults/links").iter().collect();
    for change in list(panel, "/fieldConfig/overrides") {
        let properties = list(change, "/properties").iter().filter(|property| property["id"] == "links");
        links.extend(properties.flat_map(|property| list(property, "/value")));
    }
    links
}

/// Where an address leads: where a column of the panel has the dashboard, to each that its queries write into a label
/// of that name.
fn reached(panel: &Value, url: &str) -> Vec<String> {
    let Some(rest) = url.strip_prefix("/d/${__data.fields.Dashboard}?") else { return vec![url.to_owned()] };
    let queries = list(panel, "/targets").iter().map(|target| text(target, "/expr"));
    let written = queries.flat_map(|query| query.split(r#""dashboard", ""#).skip(1));
    let found: Vec<String> =
        written.filter_map(|rest| rest.split('"').next()).map(|uid| format!("/d/{uid}?{rest}")).collect();
    if found.is_empty() { vec![url.to_owned()] } else { found }
}

/// What is wrong with `/d/UID?…`.
fn address<'a>(url: &'a str, own: &'a BTreeSet<&str>, all: &'a [Value]) -> impl Iterator<Item = String> + 'a {
    let (uid, query) = url.strip_prefix("/d/").and_then(|rest| rest.split_once('?')).unwrap_or_default();
    let mut problems = Vec::new();
    match all.iter().find(|other| other["uid"] == uid) {
        None => problems.push(format!("{url} leads to no dashboard")),
        Some(target) => {
            let theirs = variables(target);
            for part in query.split('&') {
                let kept = part.strip_prefix("${").and_then(|rest| rest.strip_suffix(":queryparam}"));
                let given = part.strip_prefix("var-").and_then(|rest| rest.split('=').next());
                if let Some(lost) = kept.filter(|kept| !own.contains(*kept)) {
                    problems.push(format!("there is no variable {lost} here"));
                }
                if let Some(lost) = kept.or(given).filter(|name| !theirs.contains(*name)) {
                    problems.push(format!("{uid} has no variable {lost}"));
                }
                if kept.or(given).is_none() && part != "${__url_time_range}" {
                    problems.push(format!("what is {part}?"));
                }
            }
            if !query.contains("${datasource:queryparam}") {
                problems.push("forgets the data source".to_owned());
            }
        }
    }
    problems.into_iter()
}

/// `${__field.labels.x}` and `${__data.fields.X}` that no query, or no column, has.
fn fields(panel: &Value, text_of_link: &str, series: &Series) -> Vec<String> {
    let mut problems = Vec::new();
    let asked = |prefix: &str| -> Vec<String> {
        let before = format!("${{{prefix}.");
        let rest = text_of_link.split(&before).skip(1);
        rest.filter_map(|rest| rest.split('}').next()).map(str::to_owned).collect()
    };
    for label in asked("__field.labels") {
        for target in list(panel, "/targets") {
            if !analyse(text(target, "/expr"), series).0.contains(&label) {
                problems.push(format!("query {} has no label {label}", target["refId"]));
            }
        }
    }
    let titles: BTreeSet<&str> = list(panel, "/transformations")
        .iter()
        .filter_map(|change| change.pointer("/options/renameByName")?.as_object())
        .flat_map(|map| map.values().filter_map(Value::as_str))
        .collect();
    problems.extend(
        asked("__data.fields")
            .into_iter()
            .filter(|column| !titles.contains(column.as_str()))
            .map(|column| format!("there is no column {column}")),
    );
    problems
}

/// Every variable that is named anywhere.
fn used(dashboard: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk(dashboard, &mut |text| {
        for rest in text.split('$').skip(1) {
            let rest = rest.strip_prefix('{').unwrap_or(rest);
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            if end > 0 {
                found.insert(rest[..end].to_owned());
            }
        }
    });
    found
}

fn walk(value: &Value, see: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(values) => values.iter().for_each(|value| walk(value, see)),
        Value::Object(map) => map.values().for_each(|value| walk(value, see)),
        _ => {}
    }
}
