//! The monitoring role of `deploy/sql`, as an administrator makes it and takes it back.

use cluster::Server;

const CREATE: &str = include_str!("../../../sql/monitoring_role.sql");
const DROP: &str = include_str!("../../../sql/monitoring_role_drop.sql");

/// Roles belong to the whole server.
fn server_with_application() -> (Server, String) {
    let server = Server::start();
    let database = server.create_database();
    server.psql(
        &database,
        "create role app; create schema orders authorization app; create schema other authorization app;
         set role app;
         create table orders._duroxide_migrations (version bigint); create table orders.instances (id bigserial);
         create table other.instances (id bigserial);",
    );
    (server, database)
}

fn make(server: &Server, database: &str, settings: &str) -> Result<String, String> {
    server.try_psql(database, &format!("\\set role watcher\n{settings}\n{CREATE}"))
}

/// As the role, without the second lock that its own sessions have.
fn as_watcher(server: &Server, database: &str, sql: &str) -> Result<String, String> {
    server.try_psql(database, &format!("set session authorization watcher;\n{sql}"))
}

#[test]
fn reads_what_is_there_and_what_comes_and_writes_nothing() {
    let (server, database) = server_with_application();
    for _ in 0..2 {
        let told = make(&server, &database, "\\set schema orders").unwrap();
        assert!(told.contains("tables that app creates"), "{told}");
    }
    server.psql(&database, "set role app; create table orders.later (id bigserial)");

    for sql in [
        "select count(*) from orders.instances",
        "select count(*) from orders.later",
        "select last_value - 1 from orders.instances_id_seq",
        "select last_value - 1 from orders.later_id_seq",
    ] {
        assert_eq!(as_watcher(&server, &database, sql), Ok("0".to_owned()), "{sql}");
    }
    for sql in [
        "insert into orders.instances values (1)",
        "update orders.instances set id = 2",
        "delete from orders.later",
        "truncate orders.instances",
        "select * from orders.instances for update",
        "select nextval('orders.instances_id_seq')",
        "create table orders.mine (x int)",
        "drop table orders.instances",
        "select * from other.instances",
    ] {
        let error = as_watcher(&server, &database, sql).expect_err(sql);
        assert!(error.contains("permission denied") || error.contains("must be owner"), "{sql}: {error}");
    }
    let role = "select rolconnlimit, rolconfig, pg_has_role('watcher', 'pg_monitor', 'usage'), \
                has_database_privilege('watcher', current_database(), 'connect') \
                from pg_roles where rolname = 'watcher'";
    let set =
        "{default_transaction_read_only=on,statement_timeout=60s,idle_in_transaction_session_timeout=60s}";
    assert_eq!(server.psql(&database, role), format!("3|{set}|t|t"));
}

#[test]
fn leaves_nothing_behind() {
    let (server, database) = server_with_application();
    let rights = "select string_agg(distinct coalesce(relacl, '{}')::text, ' ') from pg_class \
                  where relnamespace = 'orders'::regnamespace; \
                  select nspacl from pg_namespace where nspname = 'orders'; select count(*) from pg_default_acl; \
                  select count(*) from pg_roles where rolname = 'watcher'";
    make(&server, &database, "\\set schema orders\n\\set pg_monitor no").unwrap();
    let second = server.create_database();
    server.psql(&second, "create schema orders authorization app");
    make(&server, &second, "\\set schema orders").unwrap();

    let drop = format!("\\set role watcher\n{DROP}");
    server.psql(&database, &drop);
    let denied = as_watcher(&server, &database, "select count(*) from orders.instances");
    assert!(denied.expect_err("taken back").contains("permission denied"));
    server.psql(&second, &drop);
    let left = server.psql(&database, rights);
    assert!(left.ends_with("\n0\n0") && !left.contains("watcher"), "{left}");
}

#[test]
fn refuses_what_would_not_work() {
    let (server, database) = server_with_application();
    for (settings, expected) in [
        ("", "-v schema=NAME"),
        ("\\set schema missing", "has no schema missing"),
        ("\\set schema orders\n\\set owner nobody", "no role nobody"),
        ("\\set schema orders\n\\set role app", "owns the schema"),
        ("\\set schema orders\n\\set role postgres", "much more than read"),
    ] {
        let error = make(&server, &database, settings).expect_err(settings);
        assert!(error.contains(expected), "{settings}: {error}");
    }
    assert_eq!(server.psql(&database, "select count(*) from pg_roles where rolname = 'watcher'"), "0");
}
