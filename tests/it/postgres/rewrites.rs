//! Histories whose rows something writes anew, as nothing in the framework does: each event counts once all the same.

use cluster::Server;

use super::history::{Late, counted, instance, open, poll, turn};
use super::store::Store;

/// Every way that there is to give rows of a table other transactions.
const REWRITES: [(&str, &str); 9] = [
    (
        "a migration that adds a column",
        "begin; alter table orders.history add column id uuid default gen_random_uuid();
         alter table orders.instances add column id uuid default gen_random_uuid(); commit",
    ),
    (
        "a migration that changes a type",
        "alter table orders.history alter column event_type type varchar(40);
         alter table orders.instances alter column current_execution_id type numeric;
         alter table orders.instances alter column current_execution_id type bigint",
    ),
    (
        "an update of both",
        "begin; update orders.history set event_type = 'Event'; update orders.instances set updated_at = now(); commit",
    ),
    (
        "an update of what ran",
        "update orders.history set event_type = 'Event' where instance_id = 'old';
         update orders.instances set updated_at = now() where instance_id = 'old'",
    ),
    ("vacuum", "vacuum full orders.history; vacuum full orders.instances; vacuum freeze orders.history"),
    (
        "cluster",
        "cluster orders.history using history_pkey; cluster orders.instances using instances_pkey; vacuum freeze orders.instances",
    ),
    (
        "a swap, as pg_repack does it",
        "create table orders.swapped (like orders.history including all);
         create table orders.swapped_instances (like orders.instances including all);
         insert into orders.swapped select * from orders.history;
         insert into orders.swapped_instances select * from orders.instances;
         set allow_system_table_mods = on;
         begin;
         lock table orders.history, orders.instances, orders.swapped, orders.swapped_instances;
         with files as (select oid, relfilenode, relname from pg_class where relnamespace = 'orders'::regnamespace
                        and relname ~ '^(history|swapped|instances|swapped_instances)(_pkey)?$')
         update pg_class set relfilenode = other.relfilenode from files, files other where pg_class.oid = files.oid
            and other.relname = case when files.relname ~ '^(history|instances)'
               then replace(replace(files.relname, 'instances', 'swapped_instances'), 'history', 'swapped')
               else regexp_replace(replace(files.relname, 'swapped_instances', 'instances'), '^swapped', 'history') end;
         commit;
         drop table orders.swapped, orders.swapped_instances",
    ),
    (
        "a dump, loaded at once",
        "create table rows as table orders.history; create table heads as table orders.instances;
         begin; truncate orders.history, orders.instances; insert into orders.history table rows;
         insert into orders.instances table heads; commit",
    ),
    (
        "a dump, loaded table by table",
        "create table rows as table orders.history; create table heads as table orders.instances;
         truncate orders.history, orders.instances; insert into orders.instances table heads;
         insert into orders.history table rows",
    ),
];

/// Instances of one turn and of many.
fn fill(store: &Store<'_>) {
    store.sql(&instance("brief", 2));
    store.sql(&instance("old", 3));
    store.sql(&turn("instance_id = 'old'", 5, 9));
    store.sql(&turn("instance_id = 'old'", 10, 5_010));
}

#[test]
fn rows_that_are_written_anew_count_once() {
    for (what, rewrite) in REWRITES {
        let store = Store::new(Server::shared());
        fill(&store);
        let state = tempfile::tempdir().unwrap();
        let mut probe = open(&store.url(), state.path());
        assert_eq!(counted(&poll(&mut probe)), (5_017.0, 4.0), "{what}");
        // All of this between two polls.
        store.sql(&instance("before", 1));
        store.sql(&turn("instance_id = 'brief'", 4, 5));
        store.sql(rewrite);
        store.sql(&turn("instance_id = 'old'", 5_011, 5_012));
        store.sql(&instance("after", 1));
        assert_eq!(counted(&poll(&mut probe)), (5_025.0, 6.0), "{what}");
        // And again, with nothing new.
        if !what.contains("dump") && !what.contains("column") {
            store.sql(rewrite);
        }
        assert_eq!(counted(&poll(&mut probe)), (5_025.0, 6.0), "{what}");
        store.sql(&turn("instance_id = 'brief'", 6, 6));
        drop(probe);
        assert_eq!(counted(&poll(&mut open(&store.url(), state.path()))), (5_026.0, 6.0), "{what}");
    }
}

#[test]
fn rows_that_are_written_anew_while_a_transaction_runs_count_once() {
    let primary = Server::start();
    let store = Store::new(&primary);
    fill(&store);
    let standby = primary.standby();
    let on_standby = store.url().replace(&format!(":{}/", primary.port()), &format!(":{}/", standby.port()));
    let states = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut probes = [open(&store.url(), states[0].path()), open(&on_standby, states[1].path())];
    let mut expect = |what: &str, events: f64, running: f64| {
        standby.caught_up_with(&primary);
        for probe in &mut probes {
            for _ in 0..2 {
                assert_eq!(counted(&poll(probe)), (events, running), "{what}");
            }
        }
    };
    expect("what was there", 5_017.0, 4.0);
    let late = Late::begin(&store, &instance("late", 2));
    store.sql(&turn("instance_id = 'brief'", 4, 5));
    expect("beside one that runs", 5_019.0, 4.0);
    store.sql("begin; update orders.history set event_type = 'Event'; update orders.instances set updated_at = now(); commit");
    store.sql(&turn("instance_id = 'brief'", 6, 6));
    expect("an update", 5_020.0, 4.0);
    late.commit();
    expect("the one that ran", 5_023.0, 5.0);
    // What runs for long and writes everything anew.
    let late = Late::begin(
        &store,
        "update orders.history set event_type = 'Event'; update orders.instances set custom_status_version = 1 where instance_id <> 'brief';",
    );
    store.sql(&turn("instance_id = 'brief'", 7, 8));
    expect("beside an update", 5_025.0, 5.0);
    late.commit();
    store.sql(&turn("instance_id = 'old'", 5_011, 5_011));
    expect("the update", 5_026.0, 5.0);
}
