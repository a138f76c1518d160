//! Servers as most tests use them.

use cluster::Server;

#[test]
fn databases_are_of_ones_own() {
    let server = Server::shared();
    let (one, other) = (server.create_database(), server.create_database());
    assert_ne!(one, other);
    server.psql(&one, "create table t(x int, y text); insert into t values (1, 'a'), (2, null)");
    assert_eq!(server.psql(&one, "select * from t order by x"), "1|a\n2|");
    let error = server.try_psql(&other, "select * from t").unwrap_err();
    assert!(error.contains("relation \"t\" does not exist"), "{error}");
}

#[test]
fn the_first_statement_that_fails_is_the_last() {
    let server = Server::shared();
    let database = server.create_database();
    let error = server.try_psql(&database, "create table t(); select 1/0; create table u()").unwrap_err();
    assert!(error.contains("division by zero"), "{error}");
    assert_eq!(server.psql(&database, "select tablename from pg_tables where schemaname = 'public'"), "t");
}

#[test]
fn settings_of_a_builder_win() {
    let server = Server::builder().setting("max_connections", "7").setting("search_path", "it's").start();
    assert_eq!(server.psql("postgres", "show max_connections; show search_path"), "7\nit's");

    // And those set later win over them, also over a restart.
    server.set("work_mem", "1MB");
    server.set("search_path", "later");
    assert_eq!(server.psql("postgres", "show work_mem; show search_path"), "1MB\nlater");
    server.unset("work_mem");
    server.stop_fast();
    server.start_again();
    assert_eq!(server.psql("postgres", "show work_mem; show search_path"), "4MB\nlater");
}
