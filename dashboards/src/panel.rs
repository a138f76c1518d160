//! Panels: what they show, in which unit, in which colours.

use serde_json::{Map, Value, json};

use crate::frame::prometheus;
use crate::model::{
    Color, DataLink, Defaults, FieldConfig, GridPos, Matcher, Override, Panel, Property, Step, Target,
    Thresholds, Transformation,
};

/// Colours that mean the same on every dashboard.
pub(crate) mod colors {
    pub(crate) const MESSAGE_STATES: &[(&str, &str)] = &[
        ("ready", "blue"),
        ("blocked", "purple"),
        ("delayed", "#8e8e8e"),
        ("in_flight", "green"),
        ("lease_expired", "red"),
    ];
    pub(crate) const OUTCOMES: &[(&str, &str)] = &[
        ("started", "blue"),
        ("scheduled", "blue"),
        ("completed", "green"),
        ("failed", "red"),
        ("cancelled", "orange"),
        ("continued_as_new", "purple"),
    ];
    pub(crate) const FAILURE_KINDS: &[(&str, &str)] = &[
        ("application", "orange"),
        ("cancelled", "#8e8e8e"),
        ("panicked", "red"),
        ("nondeterminism", "purple"),
        ("configuration", "yellow"),
        ("infrastructure", "blue"),
        ("poison", "dark-red"),
        ("unknown", "#5c5c5c"),
    ];
    pub(crate) const REASONS: &[(&str, &str)] = &[
        ("executing", "green"),
        ("ready", "blue"),
        ("retrying", "orange"),
        ("activity", "super-light-blue"),
        ("child", "purple"),
        ("event", "yellow"),
        ("timer", "#8e8e8e"),
        ("stuck", "red"),
    ];
    pub(crate) const EXPORTS: &[(&str, &str)] = &[
        ("success", "green"),
        ("exported", "green"),
        ("unsampled", "#8e8e8e"),
        ("partial", "yellow"),
        ("missing", "orange"),
        ("refused", "red"),
        ("unavailable", "dark-red"),
        ("timeout", "purple"),
    ];
}

/// A panel of a kind, without place and number yet.
fn panel(kind: &'static str, title: &str, description: &str, unit: &'static str, options: Value) -> Panel {
    Panel {
        id: 0,
        kind,
        title: title.to_owned(),
        description: description.to_owned(),
        grid_pos: GridPos::default(),
        collapsed: None,
        panels: None,
        repeat: None,
        repeat_direction: None,
        max_per_row: None,
        datasource: Some(prometheus()),
        field_config: Some(FieldConfig {
            defaults: Defaults { unit, ..Defaults::default() },
            overrides: Vec::new(),
        }),
        options: Some(options),
        targets: Vec::new(),
        transformations: Vec::new(),
    }
}

/// Without a value. On one line: with a space that breaks, it would be two.
const NO_DATA: &str = "No\u{a0}data";

/// One number and how it came to be: above which value it is yellow, and above which red.
///
/// It is of now. A series that has ended is shorter in Grafana, its last value no less the last: so steps without a value
/// are filled, and an exporter that is gone leaves no old figure standing.
pub(crate) fn stat(title: &str, description: &str, unit: &'static str, expr: &str) -> Panel {
    let options = json!({
        "colorMode": "value",
        "graphMode": "area",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "value",
        "wideLayout": true,
        "reduceOptions": {"calcs": ["last"], "fields": "", "values": false},
    });
    let mut made = panel("stat", title, description, unit, options)
        .query(&format!("{expr} or vector(NaN)"), "")
        .no_value(NO_DATA)
        .color("blue");
    let nothing = json!({"match": "null+nan", "result": {"color": "text", "index": 0, "text": NO_DATA}});
    made.defaults().mappings = vec![json!({"type": "special", "options": nothing})];
    made
}

