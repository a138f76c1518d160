//! What Postgres' error codes mean. https://www.postgresql.org/docs/current/errcodes-appendix.html
//!
//! Messages are in the server's language: they are shown, and nothing is decided by them. Where a code alone does not
//! tell, the place in the server's source does, which is part of an error.

use std::io::ErrorKind;

use sqlx::postgres::PgDatabaseError;

use crate::labels::FailureReason;
use crate::store::database::failure::StoreError;

/// For those who cannot log in.
pub(super) const LOGIN: &str = "Check user and password. The password may be in the file that password-file=PATH in the URL names, in PGPASSWORD, or in \
                                ~/.pgpass; pg_hba.conf decides who may come from where. A client certificate that is demanded is given with \
                                sslcert=PATH and sslkey=PATH.";

/// For those who do not reach the server.
pub(super) const ADDRESS: &str = "Check host and port in the URL (PGHOST and PGPORT where it has none), and that the server runs and can be reached from here (its listen_addresses, \
                                  firewalls between).";

const CLOSED: &str = "the connection was closed in the middle: the server ended, a proxy has none behind it, or what listens there is no \
                      Postgres server";

/// An error that the server reported.
pub(in crate::store) fn classify(error: &PgDatabaseError) -> StoreError {
    let (code, message) = (error.code(), error.message());
    let failure =
        |reason, words: &str| StoreError::new(reason, format!("{words}: {message} (SQLSTATE {code})"));
    match code {
        // A standby gives way to the changes it has to replay.
        "40001" | "40P01" if error.file() == Some("postgres.c") => {
            failure(FailureReason::Conflict, "the standby cancelled the read").passing()
        }
        "28P01" | "28000" => {
            failure(FailureReason::Permission, "the server refuses the login").advise(LOGIN)
        }
        "42501" if error.routine() == Some("check_enable_rls") => {
            failure(FailureReason::Permission, "rows are hidden from the role").advise(
                "A policy decides which rows this role sees, so that no count would be right: give the role BYPASSRLS, or \
                 turn row-level security off for the tables of the store.",
            )
        }
        "42501" => failure(FailureReason::Permission, "the role may not do this").advise(
            "Let an administrator GRANT what is named; 'duroxide-exporter check' says what reading needs.",
        ),
        "25006" => failure(FailureReason::Permission, "the connection is read-only")
            .advise("Deleting needs a role that may write, on the primary."),
        // Raised by the schema's own procedures, about ids.
        "P0001" => failure(FailureReason::Other, "refused"),
        "3D000" => failure(FailureReason::Unavailable, "there is no such database")
            .advise("Check the database in the URL: it is the part behind the host, postgres://HOST/DATABASE."),
        "42P01" | "42703" | "42883" | "3F000" | "42809" => {
            failure(FailureReason::Schema, "the schema is not one this version can read")
        }
        // Perhaps worth another try: see `interrupted`.
        "57014" => {
            failure(FailureReason::Timeout, "interrupted, for it took too long or was cancelled").passing()
        }
        "25P03" | "25P04" => failure(FailureReason::Timeout, "the server ended the transaction"),
        "55P03" => failure(FailureReason::Locked, "a table is locked").advise(
            "Somebody holds a lock that keeps readers out, usually a migration; try again when it has ended.",
        ),
        "53300" => failure(FailureReason::Unavailable, "the server has no connection to spare").advise(
            "Raise the limit of the role (ALTER ROLE … CONNECTION LIMIT) or of the server (max_connections); the exporter \
             needs one connection a store, and one more for whoever looks into its instances.",
        ),
        "57P01" | "57P02" => failure(FailureReason::Unavailable, "the server ended the connection")
            .advise("It is being stopped, or somebody ended the session.")
            .passing(),
        "57P03" => failure(FailureReason::Unavailable, "the server takes no connections now")
            .advise("It is starting, stopping or recovering: try again in a moment."),
        // Such are of a pooler as a rule, which speaks English only.
        "08P01" if message.contains("statement pooling") => failure(
            FailureReason::Unsupported,
            "a pooler lends its connections for one statement, but a store is read in transactions",
        )
        .advise(
            "Let it lend them for a transaction (PgBouncer: pool_mode = transaction) or a session, at least for this \
             database, or give the exporter the address of the server itself.",
        ),
        "08P01" => failure(FailureReason::Unavailable, "a pooler or the server refuses")
            .advise("If there is a pooler in between, its log and its settings for this user and database say more."),
        _ => match code.get(..2) {
            Some("08") => failure(FailureReason::Unavailable, "the connection failed").advise(ADDRESS),
            Some("53" | "58") => {
                failure(FailureReason::Unavailable, "the server is in trouble").advise("See the server's log.")
            }
            Some("XX") => failure(FailureReason::Corrupt, "the server reports damage")
                .advise("See the server's log."),
            // A message of another class may quote what is in a row.
            _ => StoreError::new(FailureReason::Other, format!("the server failed (SQLSTATE {code})")),
        },
    }
}

/// The server interrupts what takes too long and what is cancelled with one code, from one place. `late`: it had no time
/// left.
pub(super) fn interrupted(failure: StoreError, late: bool) -> StoreError {
    if failure.reason != FailureReason::Timeout || !failure.is_passing() {
        failure
    } else if late {
        StoreError::new(
            failure.reason,
            "reading took longer than the limit and was interrupted by the server",
        )
    } else {
        StoreError::new(FailureReason::Other, "the read was cancelled on the server").passing()
    }
}

/// An error that is not the server's; `None` when it is none of a connection either.
pub(in crate::store) fn of_the_connection(error: &sqlx::Error) -> Option<StoreError> {
    let unavailable =
        |words: String| Some(StoreError::new(FailureReason::Unavailable, words).advise(ADDRESS));
    match error {
        // What rustls refuses comes as an error of reading.
        sqlx::Error::Io(error) if error.kind() == ErrorKind::InvalidData => {
            Some(StoreError::new(FailureReason::Tls, format!("no encrypted connection: {error}")))
        }
        // How many bytes were expected is of no use to anybody: of a server of something else it is nonsense.
        sqlx::Error::Io(error)
            if matches!(
                error.kind(),
                ErrorKind::UnexpectedEof
                    | ErrorKind::ConnectionReset
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::BrokenPipe
            ) =>
        {
            unavailable(CLOSED.to_owned())
        }
        sqlx::Error::Io(error) => unavailable(format!("cannot reach the server: {error}")),
        sqlx::Error::Tls(error) => {
            Some(StoreError::new(FailureReason::Tls, format!("no encrypted connection: {error}")))
        }
        sqlx::Error::Configuration(error) => {
            Some(StoreError::new(FailureReason::Tls, format!("the connection is not set up well: {error}")))
        }
        // What the driver makes of no answer at all.
        sqlx::Error::Protocol(error) if error.contains("SSLRequest: 0x00") => unavailable(CLOSED.to_owned()),
        sqlx::Error::Protocol(error) => {
            // Behind it is a place in the driver.
            let error = error.split(" (sqlx").next().unwrap_or_default();
            unavailable(format!("what answers there does not speak as a Postgres server does: {error}"))
        }
        _ => None,
    }
}
