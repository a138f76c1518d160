//! A server that does not speak English: what it says is shown, and what it means is known by other things.

use std::sync::OnceLock;

use cluster::Server;

use super::exporter::{Serving, check, check_with, value};
use super::store::Store;

const CONFLICTS: &str = r#"duroxide_store_recovery_conflicts_total{store="s"}"#;

/// `None` where the server's programs were built without translations.
fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let made = || {
        let built =
            "select count(*) from pg_config where name = 'CONFIGURE' and setting like '%--enable-nls%'";
        if Server::shared().psql("postgres", built) != "1" {
            return None;
        }
        let server = Server::builder().german().start();
        let error = server.try_psql("postgres", "select 1 / 0").unwrap_err();
        assert!(error.contains("Division durch Null"), "{error}");
        Some(server)
    };
    SERVER.get_or_init(made).as_ref()
}

/// Enough rows, and a role that may join them by looking at all pairs only: a read that takes a minute.
fn slow(store: &Store<'_>) {
    store.sql(
        "insert into orders.instances select 'i' || n, 'Order', '1.0.0', 1, now(), now() from generate_series(1, 20000) n;
         insert into orders.executions select 'i' || n, 1, 'Running', null, now(), null from generate_series(1, 20000) n",
    );
    for way in ["hashjoin", "mergejoin", "indexscan", "indexonlyscan", "bitmapscan", "material"] {
        store.sql(&format!("alter role {} set enable_{way} = off", store.role));
    }
}

/// Waits until it is in the middle of the read on this server, and lets the next be a fast one.
fn caught_in_the_middle(store: &Store<'_>, on: &Server) {
    let reads = format!(
        "select count(*) from pg_stat_activity where usename = '{}' and state = 'active' and now() - query_start > '500 ms'",
        store.role
    );
    on.wait_for("postgres", &reads, "1");
    // What has begun does not see it.
    store.sql("delete from orders.executions where instance_id like 'i%'; delete from orders.instances where instance_id like 'i%'");
}

#[test]
fn a_read_that_takes_too_long_is_told_as_such() {
    let Some(server) = server() else { return };
    let store = Store::new(server);
    slow(&store);
    check_with(&store.url(), &["--poll-timeout=1s"], &[]).refused("timeout", "took longer than the limit");
}

#[test]
fn a_read_that_is_cancelled_is_tried_again() {
    let Some(server) = server() else { return };
    let store = Store::new(server);
    slow(&store);
    let serving = Serving::start(&store.url(), &["--poll-timeout=50s"], &[]);
    caught_in_the_middle(&store, server);
    store.sql(&format!(
        "select pg_cancel_backend(pid) from pg_stat_activity where usename = '{}'",
        store.role
    ));
    serving.wait_until_up();
    assert_eq!((serving.failures("timeout"), serving.failures("other")), (0.0, 0.0), "{}", serving.log());
}

#[test]
fn hidden_rows_are_told_as_such() {
    let Some(server) = server() else { return };
    let store = Store::new(server);
    store.sql("alter table orders.instances enable row level security");
    check(&store.url()).refused("permission", "rows are hidden from the role").advises(&["BYPASSRLS"]);
}

#[test]
fn a_conflict_with_replay_is_counted_and_tried_again() {
    let Some(primary) = server() else { return };
    let store = Store::new(primary);
    let standby = Server::builder().setting("max_standby_streaming_delay", "0").standby_of(primary);
    slow(&store);
    standby.caught_up_with(primary);
    let url = store.url().replace(&format!(":{}/", primary.port()), &format!(":{}/", standby.port()));
    let serving = Serving::start(&url, &["--poll-timeout=50s"], &[]);
    caught_in_the_middle(&store, &standby);
    standby.caught_up_with(primary);
    primary.conflict_with_readers(&store.database);
    let body = serving.eventually("counted", |body| value(body, CONFLICTS) >= Some(1.0));
    assert_eq!(value(&body, r#"duroxide_up{store="s"}"#), Some(1.0), "{body}");
    assert_eq!(
        (serving.failures("recovery_conflict"), serving.failures("other")),
        (0.0, 0.0),
        "{}",
        serving.log()
    );
}
