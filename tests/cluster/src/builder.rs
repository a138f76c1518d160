//! Making servers.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
};

use crate::{
    Server, config, language, programs,
    server::{Nature, SUPERUSER},
    standby,
    tls::{self, Authorities},
};

/// What a server shall be like.
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    settings: Vec<(String, String)>,
    tls: bool,
    german: bool,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self { settings: Vec::new(), tls: false, german: false }
    }

    /// A line of `postgresql.conf`; it wins over those that every server has.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a certificate; clients may use TLS or not. A standby does as its primary.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// With messages in German, if its programs were built with translations. A standby does as its primary.
    pub fn german(mut self) -> Self {
        self.german = true;
        self.setting("lc_messages", language::GERMAN)
    }

    /// Makes a primary; returns when it lets clients in.
    pub fn start(self) -> Server {
        let password: Arc<str> = format!("pw{:016x}", RandomState::new().hash_one(0)).into();
        let authorities = self.tls.then(|| Arc::new(Authorities::new()));
        let certificates = self.tls.then_some(tls::SETTINGS).into_iter().flatten();
        let certificates = certificates.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let nature = Nature {
            name: String::new(),
            password: Arc::clone(&password),
            settings: certificates.chain(self.settings).collect(),
            authorities: authorities.clone(),
            german: self.german,
        };
        Server::over(nature, |server| {
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
            if let Some(authorities) = authorities {
                tls::equip(server, &authorities);
            }
        })
    }

    /// Makes a hot standby of a running server; returns when it streams from it and lets clients in.
    pub fn standby_of(self, primary: &Server) -> Server {
        standby::start(primary, self.settings)
    }
}
