//! Histories that are long, large or odd, that something holds back, or that are of another server: each event counts once.

use std::thread::{sleep, spawn};
use std::time::Duration;

use cluster::Server;
use duroxide_exporter::testing::{Numbers, Probe};

use super::history::{Late, block_on, counted, instance, open, poll, turn};
use super::store::{Flavour, Store, tables};

fn events(numbers: &Numbers, kind: &str) -> f64 {
    let key = format!(r#"duroxide_history_events_total{{store="probe",type="{kind}"}}"#);
    numbers.get(&key).copied().unwrap_or(0.0)
}

#[test]
fn a_long_history_is_read_in_steps_and_then_from_its_end() {
    let store = Store::new(Server::shared());
    // More than a step; in the middle of two others.
    store.sql(&format!("{} {} {}", instance("a", 1), instance("long", 49_999), instance("z", 1)));
    let state = tempfile::tempdir().unwrap();
    let mut probe = open(&store.url(), state.path());
    let (first, _) = counted(&block_on(probe.step()).unwrap());
    assert!((1_000.0..50_000.0).contains(&first), "{first}");
    drop(probe);
    // A restart in the middle of it, while it grows.
    store.sql(&turn("instance_id = 'long'", 50_001, 50_002));
    let mut probe = open(&store.url(), state.path());
    assert_eq!(counted(&poll(&mut probe)), (50_010.0, 5.0));
    store.sql(&turn("instance_id = 'long'", 50_003, 50_003));
    assert_eq!(counted(&poll(&mut probe)), (50_011.0, 5.0));
    store.sql(&turn("instance_id = 'long'", 50_004, 53_000));
    assert_eq!(counted(&poll(&mut probe)), (53_008.0, 5.0));
    // A turn that is more than a step by itself, of an instance in the middle.
    store.sql(&turn("instance_id in ('a', 'long', 'z')", 60_000, 89_999));
    let (some, _) = counted(&block_on(probe.step()).unwrap());
    assert!((73_008.0..143_008.0).contains(&some), "{some}");
    assert_eq!(counted(&poll(&mut probe)), (53_008.0 + 90_000.0, 5.0));
    let next = r#"update orders.instances set current_execution_id = 2 where instance_id = 'long';
        insert into orders.executions values ('long', 2, 'Running', null, now(), null);
        insert into orders.history values ('long', 2, 1, 'Event', '{"event_id":1,"source_event_id":null,"instance_id":"long",
        "execution_id":2,"timestamp_ms":1795408935949,"duroxide_version":"0.1.32","type":"OrchestrationStarted","name":"Order","version":"1.0.0"}', now());"#;
    store.sql(&format!("begin; {next} commit;"));
    assert_eq!(counted(&poll(&mut probe)), (53_008.0 + 90_001.0, 5.0));
}

#[test]
fn long_texts_are_read_as_any_other() {
    let store = Store::new(Server::shared());
    let state = tempfile::tempdir().unwrap();
    let mut probe = open(&store.url(), state.path());
    poll(&mut probe);
    // Around what is read by itself, around a step's size, above what is looked at; \u0000 is legal.
    let sizes = [4_000, 4_050, 4_096, 5_000, 70_000, 3 << 20, 9 << 20, 15 << 20, 20 << 20, 10, 20_000];
    let rows: Vec<String> = sizes
        .iter()
        .zip(2..)
        .map(|(size, n)| {
            format!(
                r#"insert into orders.history values ('large', 1, {n}, 'Event', '{{"event_id":{n},"source_event_id":null,"instance_id":"large","execution_id":1,"timestamp_ms":1,"duroxide_version":"0.1.32","type":"ActivityScheduled","name":"Big","input":"\u0000' || repeat('x', {size}) || '"}}', now());"#
            )
        })
        .collect();
    store.sql(&format!(
        "begin; {} {} {} commit;",
        instance("large", 0),
        rows.join("\n"),
        instance("small", 1)
    ));
    for look in ["first", "second"] {
        let numbers = poll(&mut probe);
        let kinds = [events(&numbers, "ActivityScheduled"), events(&numbers, "undecodable")];
        // One of the two of the store and `small` each.
        assert_eq!(kinds, [10.0 + 2.0, 1.0], "{look}");
        assert_eq!(counted(&numbers), (4.0 + 12.0 + 2.0, 4.0), "{look}");
    }
    // The same as a history that was there before.
    let mut probe = open(&store.url(), tempfile::tempdir().unwrap().path());
    assert_eq!(counted(&poll(&mut probe)), (18.0, 4.0));
}

#[test]
fn ids_of_any_kind_are_read() {
    let store = Store::new(Server::shared());
    let state = tempfile::tempdir().unwrap();
    let mut probe = open(&store.url(), state.path());
    poll(&mut probe);
    // Ids as the server knows them, and as JSON has them.
    let ids = [
        ("Ünï çødé – 日本語 🦀", "Ünï çødé – 日本語 🦀"),
        ("a\u{1e}b", "a\\\\u001eb"),
        ("%s {}\"\\", "%%s {}\\\\\"\\\\\\\\"),
        ("e\u{301}", "e\u{301}"),
        ("é", "é"),
        (" ", " "),
    ];
    for (id, json) in ids {
        store.sql(&format!(
            r#"begin; insert into orders.instances values ('{id}', 'Order', '1.0.0', 1, now(), now());
               insert into orders.executions values ('{id}', 1, 'Running', null, now(), null);
               insert into orders.history select '{id}', 1, n, 'Event', format(E'{{"event_id":%s,"source_event_id":null,"instance_id":"{json}",'
                 '"execution_id":1,"timestamp_ms":1795408935949,"duroxide_version":"0.1.32","type":"%s","name":"Order","version":"1.0.0"}}',
                 n, case n when 1 then 'OrchestrationStarted' else 'ActivityScheduled' end), now() from generate_series(1, 2) n; commit;"#
        ));
    }
    for _ in 0..2 {
        let numbers = poll(&mut probe);
        assert_eq!(counted(&numbers), (16.0, 8.0), "{numbers:?}");
        assert_eq!(events(&numbers, "undecodable"), 0.0);
    }
    // What ran before is known after a restart, too.
    drop(probe);
    assert_eq!(counted(&poll(&mut open(&store.url(), state.path()))), (16.0, 8.0));
}

#[test]
fn an_instance_that_is_made_again_is_another() {
    let store = Store::new(Server::shared());
    let state = tempfile::tempdir().unwrap();
    store.sql(&instance("again", 1_500));
    let mut probe = open(&store.url(), state.path());
    assert_eq!(counted(&poll(&mut probe)), (1_505.0, 3.0));
    let delete: String = ["history", "executions", "instances"]
        .map(|table| format!("delete from orders.{table} where instance_id = 'again';"))
        .concat();
    store.sql(&format!("begin; {delete} commit; {}", instance("again", 2)));
    assert_eq!(counted(&poll(&mut probe)), (1_508.0, 3.0));
    // In one transaction, and with as many events.
    store.sql(&format!("begin; {delete} {} commit;", instance("again", 2)));
    assert_eq!(counted(&poll(&mut probe)), (1_511.0, 3.0));
    // What came and went leaves no trace; what went is not taken back.
    store.sql(&format!("{} {delete}", instance("again", 3).replace("insert into orders.instances", "delete from orders.history where instance_id = 'again'; delete from orders.executions where instance_id = 'again'; delete from orders.instances where instance_id = 'again'; insert into orders.instances")));
    assert_eq!(counted(&poll(&mut probe)), (1_511.0, 2.0));
}

#[test]
fn who_runs_for_long_elsewhere_holds_nothing_back() {
    let primary = Server::start();
    let store = Store::new(&primary);
    let standby = primary.standby();
    let other = primary.create_database();
    let url = primary.url(&other);
    spawn(move || {
        cluster::psql(
            &url,
            "create table t (x int); begin; insert into t values (1); select pg_sleep(600), 'elsewhere';",
        )
    });
    primary.wait_for("postgres", "select count(*) from pg_stat_activity where backend_xid is not null and query like '%elsewhere%' and pid <> pg_backend_pid()", "1");
    let on_standby = store.url().replace(&format!(":{}/", primary.port()), &format!(":{}/", standby.port()));
    let states = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut probes = [open(&store.url(), states[0].path()), open(&on_standby, states[1].path())];
    store.sql(&instance("busy", 0));
    for round in 0..4 {
        // Each of them a transaction.
        store.sql(&format!(
            "do $$ begin for n in 1..600 loop {} commit; end loop; end $$;",
            turn("instance_id = 'busy'", 2, 2)
                .replace(
                    "generate_series(2, 2)",
                    &format!("generate_series({round} * 600 + n + 1, {round} * 600 + n + 1)")
                )
                .replace(" n where", " m where")
                .replace("1, n, 'Event'", "1, m, 'Event'")
                .replace("n, instance_id)", "m, instance_id)"),
        ));
        store.sql(&instance(&format!("i-{round}"), 0));
        standby.caught_up_with(&primary);
        let (expected, running) = (5.0 + f64::from(round + 1) * 601.0, 3.0 + f64::from(round + 1));
        for probe in &mut probes {
            for _ in 0..2 {
                assert_eq!(counted(&poll(probe)), (expected, running), "round {round}");
            }
        }
    }
    let horizon = |state: &tempfile::TempDir| {
        let file = std::fs::read(state.path().join("probe.state")).unwrap();
        let text = String::from_utf8_lossy(&file);
        let (_, from) = text.split_once(r#""from":"#).unwrap();
        from.split_once(',').unwrap().0.parse::<u64>().unwrap()
    };
    // On a primary it is known that this transaction is of another database.
    assert!(horizon(&states[0]) > horizon(&states[1]) + 2_000);
    // Here it runs on; there it is the same after a restart.
    drop(probes);
    let mut probe = open(&on_standby, states[1].path());
    assert_eq!(counted(&poll(&mut probe)), (2_409.0, 7.0));
    let late = Late::begin(&store, &instance("late", 1));
    store.sql(&instance("quick", 0));
    standby.caught_up_with(&primary);
    assert_eq!(counted(&poll(&mut probe)), (2_410.0, 8.0));
    late.commit();
    standby.caught_up_with(&primary);
    assert_eq!(counted(&poll(&mut probe)), (2_412.0, 9.0));
}

#[test]
fn another_store_is_followed_from_the_last_moment_on() {
    let store = Store::new(Server::shared());
    let state = tempfile::tempdir().unwrap();
    let mut probe = open(&store.url(), state.path());
    assert_eq!(counted(&poll(&mut probe)), (4.0, 2.0));
    sleep(Duration::from_millis(50));
    store.sql(&format!(
        "{} update orders._duroxide_migrations set applied_at = applied_at + interval '1 second';",
        instance("newer", 2)
    ));
    // Older events are known to have been counted by their time alone.
    assert_eq!(counted(&poll(&mut probe)), (7.0, 3.0));
    store.sql(&turn("instance_id = 'newer'", 4, 5));
    assert_eq!(counted(&poll(&mut probe)), (9.0, 3.0));
}

#[test]
fn a_restored_dump_is_not_counted_again() {
    let store = Store::new(Server::shared());
    let state = tempfile::tempdir().unwrap();
    store.sql(&instance("long", 2_000));
    let mut probe = open(&store.url(), state.path());
    assert_eq!(counted(&poll(&mut probe)), (2_005.0, 3.0));
    sleep(Duration::from_millis(50));
    let restore: String = ["instances", "executions", "history"]
        .map(|table| {
            format!(
                "alter table orders.{table} rename to old_{table};
                 create table orders.{table} (like orders.old_{table} including all);
                 insert into orders.{table} select * from orders.old_{table};"
            )
        })
        .concat();
    store.sql(&format!("begin; {restore} {} {} commit;", store.grants(), instance("newer", 0)));
    assert_eq!(counted(&poll(&mut probe)), (2_006.0, 4.0));
    assert_eq!(counted(&poll(&mut probe)), (2_006.0, 4.0));
}

#[test]
fn a_server_that_was_set_back_is_followed_by_time() {
    let primary = Server::start();
    let store = Store::new(&primary);
    let earlier = primary.standby();
    earlier.caught_up_with(&primary);
    earlier.promote();
    let state = tempfile::tempdir().unwrap();
    for n in 0..30 {
        store.sql(&instance(&format!("lost-{n}"), 0));
    }
    let mut probe = open(&store.url(), state.path());
    assert_eq!(counted(&poll(&mut probe)), (34.0, 32.0));
    drop(probe);
    sleep(Duration::from_millis(50));
    earlier.psql(&store.database, &instance("found", 1));
    let url = store.url().replace(&format!(":{}/", primary.port()), &format!(":{}/", earlier.port()));
    let mut probe = open(&url, state.path());
    assert_eq!(counted(&poll(&mut probe)), (36.0, 3.0));
    earlier.psql(&store.database, &instance("next", 0));
    assert_eq!(counted(&poll(&mut probe)), (37.0, 4.0));
}

#[test]
fn a_store_of_the_other_provider_is_followed_as_well() {
    let mut store = Store::without_tables(Server::shared());
    store.schema = "opt";
    store.sql(&tables(store.schema, Flavour::PgOpt));
    store.sql(&store.grants());
    let state = tempfile::tempdir().unwrap();
    let mut probe = open(&store.url(), state.path());
    assert_eq!(counted(&poll(&mut probe)), (4.0, 2.0));
    store.sql(&instance("new", 2).replace("orders.", "opt."));
    let numbers = poll(&mut probe);
    assert_eq!(counted(&numbers), (7.0, 3.0));
    // Whose the activity is stands in its row alone.
    let waiting = |reason: &str| {
        let found = numbers.iter().find(|(key, _)| {
            key.starts_with("duroxide_instances_waiting{") && key.contains(&format!(r#"reason="{reason}""#))
        });
        found.map(|(_, number)| *number)
    };
    assert_eq!(waiting("activity"), Some(1.0));
    // Nobody will ever wake `sleeps`, of whose timer the history knows nothing.
    assert_eq!(counted(&poll(&mut probe)), (7.0, 3.0));
}

/// Nothing in it can have been there before the exporter wanted to read it.
#[test]
fn a_store_that_is_made_while_the_exporter_waits_counts_from_its_first_event() {
    for flavour in [Flavour::Pg, Flavour::PgOpt] {
        let store = Store::without_tables(Server::shared());
        let mut probe = block_on(Probe::sidecar(&store.url())).unwrap();
        block_on(probe.poll()).unwrap_err();
        store.sql(&tables(store.schema, flavour));
        store.sql(&store.grants());
        store.sql(&instance("new", 2));
        // Those that come with the tables, and those of the new one.
        assert_eq!(counted(&poll(&mut probe)), (4.0 + 3.0, 3.0));
        store.sql(&turn("instance_id = 'new'", 4, 5));
        assert_eq!(counted(&poll(&mut probe)).0, 7.0 + 2.0);

        // One that was there is counted from now on.
        let mut late = block_on(Probe::sidecar(&store.url())).unwrap();
        assert_eq!(counted(&poll(&mut late)).0, 0.0);
    }
}
