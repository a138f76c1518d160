//! SQL through the server's own `psql`.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{Server, programs, server::SUPERUSER, wait};

/// Runs statements like [`Server::try_psql`], as whoever a URL says and with the options it has.
pub fn psql(url: &str, sql: &str) -> Result<String, String> {
    let mut command = programs::client("psql", Path::new("/"));
    command.arg(url).env("HOME", "/nonexistent");
    run(command, sql)
}

fn run(mut command: Command, sql: &str) -> Result<String, String> {
    command
        .args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"])
        .env("PGCONNECT_TIMEOUT", "10")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("its standard input");
    let sql = sql.to_owned();
    // It stops reading at the first mistake, or never begins.
    let writer = std::thread::spawn(move || drop(stdin.write_all(sql.as_bytes())));
    let output = child.wait_with_output().expect("psql ends");
    writer.join().expect("the writer ends");
    if output.status.success() {
        let rows = String::from_utf8(output.stdout).expect("UTF-8");
        Ok(rows.trim_end_matches('\n').to_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim_end().to_owned())
    }
}

impl Server {
    /// Runs statements as the superuser, each on its own as if typed in, and gives their rows: a line each,
    /// columns separated by `|`. Panics with the server's message if one fails.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        self.try_psql(database, sql)
            .unwrap_or_else(|error| panic!("{sql}\nin {database} on port {}: {error}", self.port()))
    }

    /// The same; the error is what `psql` said. The first statement that fails is the last.
    pub fn try_psql(&self, database: &str, sql: &str) -> Result<String, String> {
        let mut command = programs::client("psql", self.directory());
        command.arg("-h").arg(self.directory()).arg("-p").arg(self.port().to_string());
        command.args(["-U", SUPERUSER, "-d", database]).env("PGAPPNAME", "cluster");
        run(command, sql)
    }

    /// Creates a database that nobody else uses, and gives its name.
    pub fn create_database(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.psql("postgres", &format!("create database {name}"));
        name
    }

    /// Asks again and again until the answer is `expected`.
    pub fn wait_for(&self, database: &str, sql: &str, expected: &str) {
        let mut last = None;
        let found = wait::until(|| {
            let answer = self.try_psql(database, sql);
            let right = answer.as_deref() == Ok(expected);
            last = Some(answer);
            right.then_some(())
        });
        assert!(
            found.is_some(),
            "{sql}\nis not {expected:?} but {last:?}; the server's log:\n{}",
            self.log()
        );
    }
}
