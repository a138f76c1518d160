//! A server that ends, stands still or throws its clients out.

use std::{
    net::TcpListener,
    thread::{sleep, spawn},
    time::Duration,
};

use cluster::{Server, psql};

use crate::{eventually, session};

#[test]
fn a_server_comes_back_on_its_port_with_its_data() {
    let server = Server::start();
    let (port, first) = (server.port(), server.id());
    server.psql("postgres", "create table t as select 1 as x");
    let client = session(&server, "postgres", "client", "select 1");

    server.kill();
    let error = client.join().unwrap().unwrap_err();
    assert!(error.contains("server closed the connection unexpectedly"), "{error}");
    let error = psql(&server.url("postgres"), "select 1").unwrap_err();
    assert!(error.contains("Connection refused"), "{error}");
    server.start_again();
    assert!(server.log().contains("was not properly shut down"), "{}", server.log());
    assert_eq!(server.psql("postgres", "select x from t"), "1");

    let client = session(&server, "postgres", "client", "select 1");
    server.stop_fast();
    let error = client.join().unwrap().unwrap_err();
    assert!(error.contains("terminating connection due to administrator command"), "{error}");
    // It waits for its port.
    let thief = TcpListener::bind((server.host(), port)).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            eventually("the port was missed", || server.log().contains("Address already in use"));
            drop(thief);
        });
        server.start_again();
    });
    assert_eq!(server.port(), port);

    // This one waits for the last client.
    let url = server.url("postgres");
    let stays = tempfile::NamedTempFile::new().unwrap();
    let wait = format!("\\! while [ -e {} ]; do sleep 0.05; done", stays.path().display());
    let client = spawn(move || psql(&url, &format!("set application_name = 'client';\n{wait}\nselect 1")));
    eventually("the client is there", || server.connections("client") == 1);
    server.stop_smart();
    let error = psql(&server.url("postgres"), "select 1").unwrap_err();
    assert!(error.contains("the database system is shutting down"), "{error}");
    drop(stays);
    server.wait_until_stopped();
    assert_eq!(client.join().unwrap().unwrap(), "1");
    server.start_again();
    assert_eq!(psql(&server.url("postgres"), "select x from t").unwrap(), "1");
    assert_ne!(server.id(), first);
}

#[test]
fn a_frozen_server_answers_when_it_is_thawed() {
    let server = Server::start();
    let url = server.url("postgres");
    let counting = session(&server, "postgres", "counting", "select 1");
    server.freeze();
    let question = spawn(move || psql(&url, "select 1"));
    // Nothing tells that an answer will not come.
    sleep(Duration::from_millis(300));
    assert!(!question.is_finished());
    server.thaw();
    assert_eq!(question.join().unwrap().unwrap(), "1");
    assert!(!counting.is_finished());
    assert_eq!(server.terminate_backends("counting"), 1);
    counting.join().unwrap().unwrap_err();
}

#[test]
fn sessions_are_counted_and_ended_by_their_name() {
    let server = Server::shared();
    let database = server.create_database();
    let ended: Vec<_> = (0..2).map(|_| session(server, &database, "named-a", "select 1")).collect();
    let stays = session(server, &database, "named-b", "select 1");
    assert_eq!(server.connections("named-%"), 3);
    assert_eq!(server.connections("it's none"), 0);
    assert_eq!(server.terminate_backends("named-a"), 2);
    assert_eq!(server.connections("named-%"), 1);
    for client in ended {
        let error = client.join().unwrap().unwrap_err();
        assert!(error.contains("terminating connection due to administrator command"), "{error}");
    }
    assert!(!stays.is_finished());
    assert_eq!(server.terminate_backends("named-b"), 1);
    stays.join().unwrap().unwrap_err();
}