/// Lines over time.
pub(crate) fn series(title: &str, description: &str, unit: &'static str) -> Panel {
    let options = json!({
        "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": true},
        "tooltip": {"mode": "multi", "sort": "desc"},
    });
    let mut made = panel("timeseries", title, description, unit, options);
    let defaults = made.defaults();
    defaults.min = Some(0.0);
    defaults.custom = object(json!({
        "axisPlacement": "auto",
        "drawStyle": "line",
        "fillOpacity": 10,
        "gradientMode": "none",
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "pointSize": 5,
        "showPoints": "never",
        "spanNulls": false,
        "stacking": {"group": "A", "mode": "none"},
        "thresholdsStyle": {"mode": "off"},
    }));
    match unit {
        "s" | "short" => made.soft_max(1.0),
        "cps" | "reqps" | "percentunit" => made.soft_max(0.1),
        _ => made,
    }
}

/// How a histogram's buckets fill over time.
pub(crate) fn heatmap(title: &str, description: &str, unit: &'static str, expr: &str) -> Panel {
    let options = json!({
        "calculate": false,
        "cellGap": 1,
        "cellValues": {"unit": "short"},
        "color": {
            "mode": "scheme", "scheme": "Oranges", "fill": "dark-orange", "steps": 64, "exponent": 0.5,
            "reverse": false, "scale": "exponential",
        },
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": true},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "yHistogram": true},
        "yAxis": {"axisPlacement": "left", "reverse": false, "unit": unit},
    });
    let mut made = panel("heatmap", title, description, unit, options).query(expr, "{{le}}").exemplars();
    made.each_target(|target| target.format = "heatmap");
    made.defaults().custom = object(json!({"hideFrom": {"legend": false, "tooltip": false, "viz": false}}));
    made
}

/// Which of some states held when.
pub(crate) fn timeline(title: &str, description: &str, states: &[(i64, &str, &str)]) -> Panel {
    let options = json!({
        "alignValue": "left",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": true},
        "mergeValues": true,
        "rowHeight": 0.8,
        "showValue": "never",
        "tooltip": {"mode": "single", "sort": "none"},
    });
    let mut made = panel("state-timeline", title, description, "none", options);
    let defaults = made.defaults();
    defaults.color = Color { mode: "thresholds", fixed_color: None };
    defaults.custom = object(json!({"fillOpacity": 70, "lineWidth": 0}));
    defaults.mappings = vec![mapping(states)];
    made
}

/// Rows with a column for each query.
pub(crate) fn table(title: &str, description: &str, unit: &'static str) -> Panel {
    let options = json!({"cellHeight": "sm", "showHeader": true});
    let mut made = panel("table", title, description, unit, options);
    let defaults = made.defaults();
    defaults.color = Color { mode: "thresholds", fixed_color: None };
    defaults.thresholds = Some(steps("text", &[]));
    // Unless told, Grafana makes no column narrower than 150 pixels: the last ones would have to be scrolled to.
    defaults.custom =
        object(json!({"align": "auto", "cellOptions": {"type": "auto"}, "inspect": false, "minWidth": 70}));
    made
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Texts and colours for numbers that are states.
pub(crate) fn mapping(states: &[(i64, &str, &str)]) -> Value {
    let options: Map<String, Value> = states
        .iter()
        .enumerate()
        .map(|(index, (value, text, color))| {
            (value.to_string(), json!({"color": color, "index": index, "text": text}))
        })
        .collect();
    json!({"type": "value", "options": options})
}

/// A text for whatever is as great as this, or infinite.
fn from_on(value: f64, text: &str, color: &str) -> Value {
    let result = json!({"color": color, "index": 1, "text": text});
    json!({"type": "range", "options": {"from": value, "to": null, "result": result}})
}

/// A colour to begin with, and others from values on.
pub(crate) fn steps(first: &'static str, then: &[(f64, &'static str)]) -> Thresholds {
    let first = Step { color: first, value: None };
    let then = then.iter().map(|(value, color)| Step { color, value: Some(*value) });
    Thresholds { mode: "absolute", steps: std::iter::once(first).chain(then).collect() }
}

/// A column of a table.
#[derive(Clone, Copy, Default)]
pub(crate) struct Column<'a> {
    /// The field's name: a label, or `Value #A` for the value of query A.
    pub(crate) field: &'a str,
    pub(crate) title: &'a str,
    pub(crate) unit: &'a str,
    pub(crate) decimals: Option<u8>,
    pub(crate) width: Option<u32>,
    /// From which values on the text is coloured.
    pub(crate) thresholds: &'a [(f64, &'static str)],
    /// Texts for numbers.
    pub(crate) states: &'a [(i64, &'a str, &'a str)],
    /// From which value on a text in a colour takes the place of the number.
    pub(crate) beyond: Option<(f64, &'a str, &'a str)>,
    /// Text where there is no value.
    pub(crate) empty: &'static str,
    /// Where a click leads: title and address.
    pub(crate) link: Option<(&'a str, &'a str)>,
}

