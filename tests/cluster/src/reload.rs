//! Changing a running server's configuration.

use crate::{Server, config, wait};

impl Server {
    /// Changes a setting of a running server, until it is unset; also over restarts.
    pub fn set(&self, name: &str, value: &str) {
        self.changes().insert(name.to_owned(), value.to_owned());
        self.write_settings();
        self.reload();
    }

    /// Gives a setting the value it had at first.
    pub fn unset(&self, name: &str) {
        self.changes().remove(name);
        self.write_settings();
        self.reload();
    }

    /// Puts lines at the top of `pg_hba.conf`, instead of those of the call before.
    pub fn set_access(&self, lines: &[&str]) {
        config::write(&self.data().join("pg_hba.conf"), &config::access(lines));
        self.reload();
    }

    /// Returns when new sessions see what the files say now.
    fn reload(&self) {
        let before = self.psql("postgres", "select pg_conf_load_time()");
        self.psql("postgres", "select pg_reload_conf()");
        let loaded = wait::until(|| {
            let now = self.psql("postgres", "select pg_conf_load_time()");
            (now != before).then_some(())
        });
        assert!(loaded.is_some(), "the files are not read; the server's log:\n{}", self.log());
    }
}
