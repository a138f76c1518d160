//! Servers that end, stand still, refuse or are locked while they are polled. Whatever happens: the last good values are
//! served with their age, promptly; the reason is told; it is read again without anybody's help; and there are never more
//! than two connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use cluster::{Pooling, Server};
use duroxide_exporter::connect;
use duroxide_exporter::testing::Probe;

use super::exporter::{AGE, Serving, UP, value};
use super::store::Store;

const WORKER: &str = r#"duroxide_queue_messages{store="s",queue="worker",state="ready"}"#;

/// Counts the exporter's sessions all the time.
struct Sampler {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(usize, usize)>,
}

impl Sampler {
    /// Of the role, as the superuser of this URL sees them.
    fn start(store: &Store<'_>) -> Self {
        let sql = format!(
            "select count(*) from pg_stat_activity where usename = '{}' or application_name like 'duroxide-exporter%'
             and datname = '{}'",
            store.role, store.database
        );
        let url = store.server.url("postgres");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = spawn(move || {
            let (mut most, mut samples) = (0, 0);
            // The exporter's one session is there at the end.
            while !stopped.load(Ordering::SeqCst) || most == 0 {
                // A server that is down has no sessions.
                if let Ok(count) = cluster::psql(&url, &sql) {
                    most = most.max(count.parse().unwrap());
                    samples += 1;
                }
                sleep(Duration::from_millis(80));
            }
            (most, samples)
        });
        Self { stop, thread }
    }

    /// The most there ever were: two at most, for there may be one that ends.
    fn most(self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        let (most, samples) = self.thread.join().unwrap();
        assert!(samples > 0);
        assert!((1..=2).contains(&most), "{most} sessions in one of {samples} samples");
        most
    }
}

/// Down for this reason, with the last good values and a growing age.
fn is_down_with_its_last_values(serving: &Serving, reason: &str) {
    let body = serving.wait_until_down(reason);
    assert_eq!(value(&body, WORKER), Some(1.0), "{reason}: the last good number stays\n{body}");
    let before = value(&body, AGE).unwrap();
    let body = serving.eventually("the age grows", |body| value(body, AGE) > Some(before + 0.2));
    assert_eq!(value(&body, UP), Some(0.0), "{reason}: {body}");
    let page = serving.get("/");
    assert!(page.contains(&format!("{reason}: ")) && page.contains("those of the last good poll"), "{page}");
}

/// Up, with values that are new.
fn recovers(serving: &Serving) {
    serving.wait_until_up();
    serving.eventually("fresh", |body| value(body, AGE) < Some(1.5) && value(body, WORKER) == Some(1.0));
}

#[test]
fn a_server_that_ends_is_read_again_when_it_is_back() {
    let server = Server::start();
    let store = Store::new(&server);
    let serving = Serving::start(&store.url(), &[], &[]);
    recovers(&serving);
    let sampler = Sampler::start(&store);
    for end in [Server::stop_fast, Server::kill] {
        end(&server);
        is_down_with_its_last_values(&serving, "unavailable");
        server.start_again();
        recovers(&serving);
    }
    sampler.most();
    let log = serving.stop();
    assert!(log.contains("Connection refused"), "{log}");
}

#[test]
fn a_server_that_stands_still_is_read_again_when_it_moves() {
    let server = Server::start();
    let store = Store::new(&server);
    // The pause after a failure grows with the time it took.
    let serving = Serving::start(&store.url(), &["--poll-timeout=200ms"], &[]);
    recovers(&serving);
    let sampler = Sampler::start(&store);
    server.freeze();
    // What the connection that is there does not answer goes over a new one in the same poll, and there is none to be had.
    is_down_with_its_last_values(&serving, "unavailable");
    server.thaw();
    recovers(&serving);
    // What was asked for in vain meanwhile had not yet told who it is.
    sampler.most();
    server.wait_for(
        "postgres",
        &format!("select count(*) from pg_stat_activity where usename = '{}'", store.role),
        "1",
    );
}

#[test]
fn sessions_that_are_ended_over_and_over_cost_no_more_than_polls() {
    let store = Store::new(Server::shared());
    let serving = Serving::start(&store.url(), &[], &[]);
    recovers(&serving);
    let sampler = Sampler::start(&store);
    // Whatever it is doing, in the middle of it.
    let end = format!(
        "do $$ begin for i in 1..50 loop
           perform pg_stat_clear_snapshot();
           perform pg_terminate_backend(pid) from pg_stat_activity where usename = '{}';
           perform pg_sleep(0.01);
         end loop; end $$",
        store.role
    );
    // Not every poll is hit twice.
    while serving.failures("unavailable") < 2.0 {
        store.server.psql("postgres", &end);
    }
    recovers(&serving);
    sampler.most();
    let log = serving.stop();
    assert!(log.contains("poll failed: "), "{log}");
}