impl Panel {
    fn config(&mut self) -> &mut FieldConfig {
        self.field_config.get_or_insert_default()
    }

    pub(crate) fn defaults(&mut self) -> &mut Defaults {
        &mut self.config().defaults
    }

    fn each_target(&mut self, change: impl Fn(&mut Target)) {
        self.targets.iter_mut().for_each(change);
    }

    fn option(&mut self, pointer: &str, value: Value) {
        if let Some(found) = self.options.as_mut().and_then(|options| options.pointer_mut(pointer)) {
            *found = value;
        }
    }

    /// One query more; tables ask for the present only.
    pub(crate) fn query(mut self, expr: &str, legend: &str) -> Self {
        let table = self.kind == "table";
        let letter = u8::try_from(self.targets.len()).ok().and_then(|index| b'A'.checked_add(index));
        self.targets.push(Target {
            ref_id: letter.map(char::from).map(String::from).unwrap_or_default(),
            datasource: prometheus(),
            expr: expr.to_owned(),
            editor_mode: "code",
            range: !table,
            instant: table,
            format: if table { "table" } else { "time_series" },
            legend_format: legend.to_owned(),
            exemplar: false,
        });
        self
    }

    /// Also asks for exemplars, which lead to traces.
    pub(crate) fn exemplars(mut self) -> Self {
        self.each_target(|target| target.exemplar = true);
        self
    }

    /// Areas on top of each other: parts of a whole.
    pub(crate) fn stacked(mut self) -> Self {
        let custom = &mut self.defaults().custom;
        custom.insert("stacking".to_owned(), json!({"group": "A", "mode": "normal"}));
        custom.insert("fillOpacity".to_owned(), json!(40));
        custom.insert("lineWidth".to_owned(), json!(0));
        self
    }

    /// How far up the axis goes at least: a line that is 0 all the time lies at the foot of something, and not in the middle
    /// of noise or at the foot of 100.
    pub(crate) fn soft_max(mut self, value: f64) -> Self {
        self.defaults().custom.insert("axisSoftMax".to_owned(), json!(value));
        self
    }

    /// A logarithmic axis, for what differs by powers of ten.
    pub(crate) fn log(mut self) -> Self {
        let defaults = self.defaults();
        defaults.min = None;
        defaults.custom.remove("axisSoftMax");
        // Such an axis has no zero for an area to stand on.
        defaults.custom.insert("fillOpacity".to_owned(), json!(0));
        defaults.custom.insert("scaleDistribution".to_owned(), json!({"log": 10, "type": "log"}));
        self
    }

    /// A logarithmic axis that begins with a value: it has no zero, and what is less must not be asked for.
    pub(crate) fn log_from(self, least: f64) -> Self {
        let mut made = self.log();
        made.defaults().min = Some(least);
        made
    }

    /// A text for whatever is as great as this, in legends, on the axis and instead of the number.
    pub(crate) fn beyond(mut self, (value, text, color): (f64, &str, &str)) -> Self {
        self.defaults().mappings.push(from_on(value, text, color));
        self
    }

    /// Values may be below zero.
    pub(crate) fn signed(mut self) -> Self {
        let defaults = self.defaults();
        defaults.min = None;
        if let Some(most) = defaults.custom.get("axisSoftMax").and_then(Value::as_f64) {
            defaults.custom.insert("axisSoftMin".to_owned(), json!(-most));
        }
        self
    }

    pub(crate) fn decimals(mut self, decimals: u8) -> Self {
        self.defaults().decimals = Some(decimals);
        self
    }

    pub(crate) fn color(mut self, color: &'static str) -> Self {
        self.defaults().color = Color { mode: "fixed", fixed_color: Some(color) };
        self
    }

