//! Hot standbys, and what happens to them.

use cluster::Server;

use crate::session;

const COUNT: &str = "select count(*) from t";

#[test]
fn a_standby_shows_what_its_primary_committed_unless_it_is_stopped_from_it() {
    let primary = Server::start();
    let standby = primary.standby();
    let database = primary.create_database();
    let insert = || primary.psql(&database, "insert into t values (1)");
    primary.psql(&database, "create table t(x int)");
    insert();
    standby.caught_up_with(&primary);
    assert_eq!(standby.psql(&database, COUNT), "1");
    let error = standby.try_psql(&database, "insert into t values (2)").unwrap_err();
    assert!(error.contains("read-only transaction"), "{error}");
    assert_eq!(
        primary.psql("postgres", "select application_name, state from pg_stat_replication"),
        format!("{}|streaming", standby.name())
    );

    // Received and not replayed.
    standby.pause_replay();
    insert();
    let sent = primary.psql("postgres", "select pg_current_wal_flush_lsn()");
    standby.wait_for("postgres", &format!("select pg_last_wal_receive_lsn() >= '{sent}'"), "t");
    assert_eq!(standby.psql(&database, COUNT), "1");
    standby.resume_replay();
    standby.caught_up_with(&primary);
    assert_eq!(standby.psql(&database, COUNT), "2");

    // Not received, while both live; also over a restart.
    standby.end_receiver();
    insert();
    standby.stop_fast();
    standby.start_again();
    assert_eq!(standby.psql("postgres", "select count(*) from pg_stat_wal_receiver"), "0");
    assert_eq!(standby.psql(&database, COUNT), "2");
    standby.restore_receiver();
    standby.caught_up_with(&primary);
    assert_eq!(standby.psql(&database, COUNT), "3");

    // It starts and answers without its primary, and finds it again.
    primary.kill();
    standby.kill();
    standby.start_again();
    assert_eq!(standby.psql(&database, COUNT), "3");
    primary.start_again();
    standby.wait_until_streaming();
    insert();
    standby.caught_up_with(&primary);
    assert_eq!(standby.psql(&database, COUNT), "4");

    // A silent primary is given up after the receiver's timeout.
    standby.set("wal_receiver_timeout", "300ms");
    primary.freeze();
    standby.wait_for("postgres", "select count(*) from pg_stat_wal_receiver", "0");
    primary.thaw();
    standby.wait_until_streaming();

    // It takes over, and stays what it is.
    primary.stop_fast();
    standby.promote();
    standby.psql(&database, "insert into t values (5)");
    standby.stop_fast();
    standby.start_again();
    assert_eq!(standby.psql(&database, "select count(*), pg_is_in_recovery() from t"), "5|f");
}

#[test]
fn a_conflict_with_recovery_cancels_readers_of_the_impatient_standby() {
    let primary = Server::start();
    let standby = Server::builder().setting("max_standby_streaming_delay", "0").standby_of(&primary);
    let patient = primary.standby();
    assert_ne!(standby.name(), patient.name());
    let database = primary.create_database();
    for one in [&standby, &patient] {
        one.caught_up_with(&primary);
    }
    let reader = session(&standby, &database, "reader", "begin isolation level repeatable read; select 1");
    let other = session(&patient, &database, "reader", "begin isolation level repeatable read; select 1");
    primary.conflict_with_readers(&database);
    let error = reader.join().unwrap().unwrap_err();
    assert!(error.contains("due to conflict with recovery"), "{error}");
    let conflicts = "select confl_snapshot from pg_stat_database_conflicts where datname = ";
    standby.wait_for("postgres", &format!("{conflicts}'{database}'"), "1");
    // The other one waits 30 s first.
    assert!(!other.is_finished());
    patient.wait_for("postgres", &format!("{conflicts}'{database}'"), "0");
    assert_eq!(patient.terminate_backends("reader"), 1);
    other.join().unwrap().unwrap_err();
}

#[test]
fn a_standby_can_have_a_standby() {
    let primary = Server::start();
    let standby = primary.standby();
    let cascaded = standby.standby();
    let database = primary.create_database();
    cascaded.caught_up_with(&primary);
    assert_eq!(cascaded.psql(&database, "select pg_is_in_recovery()"), "t");
}
