//! Making servers.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
};

use crate::{Server, config, programs, server::SUPERUSER, standby};

/// What a server shall be like.
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    settings: Vec<(String, String)>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self { settings: Vec::new() }
    }

    /// A line of `postgresql.conf`; it wins over those that every server has.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Makes a primary; returns when it lets clients in.
    pub fn start(self) -> Server {
        let password: Arc<str> = format!("pw{:016x}", RandomState::new().hash_one(0)).into();
        Server::over(String::new(), Arc::clone(&password), self.settings, |server| {
            let file = server.directory().join("password");
            config::write(&file, &password);
            let mut initdb = programs::server("initdb", server.directory());
            initdb.arg("-D").arg(server.data()).arg("--pwfile").arg(&file).args([
                "--username",
                SUPERUSER,
                "--auth",
                "scram-sha-256",
                "--encoding",
                "UTF8",
                "--no-locale",
                "--no-sync",
                "--no-instructions",
                "--wal-segsize",
                "1",
            ]);
            programs::run(initdb);
        })
    }

    /// Makes a hot standby of a running server; returns when it streams from it and lets clients in.
    pub fn standby_of(self, primary: &Server) -> Server {
        standby::start(primary, self.settings)
    }
}
