//! The server, and its process, behind a transaction. Poolers are recognised by their behaviour.

use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::{Error, Row};

/// Of a process that is older than our connection by less than this it is not said that it was there before.
const DOUBT: Duration = Duration::from_millis(100);

/// The process of the server in which a transaction ran.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Session {
    /// Its address, as the server has it. That of a standby which is started again stays.
    pub(super) address: String,
    /// When it was started, and which database this is: others may have other rows with the same numbers.
    run: String,
    process: i32,
    /// How long the process has been there.
    age: Duration,
}

impl Session {
    /// The columns that [`Self::read`] reads.
    pub(super) const COLUMNS: &str = "concat_ws(' ', inet_server_addr(), current_setting('port')), \
         concat_ws(' ', extract(epoch FROM pg_postmaster_start_time()), \
                   (SELECT oid FROM pg_database WHERE datname = current_database())), \
         pg_backend_pid(), \
         (SELECT extract(epoch FROM clock_timestamp() - backend_start)::float8 FROM pg_stat_get_activity(pg_backend_pid()))";

    /// The session of a row with its columns from `first` on.
    pub(super) fn read(row: &PgRow, first: usize) -> Result<Self, Error> {
        let age: Option<f64> = row.try_get(first + 3)?;
        Ok(Self {
            address: row.try_get(first)?,
            run: row.try_get(first + 1)?,
            process: row.try_get(first + 2)?,
            age: Duration::try_from_secs_f64(age.unwrap_or(0.0)).unwrap_or_default(),
        })
    }
}

/// The sessions of one reader.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    last: Option<Session>,
    /// A pooler was seen at work.
    pub(super) pooled: bool,
}

impl Sessions {
    /// A transaction ran in this one, over a connection that was there before or was made for it, so long ago at most.
    /// Answers whether the database may be another than before.
    pub(super) fn add(&mut self, session: Session, connected_for: Option<Duration>) -> bool {
        let process = self.last.as_ref().map(|last| (&last.address, last.process));
        self.pooled |= match connected_for {
            // A server makes a process for each connection.
            Some(connected_for) => session.age > connected_for + DOUBT,
            // And keeps it as long as the connection.
            None => process.is_some_and(|process| process != (&session.address, session.process)),
        };
        let same = |last: &Session| (&last.address, &last.run) == (&session.address, &session.run);
        let other = !self.last.as_ref().is_some_and(same);
        self.last = Some(session);
        other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(run: &str, process: i32, age: u64) -> Session {
        Session { address: "::1 5432".into(), run: run.into(), process, age: Duration::from_secs(age) }
    }

    const NEW: Option<Duration> = Some(Duration::from_secs(1));

    #[test]
    fn a_server_of_our_own_is_no_pooler() {
        let mut sessions = Sessions::default();
        assert!(sessions.add(session("a", 1, 1), NEW));
        assert!(!sessions.add(session("a", 1, 9), None));
        assert!(!sessions.add(session("a", 2, 0), NEW));
        assert!(sessions.add(session("b", 2, 0), NEW));
        assert!(!sessions.pooled);
    }

    #[test]
    fn a_process_that_was_there_before_us_is_lent() {
        let mut sessions = Sessions::default();
        assert!(sessions.add(session("a", 1, 2), NEW));
        assert!(sessions.pooled);
    }

    #[test]
    fn a_process_that_changes_is_lent() {
        let mut sessions = Sessions::default();
        sessions.add(session("a", 1, 1), NEW);
        assert!(!sessions.add(session("a", 2, 1), None));
        assert!(sessions.pooled);
    }
}
