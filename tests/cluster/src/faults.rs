//! What happens to servers.

use crate::{
    Server, processes,
    wait::{self, PATIENCE},
};

impl Server {
    /// `kill -9` of all its processes: a crash. The data stays for [`Server::start_again`].
    pub fn kill(&self) {
        // While all stand still nobody can start another, and none sees another's end.
        let family = self.freeze_all();
        let mut process = self.process();
        let mut postmaster = process.take().expect("a running server");
        processes::signal("KILL", &family);
        postmaster.wait().expect("our child");
        let ended = wait::until(|| family.iter().all(|id| processes::ended(*id)).then_some(()));
        assert!(ended.is_some(), "some of {family:?} live on");
    }

    /// Ends sessions and stops, as `systemctl stop` does.
    pub fn stop_fast(&self) {
        processes::signal("INT", &[self.id()]);
        self.wait_until_stopped();
    }

    /// Lets nobody in any more, and stops when the last session ends: [`Server::wait_until_stopped`].
    pub fn stop_smart(&self) {
        let id = self.id();
        processes::signal("TERM", &[id]);
        let stopping = wait::until(|| (self.state_of(id).as_deref() != Some("ready")).then_some(()));
        assert!(stopping.is_some(), "it does not stop; its log:\n{}", self.log());
    }

    /// Waits for the end of a server that was told to stop.
    pub fn wait_until_stopped(&self) {
        let mut process = self.process();
        let postmaster = process.as_mut().expect("a running server");
        let status = wait::until(|| postmaster.try_wait().expect("our child"));
        assert!(status.is_some(), "still there after {PATIENCE:?}; its log:\n{}", self.log());
        *process = None;
    }

    /// Starts a server that was killed or stopped, on its old port and data; returns when it lets clients in.
    pub fn start_again(&self) {
        assert!(self.process().is_none(), "it runs");
        // Somebody may have used the port for a moment.
        let started = wait::until(|| self.try_launch().then_some(()));
        assert!(started.is_some(), "port {} is taken", self.port());
    }

    /// Stops all its processes where they stand: connections stay open, and nothing answers.
    pub fn freeze(&self) {
        self.freeze_all();
    }

    /// Lets a frozen server go on.
    pub fn thaw(&self) {
        let family = processes::family(self.id());
        processes::signal("CONT", &family);
        let running = wait::until(|| family.iter().all(|id| !processes::stopped(*id)).then_some(()));
        assert!(running.is_some(), "some of {family:?} stand still");
    }

    /// The ids of what stands still now: everything.
    fn freeze_all(&self) -> Vec<u32> {
        let postmaster = self.id();
        // First the one that starts others, so that the list of them is complete.
        for family in [|id| vec![id], processes::family] {
            let ids: Vec<u32> = family(postmaster);
            processes::signal("STOP", &ids);
            let stands = |id: &u32| processes::stopped(*id) || processes::ended(*id);
            let still = wait::until(|| ids.iter().all(stands).then_some(()));
            assert!(still.is_some(), "some of {ids:?} do not stop");
        }
        processes::family(postmaster)
    }

    /// Stops showing what the primary does, while still receiving it.
    pub fn pause_replay(&self) {
        self.psql("postgres", "select pg_wal_replay_pause()");
        self.wait_for("postgres", "select pg_get_wal_replay_pause_state()", "paused");
    }

    /// Goes on after [`Server::pause_replay`].
    pub fn resume_replay(&self) {
        self.psql("postgres", "select pg_wal_replay_resume()");
        self.wait_for("postgres", "select pg_get_wal_replay_pause_state()", "not paused");
    }

    /// Makes a standby a primary.
    pub fn promote(&self) {
        assert_eq!(self.psql("postgres", "select pg_promote()"), "t", "its log:\n{}", self.log());
    }

    /// Makes a standby lose its primary while both live. It tries to reach it, in vain.
    pub fn end_receiver(&self) {
        self.set("primary_conninfo", "host=127.0.0.1 port=1");
        self.wait_for("postgres", "select count(*) from pg_stat_wal_receiver", "0");
    }

    /// Undoes [`Server::end_receiver`]; returns when it streams.
    pub fn restore_receiver(&self) {
        self.unset("primary_conninfo");
        self.wait_until_streaming();
    }

    /// Removes what the snapshots of a database still see, in a table of its own: a standby either delays this or
    /// cancels those that hold such a snapshot (`max_standby_streaming_delay`), as a conflict with recovery.
    pub fn conflict_with_readers(&self, database: &str) {
        self.psql(
            database,
            "set client_min_messages = warning; create table if not exists cluster_conflict(x int);
             insert into cluster_conflict values (1); delete from cluster_conflict; vacuum cluster_conflict;",
        );
    }

    /// How many sessions have an `application_name` like this (`%` is anything). Our own `psql` never counts.
    pub fn connections(&self, application_name: &str) -> usize {
        self.count("count(*)", application_name)
    }

    /// Ends these sessions and waits for their end; how many there were.
    pub fn terminate_backends(&self, application_name: &str) -> usize {
        self.count("count(*) filter (where pg_terminate_backend(pid, 10000))", application_name)
    }

    fn count(&self, what: &str, application_name: &str) -> usize {
        let name = application_name.replace('\'', "''");
        let sql = format!(
            "select {what} from pg_stat_activity where application_name like '{name}' and pid <> pg_backend_pid()"
        );
        self.psql("postgres", &sql).parse().expect("a number")
    }
}
