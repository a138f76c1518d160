//! Mistakes that a maintainer could make, each of which has to be found.

use serde_json::{Value, json};

use crate::{checks, committed};

/// The first panel whose title is this, of the dashboard with this uid.
fn panel<'a>(dashboards: &'a mut [Value], uid: &str, title: &str) -> &'a mut Value {
    let dashboard = dashboards.iter_mut().find(|dashboard| dashboard["uid"] == uid).unwrap();
    let panels = dashboard["panels"].as_array_mut().unwrap();
    panels.iter_mut().find(|panel| panel["title"] == title && panel["type"] != "row").unwrap()
}

/// Puts a query in the place of one that is right.
fn found_in_query(expression: &str) -> String {
    let mut dashboards = committed();
    panel(&mut dashboards, "duroxide-queues", "Orphan messages")["targets"][0]["expr"] = json!(expression);
    checks::all(&dashboards).join("\n")
}

#[track_caller]
fn assert_found(expression: &str, problem: &str) {
    let found = found_in_query(expression);
    assert!(found.contains(problem), "{expression}: {problem} was not found, but:\n{found}");
}

const CHOSEN: &str = r#"job=~"$job",instance=~"$instance",store=~"$store""#;

#[test]
fn in_queries() {
    let orphans = format!("duroxide_queue_orphan_messages{{{CHOSEN}}}");
    assert_eq!(found_in_query(&format!("max by (store, queue) ({orphans})")), "", "this one is right");
    assert_found(&format!("max by (store, queue) ({orphans}"), "is not PromQL");
    assert_found(
        &format!("max by (store, queue) (duroxide_queue_orphans{{{CHOSEN}}})"),
        "there is no series duroxide_queue_orphans",
    );
    assert_found(&orphans, "is shown once for each exporter");
    assert_found(&format!("sum by (store, queue) ({orphans})"), "of several exporters");
    assert_found(
        &format!("sum by (store, queue) (max by (store, queue) ({orphans}) + {orphans})"),
        "of several exporters",
    );
    assert_found(&format!("sum by (store) (max by (store) ({orphans}))"), "loses series");
    assert_found(
        &format!("max by (store, queue, tag) ({orphans})"),
        "by (tag): what is in it has no such label",
    );
    assert_found(&format!("max by (store) ({orphans})"), "{{queue}} is no label");
    assert_found(&format!("max without (instance) ({orphans})"), "without()");
    let tagged = format!(r#"duroxide_queue_orphan_messages{{{CHOSEN},tag="a"}}"#);
    assert_found(&format!("max by (store, queue) ({tagged})"), "has no label tag");
    let anywhere = r#"duroxide_queue_orphan_messages{job=~"$job",instance=~"$instance"}"#;
    assert_found(&format!("max by (store, queue) ({anywhere})"), "without store");
    assert_found(
        &format!("max by (store, queue) (duroxide_queue_enqueued_total{{{CHOSEN}}})"),
        "is a counter",
    );
    assert_found(
        &format!("max by (store, queue) (rate(duroxide_queue_enqueued_total{{{CHOSEN}}}[5m]))"),
        "another time",
    );
    let other = format!("max by (store) (duroxide_up{{{CHOSEN}}})");
    assert_found(&format!("max by (store, queue) ({orphans}) / {other}"), "nothing will match");
    let bucket = format!(r#"duroxide_poll_duration_seconds_bucket{{{CHOSEN},le="1.0"}}"#);
    assert_found(&format!("max by (store) (rate({bucket}[$__rate_interval]))"), "names a bucket");
    assert_found(&format!("histogram_quantile(0.5, max by (store, queue) ({orphans}))"), "no buckets");
}

/// Changes one panel of the queues.
#[track_caller]
fn assert_found_after(title: &str, change: impl Fn(&mut Value), problem: &str) {
    let mut dashboards = committed();
    change(panel(&mut dashboards, "duroxide-queues", title));
    let found = checks::all(&dashboards).join("\n");
    assert!(found.contains(problem), "{problem} was not found, but:\n{found}");
}

#[test]
fn in_panels() {
    let title = "Orphan messages";
    assert_found_after(title, |panel| panel["gridPos"]["x"] = json!(4), "lies on");
    assert_found_after(title, |panel| panel["gridPos"]["w"] = json!(4), "nothing is at cell");
    assert_found_after(title, |panel| panel["gridPos"]["w"] = json!(25), "not within the 24 cells");
    assert_found_after(title, |panel| panel["id"] = json!(1), "the id of another");
    assert_found_after(title, |panel| panel["description"] = json!("Orphans."), "description");
    assert_found_after(title, |panel| panel["fieldConfig"]["defaults"]["unit"] = json!(""), "no unit");
    assert_found_after(title, |panel| panel["targets"] = json!([]), "asks nothing");
    assert_found_after(
        title,
        |panel| panel["datasource"]["uid"] = json!("prometheus"),
        "the data source that is chosen",
    );
    assert_found_after(title, |panel| panel["title"] = json!("Expired leases"), "two panels are called");
    assert_found_after(title, |panel| panel["title"] = json!("x".repeat(50)), "too long");
    assert_found_after(
        "Expired leases",
        |panel| panel["fieldConfig"]["defaults"]["thresholds"]["steps"][1]["value"] = json!(1e6),
        "out of order",
    );
    assert_found_after(
        "Put in",
        |panel| {
            let again = panel["targets"][0].clone();
            panel["targets"].as_array_mut().unwrap().push(again);
        },
        "two queries",
    );
    let stat = "Most attempts";
    let calcs = |panel: &mut Value| panel["options"]["reduceOptions"]["calcs"] = json!(["lastNotNull"]);
    assert_found_after(stat, calcs, "may be an old one");
    let bare = |panel: &mut Value| {
        let expression = panel["targets"][0]["expr"].as_str().unwrap().replace(" or vector(NaN)", "");
        panel["targets"][0]["expr"] = json!(expression);
    };
    assert_found_after(stat, bare, "leave its last figure standing");
    assert_found_after(
        "Activities in the queue",
        |panel| panel["transformations"][1]["options"]["renameByName"]["Value #E"] = json!("E"),
        "no query gives the column Value #E",
    );
}

#[test]
fn in_links_and_variables() {
    let link = |url: &str| {
        let mut dashboards = committed();
        let panel = panel(&mut dashboards, "duroxide-overview", "Fetchable messages");
        panel["fieldConfig"]["defaults"]["links"][0]["url"] = json!(url);
        checks::all(&dashboards).join("\n")
    };
    let right =
        "/d/duroxide-queues?${datasource:queryparam}&var-store=${__field.labels.store}&${__url_time_range}";
    assert_eq!(link(right), "");
    assert!(link(&right.replace("-queues", "-queue")).contains("leads to no dashboard"));
    assert!(link(&right.replace("var-store", "var-tag")).contains("has no variable tag"));
    assert!(link(&right.replace("labels.store", "labels.tag")).contains("has no label tag"));
    assert!(link(&right.replace("&${__url_time_range}", "")).contains("forgets the time"));
    assert!(link(&right.replace("${datasource:queryparam}&", "")).contains("forgets the data source"));
    let mut dashboards = committed();
    let alerts = panel(&mut dashboards, "duroxide-overview", "Firing alerts");
    let query =
        alerts["targets"][0]["expr"].as_str().unwrap().replace("\"duroxide-queues\"", "\"duroxide-queue\"");
    alerts["targets"][0]["expr"] = json!(query);
    assert!(checks::all(&dashboards).join("\n").contains("leads to no dashboard"));
    let mut dashboards = committed();
    dashboards[0]["templating"]["list"]
        .as_array_mut()
        .unwrap()
        .retain(|variable| variable["name"] != "store");
    assert!(checks::all(&dashboards).join("\n").contains("there is no variable store"));
    let mut dashboards = committed();
    dashboards[0]["templating"]["list"][1]["query"]["query"] = json!("label_values(duroxide_up, tag)");
    assert!(checks::all(&dashboards).join("\n").contains("duroxide_up has no label tag"));
    let mut dashboards = committed();
    dashboards[0]["editable"] = json!(true);
    assert!(checks::all(&dashboards).join("\n").contains("/editable"));
}
