//! Every tool of this crate, used on real servers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod access;
mod faults;
mod gone;
mod poolers;
mod servers;
mod standbys;

use std::{
    thread::{JoinHandle, sleep, spawn},
    time::Duration,
};

use cluster::{PATIENCE, Server};

/// A session called `name` that lives for long, and its end.
fn session(server: &Server, database: &str, name: &str, sql: &str) -> JoinHandle<Result<String, String>> {
    let before = server.connections(name);
    let url = format!("{}?application_name={name}", server.url(database));
    let sql = format!("{sql}; select pg_sleep(600)");
    let session = spawn(move || cluster::psql(&url, &sql));
    eventually("the session is there", || server.connections(name) > before);
    session
}

/// Waits for something that must happen.
fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while !condition() {
        assert!(std::time::Instant::now() < deadline, "not after {PATIENCE:?}: {what}");
        sleep(Duration::from_millis(10));
    }
}
