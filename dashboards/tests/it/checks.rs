//! What is wrong with dashboards.

mod layout;
mod links;
pub(crate) mod promql;
mod queries;
mod texts;

use serde_json::Value;

use crate::catalogue;

pub(crate) fn all(dashboards: &[Value]) -> Vec<String> {
    let series = catalogue::series();
    let mut problems = Vec::new();
    for dashboard in dashboards {
        let mut found = layout::problems(dashboard);
        found.extend(texts::problems(dashboard));
        found.extend(queries::problems(dashboard, &series));
        found.extend(links::problems(dashboard, dashboards, &series));
        let title = text(dashboard, "/title");
        problems.extend(found.into_iter().map(|problem| format!("{title}: {problem}")));
    }
    problems
}

pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// All panels, those below collapsed headings too.
pub(crate) fn panels(dashboard: &Value) -> Vec<&Value> {
    list(dashboard, "/panels")
        .iter()
        .flat_map(|panel| std::iter::once(panel).chain(list(panel, "/panels")))
        .collect()
}

/// How a panel is named in a message.
pub(crate) fn name(panel: &Value) -> String {
    format!("panel {} \"{}\"", panel["id"], text(panel, "/title"))
}
