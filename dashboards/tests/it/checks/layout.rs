//! Cells, numbers, letters.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{list, name, panels};

const WIDTH: u64 = 24;

pub(crate) fn problems(dashboard: &Value) -> Vec<String> {
    let mut problems = cells(dashboard);
    let mut ids = BTreeSet::new();
    for panel in panels(dashboard) {
        if !ids.insert(panel["id"].as_u64()) || panel["id"].as_u64().is_none_or(|id| id == 0) {
            problems.push(format!("{} has the id of another, or none", name(panel)));
        }
        let mut letters = BTreeSet::new();
        for target in list(panel, "/targets") {
            if !letters.insert(target["refId"].as_str()) {
                problems.push(format!("{} has two queries {}", name(panel), target["refId"]));
            }
        }
        if panel["type"] != "row" && letters.is_empty() {
            problems.push(format!("{} asks nothing", name(panel)));
        }
    }
    problems
}

/// Every cell down to the last line belongs to exactly one panel.
fn cells(dashboard: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let mut taken: BTreeMap<(u64, u64), String> = BTreeMap::new();
    let mut bottom = 0;
    for panel in list(dashboard, "/panels") {
        let place = |key: &str| panel["gridPos"][key].as_u64().unwrap_or_default();
        let (x, y, w, h) = (place("x"), place("y"), place("w"), place("h"));
        if w == 0 || h == 0 || x + w > WIDTH {
            problems.push(format!("{} is not within the {WIDTH} cells of a line", name(panel)));
        }
        bottom = bottom.max(y + h);
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            if let Some(other) = taken.insert(cell, name(panel)) {
                problems.push(format!("{} lies on {other}", name(panel)));
                break;
            }
        }
    }
    let hole =
        (0..bottom).flat_map(|y| (0..WIDTH).map(move |x| (x, y))).find(|cell| !taken.contains_key(cell));
    problems.extend(hole.map(|(x, y)| format!("nothing is at cell {x} of line {y}")));
    problems
}
