//! What is written: descriptions, units, colours, and the settings all dashboards share.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{list, name, panels, text};

pub(crate) fn problems(dashboard: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    for (pointer, wanted) in [
        ("/editable", json!(false)),
        ("/graphTooltip", json!(1)),
        ("/schemaVersion", json!(42)),
        ("/refresh", json!("30s")),
        ("/time", json!({"from": "now-6h", "to": "now"})),
    ] {
        if dashboard.pointer(pointer) != Some(&wanted) {
            problems.push(format!("{pointer} is not {wanted}"));
        }
    }
    let uid = text(dashboard, "/uid");
    if !uid.starts_with("duroxide-") || uid.len() > 40 {
        problems.push(format!("uid {uid}"));
    }
    if !list(dashboard, "/tags").contains(&json!("duroxide")) {
        problems.push("has no tag duroxide".to_owned());
    }
    if !text(dashboard, "/description").ends_with('.') {
        problems.push("has no description".to_owned());
    }
    let mut titles = BTreeSet::new();
    for panel in panels(dashboard) {
        if !titles.insert((text(panel, "/title"), text(panel, "/type") == "stat")) {
            problems.push(format!("two panels are called {}", text(panel, "/title")));
        }
        if panel["type"] != "row" {
            problems.extend(of_panel(panel).into_iter().map(|problem| format!("{}: {problem}", name(panel))));
        }
    }
    problems
}

fn of_panel(panel: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let description = text(panel, "/description");
    if description.len() < 40 || !description.ends_with('.') {
        problems.push(format!("description \"{description}\""));
    }
    if text(panel, "/fieldConfig/defaults/unit").is_empty() {
        problems.push("no unit".to_owned());
    }
    // A stat is a fifth of the window, with 14 pixel letters.
    let width = panel["gridPos"]["w"].as_u64().unwrap_or_default();
    if text(panel, "/title").len() as u64 > width * 6 {
        problems.push("the title is too long for the panel".to_owned());
    }
    let mut thresholds = vec![panel.pointer("/fieldConfig/defaults/thresholds")];
    for change in list(panel, "/fieldConfig/overrides") {
        let properties = list(change, "/properties").iter();
        thresholds
            .extend(properties.filter(|property| property["id"] == "thresholds").map(|p| p.get("value")));
    }
    for found in thresholds.into_iter().flatten() {
        let values: Vec<Option<f64>> =
            list(found, "/steps").iter().map(|step| step["value"].as_f64()).collect();
        let sorted = values
            .windows(2)
            .all(|pair| matches!(pair, [low, Some(high)] if low.is_none_or(|low| low < *high)));
        if values.first() != Some(&None) || !sorted {
            problems.push("thresholds are out of order".to_owned());
        }
    }
    for source in std::iter::once(panel).chain(list(panel, "/targets")) {
        if text(source, "/datasource/uid") != "${datasource}"
            || text(source, "/datasource/type") != "prometheus"
        {
            problems.push("does not ask the data source that is chosen".to_owned());
        }
    }
    for target in list(panel, "/targets") {
        let legend = text(target, "/legendFormat");
        let graph = ["timeseries", "state-timeline", "heatmap"].contains(&text(panel, "/type"));
        if graph && legend.is_empty() {
            problems.push(format!("query {} has no legend", target["refId"]));
        }
    }
    problems
}
