//! The history of a store whose transactions end in any order: each event counts once, whenever it comes to be seen.

use std::path::Path;
use std::thread::spawn;

use cluster::Server;
use duroxide_exporter::testing::{Numbers, Probe};

use super::store::Store;

/// An instance that runs, its first event, and `more` activities that it scheduled.
pub(super) fn instance(id: &str, more: u32) -> String {
    format!(
        r#"insert into orders.instances values ('{id}', 'Order', '1.0.0', 1, now(), now());
           insert into orders.executions values ('{id}', 1, 'Running', null, now(), null);
           insert into orders.history select '{id}', 1, n, 'Event', format('{{"event_id":%s,"source_event_id":null,"instance_id":"{id}",'
             '"execution_id":1,"timestamp_ms":1795408935949,"duroxide_version":"0.1.32","type":"%s","name":"Order","version":"1.0.0"}}',
             n, case n when 1 then 'OrchestrationStarted' else 'ActivityScheduled' end), now() from generate_series(1, {more} + 1) n;"#
    )
}

/// More activities of an instance that is there, as a turn writes them.
pub(super) fn turn(ids: &str, from: u32, to: u32) -> String {
    format!(
        r#"update orders.instances set updated_at = now() where {ids};
           insert into orders.history select instance_id, 1, n, 'Event', format('{{"event_id":%s,"source_event_id":null,"instance_id":"%s",'
             '"execution_id":1,"timestamp_ms":1795408935949,"duroxide_version":"0.1.32","type":"ActivityScheduled","name":"More"}}',
             n, instance_id), now() from orders.instances, generate_series({from}, {to}) n where {ids};"#
    )
}

pub(super) fn poll(probe: &mut Probe) -> Numbers {
    block_on(probe.poll()).unwrap()
}

pub(super) fn block_on<T>(work: impl Future<Output = T>) -> T {
    // Connections live as long as the thing that drives them.
    static RUNTIME: std::sync::LazyLock<tokio::runtime::Runtime> =
        std::sync::LazyLock::new(|| tokio::runtime::Runtime::new().unwrap());
    RUNTIME.block_on(work)
}

pub(super) fn open(url: &str, state: &Path) -> Probe {
    block_on(Probe::following(url, state)).unwrap()
}

/// How many events were counted; and those that run, as far as they are known.
pub(super) fn counted(numbers: &Numbers) -> (f64, f64) {
    let sum = |family: &str| numbers.iter().filter(|(key, _)| key.starts_with(family)).map(|(_, n)| n).sum();
    (sum("duroxide_history_events_total{"), sum("duroxide_executions_running{"))
}

/// A transaction that has written and waits until it is let go.
pub(super) struct Late<'a> {
    store: &'a Store<'a>,
    writer: std::thread::JoinHandle<Result<String, String>>,
}

impl<'a> Late<'a> {
    pub(super) fn begin(store: &'a Store<'_>, sql: &str) -> Self {
        let url = store.server.url(&store.database);
        let holder = url.clone();
        // Ends with its server's connection.
        spawn(move || cluster::psql(&holder, "select pg_advisory_lock(7), 'holder'; select pg_sleep(600);"));
        let locks = "select count(*) from pg_locks where locktype = 'advisory' and granted";
        store.server.wait_for(&store.database, locks, "1");
        let sql = format!("begin; {sql} select pg_advisory_xact_lock_shared(7); commit;");
        let writer = spawn(move || cluster::psql(&url, &sql));
        let waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted";
        store.server.wait_for(&store.database, waiting, "1");
        Self { store, writer }
    }

    pub(super) fn commit(self) {
        self.store
            .sql("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted");
        self.writer.join().unwrap().unwrap();
    }
}

#[test]
fn who_commits_late_is_counted_late_and_once() {
    let primary = Server::start();
    let store = Store::new(&primary);
    let standby = primary.standby();
    let on_standby = store.url().replace(&format!(":{}/", primary.port()), &format!(":{}/", standby.port()));
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let urls = [store.url(), on_standby];
    let mut probes = [open(&urls[0], folders[0].path()), open(&urls[1], folders[1].path())];
    let mut expect = |what: &str, events: f64, running: f64| {
        standby.caught_up_with(&primary);
        for (place, probe) in ["primary", "standby"].into_iter().zip(&mut probes) {
            for look in ["first", "second"] {
                assert_eq!(counted(&poll(probe)), (events, running), "{what}, {place}, {look} look");
            }
        }
    };
    // Two run and one has ended, without an event that says so: all three seem to run, but for the statuses.
    expect("what was there", 4.0, 2.0);
    let late = Late::begin(&store, &instance("late", 2));
    expect("nothing is committed", 4.0, 2.0);
    store.sql(&instance("quick", 0));
    expect("a later transaction is committed", 5.0, 3.0);
    store.sql(&format!("begin; {} rollback;", instance("never", 5)));
    store.sql(&instance("quicker", 1));
    expect("and another", 7.0, 4.0);
    store.sql(&turn("instance_id = 'quick'", 2, 3));
    expect("and one of an instance that was seen", 9.0, 4.0);
    late.commit();
    expect("the first one at last", 12.0, 5.0);

    // After a restart of the exporter in the middle.
    let late = Late::begin(&store, &turn("instance_id = 'late'", 4, 6));
    store.sql(&turn("instance_id = 'quick'", 4, 5));
    let mut probe = open(&urls[0], tempfile::tempdir().unwrap().path());
    assert_eq!(counted(&poll(&mut probe)), (14.0, 5.0));
    late.commit();
    assert_eq!(counted(&poll(&mut probe)), (17.0, 5.0));
}

