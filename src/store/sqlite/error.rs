//! What SQLite's result codes mean, and what to do about each.

use sqlx::error::DatabaseError as _;
use sqlx::sqlite::SqliteError;

use crate::labels::FailureReason;
use crate::store::database::failure::StoreError;

pub(in crate::store) fn classify(error: &SqliteError) -> StoreError {
    let code: i32 = error.code().and_then(|code| code.parse().ok()).unwrap_or(0);
    let (reason, message, advice) = meaning(code);
    let failure = StoreError::new(reason, format!("{message}: {} (code {code})", error.message()));
    match advice {
        Some(advice) => failure.advise(advice),
        None => failure,
    }
}

/// The reason, what it is in words, and what to do about it where that is more than the reason tells.
fn meaning(code: i32) -> (FailureReason, &'static str, Option<&'static str>) {
    use FailureReason::{Corrupt, Locked, Other, Permission, Schema, Timeout, Unavailable};
    /// SQLITE_IOERR_SHORT_READ: a page that should be there is not.
    const SHORT_READ: i32 = 522;
    if code == SHORT_READ {
        return (Corrupt, "the file or its -wal ends too early", Some(TORN));
    }
    // The low byte is the primary result code: https://www.sqlite.org/rescode.html
    match code & 0xff {
        1 | 17 => (Schema, "the schema is not one this version can read", None),
        3 | 8 | 14 | 23 => (Permission, "SQLite cannot open it for reading", None),
        5 | 6 => (Locked, "the database is locked", None),
        9 => (Timeout, "reading took longer than the limit and was interrupted", None),
        7 => (Other, "there is not enough memory", Some("Give the exporter more memory.")),
        10 => (Unavailable, "the disk or file system fails", Some(DISK)),
        11 => (Corrupt, "the database is damaged", None),
        13 => (
            Other,
            "there is no room for what is sorted",
            Some("Point TMPDIR to a directory with more room."),
        ),
        15 => (Corrupt, "its -wal and -shm do not agree, or somebody holds them all the time", Some(TORN)),
        18 => (Other, "a text is too large for SQLite", Some(REPORT)),
        22 => (Unavailable, "the file is larger than its file system can hold", Some(DISK)),
        24 | 26 => (Corrupt, "the file is not a SQLite database", None),
        _ => (Other, "SQLite reports what a read of a store should never meet", Some(REPORT)),
    }
}

const DISK: &str = "Look into the kernel's log, and copy the store while it can be read. A network file system is no place for a \
     SQLite store in WAL mode.";

const TORN: &str = "If it is the live store, see whether the application still reads it: PRAGMA integrity_check. If it is a copy, make it \
     again with SQLite's .backup or VACUUM INTO: copying the files of a live store tears them.";

const REPORT: &str = "If it stays, report it with this message.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_result_code_has_a_reason_and_advice_that_helps() {
        // The primary codes that a statement may end with.
        for code in 1..=26 {
            let (reason, message, advice) = meaning(code);
            assert!(!message.is_empty());
            assert!(advice.is_some() || reason != FailureReason::Other, "code {code} says nothing to do");
        }
        assert_eq!(meaning(14).0, FailureReason::Permission);
        assert_eq!(meaning(15).0, FailureReason::Corrupt);
        // Extended codes mean what their primary ones do, but for what is cut off.
        assert_eq!(meaning(517).0, FailureReason::Locked);
        assert_eq!(meaning(266).0, FailureReason::Unavailable);
        assert_eq!(meaning(522).0, FailureReason::Corrupt);
    }
}
