//! What went wrong, in words. Never holds a payload: SQLite's messages name tables and
//! columns at most.

use std::path::Path;

use crate::labels::FailureReason;
use crate::source::SourceError;

/// A failure inside this backend, before the file's name is put in front.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) reason: FailureReason,
    message: String,
}

impl Failure {
    pub(super) fn new(reason: FailureReason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }

    pub(super) fn explain(self, path: &Path) -> SourceError {
        let Self { reason, message } = self;
        SourceError::new(reason, format!("{}: {message}", path.display()))
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        let sqlx::Error::Database(database) = &error else {
            return Self::new(FailureReason::Other, error.to_string());
        };
        let code: i32 = database.code().and_then(|code| code.parse().ok()).unwrap_or(0);
        // The low byte is the primary result code: https://www.sqlite.org/rescode.html
        let (reason, message) = match code & 0xff {
            5 | 6 => (FailureReason::Locked, "the database is locked"),
            9 => (FailureReason::Timeout, "reading took longer than the limit and was interrupted"),
            11 => (FailureReason::Corrupt, "the database is damaged"),
            26 => (FailureReason::Corrupt, "the file is not a SQLite database"),
            3 | 8 | 14 | 23 => (FailureReason::Permission, "SQLite cannot open it for reading"),
            1 => (FailureReason::Schema, "the schema is not one this version can read"),
            _ => return Self::new(FailureReason::Other, database.message().to_owned()),
        };
        Self::new(reason, format!("{message}: {} (code {code})", database.message()))
    }
}
