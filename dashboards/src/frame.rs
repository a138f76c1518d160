//! What all dashboards have in common: variables, links, annotations.

use serde_json::json;

use crate::model::{Annotation, Dashboard, DataSource, Link, List, Panel, Time, Variable, VariableQuery};

/// The tag of every dashboard.
const TAG: &str = "duroxide";
/// The tag of those that share the variables of the exporter's series.
const STORE_TAG: &str = "duroxide-store";

pub(crate) const OVERVIEW: &str = "duroxide-overview";
pub(crate) const QUEUES: &str = "duroxide-queues";
pub(crate) const ORCHESTRATIONS: &str = "duroxide-orchestrations";
pub(crate) const RUNTIME: &str = "duroxide-runtime";
pub(crate) const EXPORTER: &str = "duroxide-exporter";

/// The data source that is chosen.
pub(crate) fn prometheus() -> DataSource {
    DataSource { kind: "prometheus", uid: "${datasource}" }
}

/// The address of a dashboard at the same time, of the same exporters, and with what else is given
/// (`var-store=…`).
pub(crate) fn to(uid: &str, with: &str) -> String {
    format!(
        "/d/{uid}?${{datasource:queryparam}}&${{job:queryparam}}&${{instance:queryparam}}&{with}&${{__url_time_range}}"
    )
}

/// Variables are found in different series on different dashboards.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum World {
    /// What the exporter tells about stores, and also about this.
    Store(&'static [&'static str]),
    /// What instrumented runtimes tell about themselves.
    Runtime,
}

pub(crate) fn dashboard(
    uid: &'static str,
    title: &'static str,
    description: &'static str,
    world: World,
    panels: Vec<Panel>,
) -> Dashboard {
    let own = if world == World::Runtime { "duroxide-runtime" } else { STORE_TAG };
    Dashboard {
        uid,
        title,
        description,
        tags: vec![TAG, own],
        editable: false,
        graph_tooltip: 1,
        schema_version: 42,
        refresh: "30s",
        time: Time { from: "now-6h", to: "now" },
        timezone: "browser",
        links: links(world),
        annotations: List { list: annotations(world) },
        templating: List { list: variables(world) },
        panels,
    }
}

/// Jobs and instances of runtimes are others than those of exporters, so from one world to the other only the data
/// source and the time are kept.
fn links(world: World) -> Vec<Link> {
    let dropdown = Link {
        title: "duroxide",
        kind: "dashboards",
        icon: "external link",
        tooltip: "The other dashboards, with the same time and variables",
        tags: vec![STORE_TAG],
        url: String::new(),
        as_dropdown: true,
        include_vars: true,
        keep_time: true,
        target_blank: false,
    };
    let across = |title, uid, tooltip| Link {
        title,
        kind: "link",
        icon: "dashboard",
        tooltip,
        tags: Vec::new(),
        url: format!("/d/{uid}?${{datasource:queryparam}}"),
        as_dropdown: false,
        include_vars: false,
        keep_time: true,
        target_blank: false,
    };
    match world {
        World::Store(_) => vec![
            dropdown,
            across(
                "Runtime provider",
                RUNTIME,
                "What instrumented runtimes measure themselves, at the same time",
            ),
        ],
        World::Runtime => {
            vec![across("Overview", OVERVIEW, "What the exporter sees in the stores, at the same time")]
        }
    }
}

fn annotations(world: World) -> Vec<Annotation> {
    let annotation = |name, color, expr: &str, title, text, keys| Annotation {
        name,
        datasource: prometheus(),
        enable: true,
        hide: false,
        icon_color: color,
        expr: expr.to_owned(),
        step: "60s",
        title_format: title,
        text_format: text,
        tag_keys: keys,
        use_value_for_time: false,
    };
    let alerts = annotation(
        "Alerts",
        "red",
        r#"ALERTS{alertname=~"Duroxide.*",alertstate="firing"}"#,
        "{{alertname}}",
        "{{severity}} {{store}} {{queue}}",
        "severity",
    );
    let mut all = vec![alerts];
    if world != World::Runtime {
        let chosen = r#"{job=~"$job",instance=~"$instance"}"#;
        let build = format!("duroxide_exporter_build_info{chosen}");
        all.push(annotation(
            "Exporter versions",
            "blue",
            &format!("max by (version) ({build}) unless max by (version) ({build} offset 5m)"),
            "Exporter {{version}}",
            "An exporter of this version is there that was not five minutes before.",
            "version",
        ));
        all.push(annotation(
            "Exporter restarts",
            "orange",
            &format!(
                "max by (job, instance) (time() - process_start_time_seconds{chosen} < 60) and on (job, instance) \
                 duroxide_exporter_build_info{chosen}"
            ),
            "Exporter restarted",
            "{{instance}}",
            "instance",
        ));
    }
    all
}

fn variables(world: World) -> Vec<Variable> {
    let source = Variable::DataSource {
        name: "datasource",
        label: "Data source",
        description: "A Prometheus, or what answers like one.",
        kind: "datasource",
        query: "prometheus",
        regex: "",
        hide: 0,
        include_all: false,
        multi: false,
        refresh: 1,
    };
    let mut all = vec![source];
    match world {
        World::Store(more) => {
            all.push(variable("job", "Job", "Jobs of exporters.", ".+", "duroxide_exporter_build_info"));
            all.push(variable(
                "instance",
                "Instance",
                "Exporters. Two of them on one store are counted once.",
                ".*",
                r#"duroxide_exporter_build_info{job=~"$job"}"#,
            ));
            all.extend(more.iter().filter_map(|name| store_variable(name)));
        }
        World::Runtime => {
            let family = "messaging_client_operation_duration_seconds_count";
            all.push(variable(
                "job",
                "Job",
                "Services with an instrumented provider (service.name).",
                ".+",
                family,
            ));
            all.push(variable(
                "instance",
                "Instance",
                "Their processes (service.instance.id), where they say which they are.",
                ".*",
                &format!(r#"{family}{{job=~"$job"}}"#),
            ));
        }
    }
    all
}

fn store_variable(name: &str) -> Option<Variable> {
    let of = |family: &str| format!(r#"{family}{{job=~"$job",instance=~"$instance",store=~"$store"}}"#);
    Some(match name {
        "store" => variable(
            "store",
            "Store",
            "Stores, by the names the exporter gives them.",
            ".+",
            r#"duroxide_up{job=~"$job",instance=~"$instance"}"#,
        ),
        "queue" => variable("queue", "Queue", "The queues of a store.", ".+", &of("duroxide_queue_messages")),
        "orchestration" => variable(
            "orchestration",
            "Orchestration",
            "Names of orchestrations that have instances.",
            ".*",
            &of("duroxide_instances"),
        ),
        _ => return None,
    })
}

fn variable(
    name: &'static str,
    label: &'static str,
    description: &'static str,
    all_value: &'static str,
    series: &str,
) -> Variable {
    let query = format!("label_values({series}, {name})");
    Variable::Query {
        name,
        label,
        description,
        kind: "query",
        datasource: prometheus(),
        query: VariableQuery { query, ref_id: "StandardVariableQuery" },
        regex: "",
        hide: 0,
        include_all: true,
        all_value,
        multi: true,
        refresh: 2,
        sort: 1,
        current: json!({"selected": true, "text": ["All"], "value": ["$__all"]}),
    }
}
