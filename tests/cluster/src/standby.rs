//! Hot standbys.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use crate::{
    Server, config, programs,
    server::{Nature, SUPERUSER},
};

/// Copies a running server, and lets the copy stream from it.
pub(crate) fn start(primary: &Server, settings: Vec<(String, String)>) -> Server {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let name = format!("standby_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let source = format!(
        "host={} port={} user={SUPERUSER} password={} application_name={name}",
        primary.host(),
        primary.port(),
        primary.password()
    );
    // What the primary was made with applies here as well; a standby must not be smaller than its primary.
    let mut all = primary.nature.settings.clone();
    all.push(("primary_conninfo".to_owned(), source.clone()));
    all.extend(settings);
    let nature = Nature {
        name,
        password: Arc::clone(&primary.nature.password),
        settings: all,
        authorities: primary.nature.authorities.clone(),
        german: primary.nature.german,
    };
    let standby = Server::over(nature, |server| {
        let mut copy = programs::server("pg_basebackup", server.directory());
        copy.arg("-D").arg(server.data()).args(["-d", &source, "-c", "fast", "-X", "stream", "--no-sync"]);
        programs::run(copy);
        config::write(&server.data().join("standby.signal"), "");
    });
    standby.wait_until_streaming();
    standby
}

impl Server {
    /// Makes a hot standby of this server; returns when it streams from it and lets clients in.
    pub fn standby(&self) -> Self {
        Self::builder().standby_of(self)
    }

    /// Waits until this standby receives from its primary.
    pub fn wait_until_streaming(&self) {
        self.wait_for("postgres", "select status from pg_stat_wal_receiver", "streaming");
    }

    /// Waits until this standby shows everything that was committed on its primary before the call.
    pub fn caught_up_with(&self, primary: &Self) {
        // Its own commit is flushed, and with it everything before.
        let mark = primary.psql(
            "postgres",
            "set synchronous_commit = on; select pg_logical_emit_message(true, 'cluster', 'a mark')",
        );
        self.wait_for("postgres", &format!("select pg_last_wal_replay_lsn() >= '{mark}'"), "t");
    }
}
