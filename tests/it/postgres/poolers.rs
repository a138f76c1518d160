//! PgBouncer between the exporter and the server, lending connections for a session, a transaction or a statement, to
//! others as well.

use std::time::Instant;

use cluster::{PATIENCE, Pooler, Pooling, Server};
use duroxide_exporter::connect;
use duroxide_exporter::testing::Probe;

use super::exporter::check;
use super::store::Store;

/// Another client that only writes, and counts what it wrote.
const INSERT: &str = "insert into public.written default values";

const WAITING: &str = r#"duroxide_queue_messages{queue="worker",state="ready",store="probe"}"#;

/// A store, and a pooler before it that knows the exporter's role.
fn pooled(pooling: Pooling, connections: u32) -> (Store<'static>, Pooler) {
    let store = Store::new(Server::shared());
    store.sql("create table public.written (id bigserial)");
    let pooler = store.server.pooler(pooling, connections, &[(&store.role, &store.password)]);
    (store, pooler)
}

/// The store through the pooler, as the superuser: so other clients share its connections.
fn shared(store: &Store<'_>, pooler: &Pooler) -> String {
    format!("{}?schema={}", pooler.url(&store.database), store.schema)
}

#[test]
fn every_poll_succeeds_beside_other_clients_of_the_pool() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // More clients than connections: each transaction gets another one.
    for (pooling, connections) in
        [(Pooling::Transaction, 1), (Pooling::Transaction, 3), (Pooling::Session, 6)]
    {
        let (store, pooler) = pooled(pooling, connections);
        let traffic = pooler.traffic(&store.database, INSERT, 4, 300);
        runtime.block_on(async {
            let url = shared(&store, &pooler);
            let mut probe = Probe::sidecar(&url).await.unwrap();
            let management = connect(&url).unwrap();
            for poll in 0..60 {
                let numbers =
                    probe.poll().await.unwrap_or_else(|error| panic!("{pooling:?}, poll {poll}: {error}"));
                assert_eq!(numbers[WAITING], 1.0, "{pooling:?}, poll {poll}");
                let info = management.get_instance_info("waits").await;
                assert_eq!(info.unwrap().orchestration_name, "Order", "{pooling:?}, call {poll}");
            }
        });
        // Nothing of theirs was run by us.
        assert_eq!(traffic.end().to_string(), store.sql("select count(*) from written"), "{pooling:?}");
    }
}

#[test]
fn a_pooler_of_statements_is_refused_with_what_to_do() {
    let (store, pooler) = pooled(Pooling::Statement, 3);
    check(&shared(&store, &pooler))
        .refused("unsupported", "lends its connections for one statement")
        .advises(&["pool_mode", "transaction"]);
}

#[test]
fn check_tells_a_pooler_and_what_follows() {
    let (store, pooler) = pooled(Pooling::Transaction, 2);
    let url = shared(&store, &pooler);
    let notes = |url: &str| check(url).readable()["notes"].to_string();
    // The pooler keeps the connection that this one made.
    let deadline = Instant::now() + PATIENCE;
    let told = loop {
        let told = notes(&url);
        if told != "[]" || Instant::now() > deadline {
            break told;
        }
    };
    assert!(told.contains("pooler") && told.contains("one server"), "{told}");
    assert!(!notes(&store.url()).contains("pooler"));
}

#[test]
fn nothing_is_left_in_a_connection_and_nothing_found_there_matters() {
    let (store, pooler) = pooled(Pooling::Transaction, 1);
    store.sql("create role stranger; create schema evil; create table evil.instances (instance_id text)");
    let url = pooler.url(&store.database);
    // What another client leaves behind.
    let left = "create temp table instances (instance_id text); set search_path = evil; set role stranger;
         set statement_timeout = '17min'; set lock_timeout = '16min'; set idle_in_transaction_session_timeout = '15min'";
    cluster::psql(&url, left).unwrap();
    let state = "select concat_ws(' ', current_user, current_setting('search_path'), current_setting('statement_timeout'),
         current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout'),
         current_setting('row_security'), current_setting('max_parallel_workers_per_gather'), current_setting('jit'))";
    let before = cluster::psql(&url, state).unwrap();
    assert!(before.starts_with("stranger evil 17min 16min 15min"), "{before}");
    let instances = check(&shared(&store, &pooler)).readable()["instances"].clone();
    assert_eq!(instances, serde_json::json!({"completed": 1, "running": 2}));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let api = connect(&shared(&store, &pooler)).unwrap();
    assert!(runtime.block_on(api.get_instance_info("waits")).is_ok());
    assert_eq!(cluster::psql(&url, state).unwrap(), before);
    let names = "select count(*) from pg_prepared_statements";
    assert_eq!(cluster::psql(&url, names).unwrap(), "0");
}
