//! Servers and standbys as tests use them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

use cluster::Server;

#[test]
fn a_server_answers_and_has_databases_of_ones_own() {
    let server = Server::shared();
    let (one, other) = (server.create_database(), server.create_database());
    assert_ne!(one, other);
    server.psql(&one, "create table t(x int, y text); insert into t values (1, 'a'), (2, null)");
    assert_eq!(server.psql(&one, "select * from t order by x"), "1|a\n2|");
    let error = server.try_psql(&other, "select * from t").unwrap_err();
    assert!(error.contains("relation \"t\" does not exist"), "{error}");
}

#[test]
fn a_standby_shows_what_its_primary_committed() {
    let primary = Server::start();
    let standby = primary.standby();
    let database = primary.create_database();
    primary.psql(&database, "create table t as select 1 as x");
    standby.caught_up_with(&primary);
    assert_eq!(standby.psql(&database, "select x, pg_is_in_recovery() from t"), "1|t");
    let error = standby.try_psql(&database, "insert into t values (2)").unwrap_err();
    assert!(error.contains("read-only transaction"), "{error}");
}