#[test]
fn a_restart_goes_on_where_it_ended() {
    let server = Server::shared();
    let store = Store::new(server);
    let state = tempfile::tempdir().unwrap();
    let mut probe = open(&store.url(), state.path());
    assert_eq!(counted(&poll(&mut probe)), (4.0, 2.0));
    let late = Late::begin(&store, &instance("late", 2));
    store.sql(&instance("quick", 0));
    assert_eq!(counted(&poll(&mut probe)), (5.0, 3.0));
    drop(probe);
    store.sql(&turn("instance_id = 'quick'", 2, 3));
    late.commit();
    store.sql("vacuum freeze orders.history; vacuum freeze orders.instances;");
    let mut probe = open(&store.url(), state.path());
    assert_eq!(counted(&poll(&mut probe)), (10.0, 4.0));
    store.sql("vacuum full orders.history; vacuum full orders.instances;");
    assert_eq!(counted(&poll(&mut probe)), (10.0, 4.0));
}

#[test]
fn many_instances_are_read_in_steps() {
    let store = Store::new(Server::shared());
    // More than a step, with ids that people sort otherwise than bytes.
    store.sql(
        r#"insert into orders.instances select case n % 2 when 0 then 'I-' else 'i-' end || n, 'Order', '1.0.0', 1, now(), now()
             from generate_series(1, 6000) n;
           insert into orders.executions select instance_id, 1, 'Running', null, now(), null from orders.instances where instance_id like '%-%';
           insert into orders.history select instance_id, 1, n, 'Event', format('{"event_id":%s,"source_event_id":null,"instance_id":"%s",'
               '"execution_id":1,"timestamp_ms":1795408935949,"duroxide_version":"0.1.32","type":"%s","name":"Order","version":"1.0.0"}',
               n, instance_id, case n when 1 then 'OrchestrationStarted' else 'ActivityScheduled' end), now()
             from orders.instances, generate_series(1, 2) n where instance_id like '%-%';"#,
    );
    let state = tempfile::tempdir().unwrap();
    let mut probe = open(&store.url(), state.path());
    let (events, running) = counted(&poll(&mut probe));
    assert_eq!(running, 6002.0);
    assert_eq!(events, 12_004.0);
    // All of them at once, in one transaction.
    store.sql(&format!("begin; {} commit;", turn("instance_id <> 'ended'", 10, 16)));
    assert_eq!(counted(&poll(&mut probe)), (12_004.0 + 7.0 * 6002.0, 6002.0));
    assert_eq!(counted(&poll(&mut probe)), (12_004.0 + 7.0 * 6002.0, 6002.0));
    // Nothing is left of half of them; an id of these is used again.
    store.sql("delete from orders.history where instance_id like 'I-%'; delete from orders.instances where instance_id like 'I-%'; delete from orders.executions where instance_id like 'I-%';");
    store.sql(&instance("I-2", 1));
    assert_eq!(counted(&poll(&mut probe)), (12_006.0 + 7.0 * 6002.0, 3003.0));
}

#[test]
fn rows_of_any_kind_are_counted_and_do_no_harm() {
    let store = Store::new(Server::shared());
    let state = tempfile::tempdir().unwrap();
    let mut probe = open(&store.url(), state.path());
    poll(&mut probe);
    let row = |n: u32, data: &str| {
        format!("insert into orders.history values ('odd', 1, {n}, 'Event', {data}, now());")
    };
    let separator = format!("e'{}'", r"no\x1eJSON");
    store.sql(&format!(
        "begin; {} {} {} {} {} {} commit;",
        instance("odd", 0),
        row(2, "'no JSON'"),
        row(3, &separator),
        row(4, "''"),
        row(5, "repeat('x', 17 << 20)"),
        row(6, r#"'{"event_id":6,"source_event_id":null,"instance_id":"odd","execution_id":1,"timestamp_ms":1,"type":"FromTheFuture","name":[]}'"#),
    ));
    let numbers = poll(&mut probe);
    let of =
        |kind: &str| numbers[&format!(r#"duroxide_history_events_total{{store="probe",type="{kind}"}}"#)];
    assert_eq!((of("undecodable"), of("unknown"), of("OrchestrationStarted")), (4.0, 1.0, 4.0));
    assert_eq!(counted(&numbers).0, 10.0);
}
