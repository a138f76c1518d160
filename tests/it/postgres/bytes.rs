//! A database without an encoding, in which texts are any bytes: what is none is counted, and everything else is read.

use cluster::Server;
use duroxide_exporter::testing::Numbers;

use super::exporter::{check, program, run};
use super::history::{counted, instance, open, poll, turn};
use super::store::{Flavour, Store, tables};

/// One in every text that is read.
const ROWS: &str = r#"
    insert into orders.instances values (E'id-\xff', E'Name-\xff', E'1-\xff', 1, now(), now(), E'parent-\xff', E'status-\xff');
    insert into orders.executions values (E'id-\xff', 1, 'Failed', E'output-\xff', now(), now());
    insert into orders.history values ('waits', 1, 3, E'Event\xff', E'{"event_id":3,"source_event_id":null,"instance_id":"waits",
      "execution_id":1,"timestamp_ms":1795408935951,"duroxide_version":"0.1.32","type":"ActivityScheduled","name":"\xff","input":""}', now());
    update orders.instances set updated_at = now() where instance_id = 'waits';
    insert into orders.worker_queue (work_item, visible_at, created_at, instance_id, execution_id, activity_id, tag) values (
      E'{"ActivityExecute":{"id":3,"name":"Charge","input":"\xff","instance":"waits","execution_id":1}}', now(), now(), 'waits', 1, 3, E'tag-\xff');
    insert into orders.orchestrator_queue (instance_id, work_item, visible_at, created_at) values (
      E'to-\xff', E'{"ExternalRaised":{"instance":"to-\xff","name":"n","data":"d"}}', now(), now());
    insert into orders.instance_locks values (E'id-\xff', E'token-\xff', 4102444800000, 0);
    insert into orders.sessions values (E'session-\xff', E'worker-\xff', 4102444800000, 0);
"#;

fn value(numbers: &Numbers, key: &str) -> Option<f64> {
    numbers.get(key).copied()
}

#[test]
fn one_row_that_is_no_text_hides_nothing_else() {
    let server = Server::shared();
    let database = "bytes".to_owned();
    server.psql(
        "postgres",
        "create database bytes encoding 'SQL_ASCII' template template0 lc_collate 'C' lc_ctype 'C';
         create role monitor_bytes login password 's3cret-bytes'",
    );
    let (role, password) = ("monitor_bytes".to_owned(), "s3cret-bytes".to_owned());
    let store = Store { server, database, schema: "orders", role, password };
    store.sql(&tables(store.schema, Flavour::Pg));
    store.sql(&store.grants());
    let state = tempfile::tempdir().unwrap();
    let mut probe = open(&store.url(), state.path());
    assert_eq!(counted(&poll(&mut probe)), (4.0, 2.0));
    store.sql(ROWS);
    store.sql(&instance("next", 2));
    let undecodable = [
        r#"duroxide_history_events_total{store="probe",type="undecodable"}"#,
        r#"duroxide_queue_undecodable_messages{queue="orchestrator",store="probe"}"#,
        r#"duroxide_queue_undecodable_messages{queue="worker",store="probe"}"#,
    ];
    for _ in 0..2 {
        let numbers = poll(&mut probe);
        assert_eq!(counted(&numbers), (8.0, 3.0), "{numbers:#?}");
        assert_eq!(undecodable.map(|key| value(&numbers, key)), [Some(1.0); 3], "{numbers:#?}");
        let failed =
            r#"duroxide_instances{orchestration="Name-�",status="failed",store="probe",version="1-�"}"#;
        assert_eq!(value(&numbers, failed), Some(1.0), "{numbers:#?}");
    }
    store.sql(&turn("instance_id = 'waits'", 4, 4));
    assert_eq!(counted(&poll(&mut probe)), (9.0, 3.0));

    let read = check(&store.url()).readable();
    assert_eq!(read["instances"], serde_json::json!({"completed": 1, "failed": 1, "running": 3}), "{read:#}");
    let address = format!("s={}", store.url());
    for call in [
        vec!["list"],
        vec!["show", "waits"],
        vec!["history", "waits", "--payloads"],
        vec!["timeline", "waits"],
        vec!["search", "Charge"],
        vec!["count"],
        vec!["export", "waits"],
    ] {
        let ended = run(program(&["instances"]).args(&call).args(["--store", &address]));
        assert_eq!(ended.code, 0, "{call:?}: {ended:?}");
    }
}