    /// Green, then other colours from values on; on a graph, the lines where it gets serious are drawn.
    pub(crate) fn thresholds(mut self, then: &[(f64, &'static str)]) -> Self {
        let graph = self.kind == "timeseries";
        let defaults = self.defaults();
        defaults.thresholds = Some(steps(if graph { "transparent" } else { "green" }, then));
        if graph {
            defaults.custom.insert("thresholdsStyle".to_owned(), json!({"mode": "dashed"}));
        } else {
            defaults.color = Color { mode: "thresholds", fixed_color: None };
        }
        self
    }

    /// Text instead of "No data".
    pub(crate) fn no_value(mut self, text: &'static str) -> Self {
        self.defaults().no_value = text;
        self
    }

    /// A legend with the last and the greatest value, greatest first, where there may be many lines.
    pub(crate) fn legend_table(mut self) -> Self {
        self.option(
            "/legend",
            json!({
                "calcs": ["last", "max"], "displayMode": "table", "placement": "right",
                "showLegend": true, "sortBy": "Max", "sortDesc": true,
            }),
        );
        self
    }

    /// Fixed colours for series of these names.
    pub(crate) fn palette(mut self, names: &[(&str, &'static str)]) -> Self {
        let overrides = names.iter().map(|(name, color)| Override {
            matcher: Matcher { id: "byName", options: (*name).to_owned() },
            properties: vec![Property { id: "color", value: json!({"fixedColor": color, "mode": "fixed"}) }],
        });
        self.config().overrides.extend(overrides);
        self
    }

    /// Where a click on a value leads.
    pub(crate) fn link(mut self, title: &str, url: &str) -> Self {
        self.defaults().links.push(DataLink { title: title.to_owned(), url: url.to_owned() });
        self
    }

    /// Once for every chosen value of a variable.
    pub(crate) fn repeat(mut self, variable: &'static str, per_row: u32) -> Self {
        self.repeat = Some(variable);
        self.repeat_direction = Some("h");
        self.max_per_row = Some(per_row);
        self
    }

    /// Makes one table of all queries, with these columns in this order and no others, sorted by one of them.
    pub(crate) fn columns(mut self, columns: &[Column<'_>], hidden: &[&str], sort_by: &str) -> Self {
        let index: Map<String, Value> =
            columns.iter().enumerate().map(|(at, column)| (column.field.to_owned(), json!(at))).collect();
        let renamed: Map<String, Value> =
            columns.iter().map(|column| (column.field.to_owned(), json!(column.title))).collect();
        let excluded: Map<String, Value> =
            [&["Time"], hidden].concat().iter().map(|field| ((*field).to_owned(), json!(true))).collect();
        self.transformations = vec![
            Transformation { id: "merge", options: json!({}) },
            Transformation {
                id: "organize",
                options: json!({"excludeByName": excluded, "indexByName": index, "renameByName": renamed}),
            },
        ];
        if let Some(options) = self.options.as_mut().and_then(Value::as_object_mut) {
            options.insert("sortBy".to_owned(), json!([{"desc": true, "displayName": sort_by}]));
        }
        let overrides = columns.iter().filter_map(column);
        self.config().overrides.extend(overrides);
        self
    }
}

fn column(column: &Column<'_>) -> Option<Override> {
    let mut properties = Vec::new();
    let mut set = |id, value| properties.push(Property { id, value });
    if !column.unit.is_empty() {
        set("unit", json!(column.unit));
    }
    if let Some(decimals) = column.decimals {
        set("decimals", json!(decimals));
    }
    if let Some(width) = column.width {
        set("custom.width", json!(width));
    }
    if !column.thresholds.is_empty() {
        set("thresholds", json!(steps("green", column.thresholds)));
        set("custom.cellOptions", json!({"type": "color-text"}));
    }
    if !column.states.is_empty() {
        set("mappings", json!([mapping(column.states)]));
        set("custom.cellOptions", json!({"type": "color-text"}));
    }
    if let Some((value, text, color)) = column.beyond {
        set("mappings", json!([from_on(value, text, color)]));
    }
    if !column.empty.is_empty() {
        set("noValue", json!(column.empty));
    }
    if let Some((title, url)) = column.link {
        set("links", json!([{"title": title, "url": url}]));
    }
    let matcher = Matcher { id: "byName", options: column.title.to_owned() };
    (!properties.is_empty()).then_some(Override { matcher, properties })
}