#[test]
fn a_role_without_connections_is_told_who_can_raise_the_limit() {
    let store = Store::new(Server::shared());
    let Store { role, .. } = &store;
    let serving = Serving::start(&store.url(), &[], &[]);
    recovers(&serving);
    let end =
        format!("select pg_terminate_backend(pid, 10000) from pg_stat_activity where usename = '{role}'");
    store.sql(&format!("alter role {role} connection limit 0; {end}"));
    is_down_with_its_last_values(&serving, "unavailable");
    let page = serving.get("/");
    assert!(page.contains("too many connections for role") && page.contains("CONNECTION LIMIT"), "{page}");
    store.sql(&format!("alter role {role} connection limit 1"));
    recovers(&serving);
}

#[test]
fn a_migration_that_holds_a_table_is_told_and_waited_out() {
    let store = Store::new(Server::shared());
    let serving = Serving::start(&store.url(), &["--poll-timeout=800ms"], &[]);
    recovers(&serving);
    let sampler = Sampler::start(&store);
    let url = store.server.url(&store.database);
    let migration = spawn(move || {
        cluster::psql(
            &format!("{url}?application_name=migration"),
            "begin; lock table orders.worker_queue in access exclusive mode; select pg_sleep(600)",
        )
    });
    is_down_with_its_last_values(&serving, "locked");
    let page = serving.get("/");
    assert!(page.contains("a table is locked") && page.contains("usually a migration"), "{page}");
    let end = format!(
        "select count(pg_terminate_backend(pid, 10000)) from pg_stat_activity
         where application_name = 'migration' and datname = '{}'",
        store.database
    );
    assert_eq!(store.sql(&end), "1");
    migration.join().unwrap().unwrap_err();
    recovers(&serving);
    // It waited in one session, and did not hold up anybody who came after it for long.
    assert_eq!(sampler.most(), 1);
}

#[test]
fn a_migration_is_not_ended_for_the_sake_of_a_poll() {
    let store = Store::new(Server::shared());
    // A poll stays here for a while, and holds what it has read before.
    store.sql(
        "alter table orders.sessions drop constraint sessions_pkey;
         insert into orders.sessions select 's', 'w', 0, 0 from generate_series(1, 600000)",
    );
    let serving = Serving::start(&store.url(), &[], &[]);
    serving.wait_until_up();
    while serving.failures("locked") == 0.0 {
        // It holds what the poll reads next, and waits for what the poll holds. The server looks once for such a circle.
        store.sql(
            "begin; lock table orders.history in access exclusive mode;
             lock table orders.worker_queue, orders.orchestrator_queue, orders.instances in access exclusive mode; commit",
        );
    }
    recovers(&serving);
}

#[test]
fn a_connection_that_was_ended_between_two_reads_is_made_anew() {
    let server = Server::start();
    let store = Store::new(&server);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let pooler = server.pooler(Pooling::Transaction, 2, &[(&store.role, &store.password)]);
    let pooled = format!("{}?schema=orders", pooler.url_as(&store.role, &store.password, &store.database));
    let end = |condition: &str| {
        store.sql(&format!(
            "select count(pg_terminate_backend(pid, 10000)) from pg_stat_activity where usename = '{}' and {condition}",
            store.role
        ))
    };
    runtime.block_on(async {
        for url in [store.url(), pooled] {
            let mut probe = Probe::sidecar(&url).await.unwrap();
            let api = connect(&url).unwrap();
            for round in 0..6 {
                probe.poll().await.unwrap_or_else(|error| panic!("{url}, round {round}: {error}"));
                api.get_instance_info("waits")
                    .await
                    .unwrap_or_else(|error| panic!("{url}, round {round}: {error}"));
                match round {
                    // For being idle: SQLSTATE 57P05, which only such a connection meets.
                    0 | 1 => {
                        store.sql(&format!("alter role {} set idle_session_timeout = '50ms'", store.role));
                        end("state = 'idle'");
                        probe.poll().await.unwrap();
                        api.get_instance_info("waits").await.unwrap();
                        let sessions =
                            format!("select count(*) from pg_stat_activity where usename = '{}'", store.role);
                        server.wait_for("postgres", &sessions, "0");
                        store.sql(&format!("alter role {} reset idle_session_timeout", store.role));
                    }
                    2 => _ = end("true"),
                    3 => {
                        server.stop_fast();
                        server.start_again();
                    }
                    _ => {
                        server.kill();
                        server.start_again();
                    }
                }
            }
        }
    });
}
