//! Schemas that are missing, elsewhere, older, newer, or none.

use cluster::Server;

use super::exporter::{Serving, check};
use super::store::{Flavour, Store, tables};

/// Another schema in the URL.
fn with_schema(store: &Store<'_>, schema: &str) -> String {
    store.url().replace("?schema=orders", schema)
}

#[test]
fn who_looks_in_the_wrong_schema_is_told_the_right_ones() {
    let store = Store::new(Server::shared());
    store.sql(&tables("billing", Flavour::PgOpt));
    store.sql("create schema empty; create table public.unrelated as select 1 as x");
    for (schema, words) in [
        ("?schema=nowhere", "there is no schema nowhere"),
        ("?schema=empty", "schema empty is not a duroxide store"),
        ("", "schema public is not a duroxide store"),
    ] {
        check(&with_schema(&store, schema))
            .refused("schema", words)
            .advises(&["duroxide stores are in: billing, orders.", "?schema=NAME"]);
    }
}

#[test]
fn a_database_without_a_store_is_told_to_be_one() {
    let store = Store::without_tables(Server::shared());
    for schema in ["?schema=orders", ""] {
        check(&with_schema(&store, schema))
            .refused("schema", "schema")
            .advises(&["No schema of this database is a duroxide store", "when it first starts"]);
    }
    // They may come later.
    let serving = Serving::start(&store.url(), &[], &[]);
    serving.wait_until_down("schema");
    store.sql(&tables(store.schema, Flavour::Pg));
    store.sql(&store.grants());
    serving.wait_until_up();
}

#[test]
fn the_name_of_a_schema_is_folded_as_postgres_does() {
    let store = Store::new(Server::shared());
    let read = check(&with_schema(&store, "?schema=OrderS")).readable();
    assert!(read["url"].as_str().unwrap().ends_with("?schema=orders"), "{read:#}");
}

/// The framework does not make such a one, but a store can be renamed, or restored, into it.
#[test]
fn a_name_that_needs_quotes_is_given_in_quotes() {
    let store = Store::new(Server::shared());
    for name in ["MyApp", "1st \"shop\" – é"] {
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        store.sql(&format!("alter schema orders rename to {quoted}"));
        check(&with_schema(&store, "?schema=MyApp")).refused("schema", "no schema myapp").advises(&[&quoted]);
        let read = check(&with_schema(&store, &format!("?schema={quoted}"))).readable();
        assert!(read["url"].as_str().unwrap().ends_with(&format!("?schema={quoted}")), "{read:#}");
        store.sql(&format!("alter schema {quoted} rename to orders"));
    }
}

/// pg_durable's own schema has tables of some of the same names.
#[test]
fn a_schema_of_something_else_is_told_to_be_none() {
    let store = Store::new(Server::shared());
    store.sql(
        "create schema df; create table df.instances (id varchar(8) primary key, label text, root_node text, status text,
           created_at timestamptz, updated_at timestamptz);
         create table df.nodes (id text); create table df.vars (name text); alter schema orders rename to _duroxide;
         create schema copied; create table copied.instances (like _duroxide.instances)",
    );
    for (schema, words) in [
        ("df", "schema df is pg_durable's own; SELECT df.duroxide_schema()"),
        ("copied", "schema copied is not a duroxide store: it has no table _duroxide_migrations"),
    ] {
        let refusal = check(&with_schema(&store, &format!("?schema={schema}"))).refused("schema", words);
        assert!(!refusal.message.contains("lacks"), "{refusal:#?}");
        let refusal = refusal.advises(&["duroxide stores are in: _duroxide."]);
        assert!(!refusal.advice.contains("migrates"), "{refusal:#?}");
    }
}

#[test]
fn the_providers_are_told_apart() {
    let store = Store::new(Server::shared());
    let read = check(&store.url()).readable();
    assert_eq!(read["schema"], "duroxide-pg 26", "{read:#}");
    store.sql(&tables("billing", Flavour::PgOpt));
    store.sql(&store.grants().replace("orders", "billing"));
    let opt = check(&with_schema(&store, "?schema=billing")).readable();
    assert_eq!(opt["schema"], "duroxide-pg-opt 11", "{opt:#}");
    // The rows are the same.
    for part in ["instances", "queues"] {
        assert_eq!(read[part], opt[part], "{part}");
    }
    assert_eq!(read["queues"][1]["fetchable"], 1, "{read:#}");
}

#[test]
fn a_newer_schema_is_read_with_a_note() {
    let store = Store::new(Server::shared());
    assert_eq!(check(&store.url()).readable()["notes"], serde_json::json!([]));
    store.sql("insert into orders._duroxide_migrations values (99, 'something_new')");
    store.sql("alter table orders.instances add column news text");
    let read = check(&store.url()).readable();
    assert_eq!(read["schema"], "duroxide-pg 99", "{read:#}");
    let notes = read["notes"].to_string();
    assert!(notes.contains("(duroxide-pg 99) is newer than this version of the exporter knows"), "{notes}");
    let serving = Serving::start(&store.url(), &[], &[]);
    serving.wait_until_up();
    serving.wait_for_log("(duroxide-pg 99) is newer than");
}

#[test]
fn what_is_missing_of_a_store_is_named() {
    for (change, missing) in [
        ("alter table orders.worker_queue drop column attempt_count", "worker_queue.attempt_count"),
        ("drop table orders.sessions", "sessions.session_id, sessions.locked_until"),
    ] {
        let store = Store::new(Server::shared());
        store.sql(change);
        check(&store.url())
            .refused("schema", &format!("the duroxide store in schema orders lacks {missing}"))
            .advises(&["so that it migrates its tables"]);
    }
}

#[test]
fn tables_made_anew_while_serving_are_read_anew() {
    let store = Store::new(Server::shared());
    let serving = Serving::start(&store.url(), &[], &[]);
    serving.wait_until_up();
    store.sql("drop schema orders cascade");
    serving.wait_until_down("schema");
    store.sql(&tables(store.schema, Flavour::PgOpt));
    store.sql(&store.grants());
    let body = serving.wait_until_up();
    assert!(body.contains(r#"schema="duroxide-pg-opt 11""#), "{body}");
}
