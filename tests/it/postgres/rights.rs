//! What a role lacks is told with the GRANTs that give it; run as printed, they do.

use cluster::Server;
use serde_json::Value;

use super::exporter::{Serving, check, value};
use super::store::Store;

/// The statements in a text for people.
fn statements(text: &str) -> Vec<String> {
    let begin = |part: &str| part.find("ALTER DEFAULT").or_else(|| part.find("GRANT "));
    text.split(';').filter_map(|part| Some(part[begin(part)?..].to_owned())).collect()
}

/// Runs them as an administrator.
fn obey(store: &Store<'_>, text: &str) {
    let statements = statements(text);
    assert!(!statements.is_empty(), "no statement in {text:?}");
    store.sql(&statements.join(";\n"));
}

/// The note with these words, if there is one.
fn note(store: &Value, words: &str) -> Option<String> {
    let notes = store["notes"].as_array().unwrap().iter().filter_map(Value::as_str);
    notes.filter(|note| note.contains(words)).map(str::to_owned).next()
}

const ENQUEUED: &str = r#"duroxide_queue_enqueued_total{store="s",queue="worker"}"#;

#[test]
fn a_role_without_rights_is_told_all_of_them_at_once() {
    let store = Store::without_rights(Server::shared());
    let refusal = check(&store.url()).refused("permission", "may not use schema orders");
    assert!(refusal.message.contains(&format!("role {}", store.role)), "{refusal:#?}");
    obey(&store, &refusal.advice);
    let read = check(&store.url()).readable();
    assert_eq!(
        (&read["notes"], &read["missing"]),
        (&serde_json::json!([]), &serde_json::json!([])),
        "{read:#}"
    );
    assert_eq!(read["instances"], serde_json::json!({"completed": 1, "running": 2}), "{read:#}");

    // Also what later migrations make can be read.
    store.sql("create table orders.next as select 1 as x");
    let url = store.server.url_as(&store.role, &store.password, &store.database);
    assert_eq!(cluster::psql(&url, "select x from orders.next").unwrap(), "1");
}

#[test]
fn names_that_need_quotes_get_them() {
    let mut store = Store::without_rights(Server::shared());
    let role = format!("Watch \"it\"; {}", store.database);
    store.sql(&format!("alter role {} rename to \"{}\"", store.role, role.replace('"', "\"\"")));
    store.role = role;
    let refusal = check(&store.url()).refused("permission", "may not use schema");
    // A semicolon in a name: only the printed line as a whole can be run.
    let (_, line) = refusal.advice.split_once("on the primary: ").unwrap();
    let line = line.replace("and, as the role that runs the framework's migrations, ", "");
    store.sql(line.rsplit_once("; deploy").unwrap().0);
    check(&store.url()).readable();
}

#[test]
fn a_table_that_may_not_be_read_is_named() {
    for table in ["history", "worker_queue", "sessions", "_duroxide_migrations"] {
        let store = Store::new(Server::shared());
        store.sql(&format!("revoke select on orders.{table} from {}", store.role));
        let words = format!("may not read {table} in schema orders");
        let refusal = check(&store.url()).refused("permission", &words);
        obey(&store, &refusal.advice);
        check(&store.url()).readable();
    }
}

#[test]
fn rights_that_are_given_while_serving_count_at_once() {
    let store = Store::without_rights(Server::shared());
    let serving = Serving::start(&store.url(), &[], &[]);
    serving.wait_until_down("permission");
    let page = serving.get("/");
    let (_, advice) = page.split_once("Let an administrator run").expect("what to do");
    let (advice, _) = advice.split_once("deploy/sql").unwrap();
    obey(&store, &format!("{advice}.").replace("&#39;", "'"));
    let body = serving.wait_until_up();
    assert_eq!(value(&body, ENQUEUED), Some(1.0), "{body}");
    // And those that are taken away.
    store.sql(&format!("revoke select on orders.executions from {}", store.role));
    serving.wait_until_down("permission");
    // A poll that had looked at the rights before fails in the server's words.
    serving.wait_for_log("may not read executions");
    let log = serving.stop();
    assert!(log.contains("may not use schema orders"), "{log}");
    // The same is not told at every poll.
    assert_eq!(log.matches("may not use schema orders").count(), 1, "{log}");
}

#[test]
fn without_the_sequences_counters_are_absent() {
    let store = Store::new(Server::shared());
    store.sql(&format!("revoke select on all sequences in schema orders from {}", store.role));
    let read = check(&store.url()).readable();
    let note = note(&read, "duroxide_queue_enqueued_total").unwrap_or_else(|| panic!("{read:#}"));

    let serving = Serving::start(&store.url(), &[], &[]);
    let body = serving.wait_until_up();
    assert!(!body.contains("duroxide_queue_enqueued_total{"), "absent, not zero:\n{body}");
    assert!(serving.wait_for_log("duroxide_queue_enqueued_total").contains("GRANT SELECT ON ALL SEQUENCES"));
    obey(&store, &note);
    serving.eventually("counted", |body| value(body, ENQUEUED) == Some(1.0));
    assert_eq!(check(&store.url()).readable()["notes"], serde_json::json!([]));
}

#[test]
fn a_standby_tells_its_lag_to_those_who_may_know() {
    let primary = Server::shared();
    let store = Store::without_rights(primary);
    let standby = primary.standby();
    standby.caught_up_with(primary);
    let url = store.url().replace(&format!(":{}/", primary.port()), &format!(":{}/", standby.port()));

    // Nothing can be granted on a standby.
    let refusal = check(&url).refused("permission", "may not use schema").advises(&["on the primary"]);
    obey(&store, &refusal.advice);
    standby.caught_up_with(primary);
    let read = check(&url).readable();
    assert_eq!(read["mode"], "replica", "{read:#}");
    assert_eq!(read["replication"]["lag_seconds"], Value::Null, "{read:#}");
    assert_eq!(read["replication"]["receiver_up"], Value::Null, "{read:#}");
    let note = note(&read, "its lag is not known").unwrap_or_else(|| panic!("{read:#}"));

    let (lag, receiver) =
        (r#"duroxide_store_replication_lag_seconds{store="s"}"#, r#"duroxide_store_receiver_up{store="s"}"#);
    let serving = Serving::start(&url, &[], &[]);
    let body = serving.wait_until_up();
    assert_eq!((value(&body, lag), value(&body, receiver)), (None, None), "{body}");
    assert_eq!(value(&body, r#"duroxide_store_replica{store="s"}"#), Some(1.0), "{body}");
    obey(&store, &note);
    let body = serving
        .eventually("known", |body| value(body, receiver) == Some(1.0) && value(body, lag) == Some(0.0));
    assert!(!body.contains("duroxide_queue_enqueued_total{"), "sequences jump there:\n{body}");
    let read = check(&url).readable();
    assert_eq!((&read["notes"], &read["replication"]["receiver_up"]), (&serde_json::json!([]), &true.into()));
}

#[test]
fn a_store_of_which_a_policy_hides_rows_is_refused_rather_than_counted_wrongly() {
    let store = Store::new(Server::shared());
    store.sql(&format!(
        "alter table orders.instances enable row level security;
         create policy hides on orders.instances to {} using (instance_id like 'a%')",
        store.role
    ));
    check(&store.url()).refused("permission", "row-level security").advises(&["BYPASSRLS"]);
    store.sql(&format!("alter role {} bypassrls", store.role));
    let read = check(&store.url()).readable();
    assert_eq!(read["instances"], serde_json::json!({"completed": 1, "running": 2}), "{read:#}");
}
