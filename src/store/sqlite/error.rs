//! What SQLite's result codes mean.

use sqlx::error::DatabaseError as _;
use sqlx::sqlite::SqliteError;

use crate::labels::FailureReason;
use crate::store::database::failure::Failure;

pub(in crate::store) fn classify(error: &SqliteError) -> Failure {
    let code: i32 = error.code().and_then(|code| code.parse().ok()).unwrap_or(0);
    // The low byte is the primary result code: https://www.sqlite.org/rescode.html
    let (reason, message) = match code & 0xff {
        5 | 6 => (FailureReason::Locked, "the database is locked"),
        9 => (FailureReason::Timeout, "reading took longer than the limit and was interrupted"),
        11 => (FailureReason::Corrupt, "the database is damaged"),
        26 => (FailureReason::Corrupt, "the file is not a SQLite database"),
        3 | 8 | 14 | 23 => (FailureReason::Permission, "SQLite cannot open it for reading"),
        1 => (FailureReason::Schema, "the schema is not one this version can read"),
        _ => return Failure::new(FailureReason::Other, error.message().to_owned()),
    };
    Failure::new(reason, format!("{message}: {} (code {code})", error.message()))
}
