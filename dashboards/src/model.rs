//! Grafana's classic dashboard, as far as it is used here. Names are Grafana's.
//!
//! Options that belong to one kind of panel stay JSON: `dashboards/check` compares them with Grafana's own types.

use serde::Serialize;
use serde_json::{Map, Value};

/// A dashboard.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dashboard {
    pub(crate) uid: &'static str,
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
    pub(crate) tags: Vec<&'static str>,
    pub(crate) editable: bool,
    pub(crate) graph_tooltip: u8,
    pub(crate) schema_version: u16,
    pub(crate) refresh: &'static str,
    pub(crate) time: Time,
    pub(crate) timezone: &'static str,
    pub(crate) links: Vec<Link>,
    pub(crate) annotations: List<Annotation>,
    pub(crate) templating: List<Variable>,
    pub(crate) panels: Vec<Panel>,
}

impl Dashboard {
    /// The name of its file.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.json", self.uid)
    }

    /// What is in the file.
    #[must_use]
    #[expect(clippy::expect_used, reason = "structs with text keys cannot fail to become JSON")]
    pub fn json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("JSON");
        text.push('\n');
        text
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Time {
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct List<T> {
    pub(crate) list: Vec<T>,
}

/// A link in the head of a dashboard.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Link {
    pub(crate) title: &'static str,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) tooltip: &'static str,
    pub(crate) tags: Vec<&'static str>,
    pub(crate) url: String,
    pub(crate) as_dropdown: bool,
    pub(crate) include_vars: bool,
    pub(crate) keep_time: bool,
    pub(crate) target_blank: bool,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct DataSource {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) uid: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Annotation {
    pub(crate) name: &'static str,
    pub(crate) datasource: DataSource,
    pub(crate) enable: bool,
    pub(crate) hide: bool,
    pub(crate) icon_color: &'static str,
    pub(crate) expr: String,
    pub(crate) step: &'static str,
    pub(crate) title_format: &'static str,
    pub(crate) text_format: &'static str,
    pub(crate) tag_keys: &'static str,
    pub(crate) use_value_for_time: bool,
}

/// A variable: the data source, or values of a label.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Variable {
    #[serde(rename_all = "camelCase")]
    DataSource {
        name: &'static str,
        label: &'static str,
        description: &'static str,
        #[serde(rename = "type")]
        kind: &'static str,
        query: &'static str,
        regex: &'static str,
        hide: u8,
        include_all: bool,
        multi: bool,
        refresh: u8,
    },
    #[serde(rename_all = "camelCase")]
    Query {
        name: &'static str,
        label: &'static str,
        description: &'static str,
        #[serde(rename = "type")]
        kind: &'static str,
        datasource: DataSource,
        query: VariableQuery,
        regex: &'static str,
        hide: u8,
        include_all: bool,
        all_value: &'static str,
        multi: bool,
        refresh: u8,
        sort: u8,
        current: Value,
    },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VariableQuery {
    pub(crate) query: String,
    pub(crate) ref_id: &'static str,
}

/// Where a panel is, in cells: 24 a line.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct GridPos {
    pub(crate) h: u32,
    pub(crate) w: u32,
    pub(crate) x: u32,
    pub(crate) y: u32,
}

/// A panel, or the heading of some.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Panel {
    pub(crate) id: u32,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) title: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) description: String,
    pub(crate) grid_pos: GridPos,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) collapsed: Option<bool>,
    /// Of a collapsed heading only; empty otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) panels: Option<Vec<Panel>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) repeat: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) repeat_direction: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_per_row: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) datasource: Option<DataSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field_config: Option<FieldConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) options: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) targets: Vec<Target>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) transformations: Vec<Transformation>,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct FieldConfig {
    pub(crate) defaults: Defaults,
    pub(crate) overrides: Vec<Override>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Defaults {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) decimals: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max: Option<f64>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) no_value: &'static str,
    pub(crate) color: Color,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) thresholds: Option<Thresholds>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) mappings: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) links: Vec<DataLink>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) custom: Map<String, Value>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Color {
    pub(crate) mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fixed_color: Option<&'static str>,
}

impl Default for Color {
    fn default() -> Self {
        Self { mode: "palette-classic", fixed_color: None }
    }
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Thresholds {
    pub(crate) mode: &'static str,
    pub(crate) steps: Vec<Step>,
}

/// From a value on, a colour; the first step has no value.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) color: &'static str,
    pub(crate) value: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataLink {
    pub(crate) title: String,
    pub(crate) url: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Override {
    pub(crate) matcher: Matcher,
    pub(crate) properties: Vec<Property>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Matcher {
    pub(crate) id: &'static str,
    pub(crate) options: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Property {
    pub(crate) id: &'static str,
    pub(crate) value: Value,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Target {
    pub(crate) ref_id: String,
    pub(crate) datasource: DataSource,
    pub(crate) expr: String,
    pub(crate) editor_mode: &'static str,
    pub(crate) range: bool,
    pub(crate) instant: bool,
    pub(crate) format: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) legend_format: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) exemplar: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct Transformation {
    pub(crate) id: &'static str,
    pub(crate) options: Value,
}
