//! What Postgres' error codes mean. https://www.postgresql.org/docs/current/errcodes-appendix.html

use sqlx::postgres::PgDatabaseError;

use crate::labels::FailureReason;
use crate::store::database::failure::Failure;

/// An error that the server reported.
pub(in crate::store) fn classify(error: &PgDatabaseError) -> Failure {
    let (code, message) = (error.code(), error.message());
    let failure = |reason, words: &str| Failure::new(reason, format!("{words}: {message} (SQLSTATE {code})"));
    match code {
        // A standby gives way to the changes it has to replay.
        "40001" | "40P01" | "25P04" if message.contains("conflict with recovery") => {
            failure(FailureReason::Conflict, "the standby cancelled the read").passing()
        }
        "28P01" | "28000" => failure(FailureReason::Permission, "the server refuses the login").advise(
            "Check user and password. The password may be in the file that password-file=PATH in the URL names, in \
             PGPASSWORD, or in ~/.pgpass; pg_hba.conf decides who may come from where.",
        ),
        "42501" => failure(FailureReason::Permission, "the role may not read this"),
        "25006" => failure(FailureReason::Permission, "the connection is read-only")
            .advise("Deleting needs a role that may write, on the primary."),
        // Raised by the schema's own procedures, about ids.
        "P0001" => failure(FailureReason::Other, "refused"),
        "3D000" => failure(FailureReason::Unavailable, "there is no such database")
            .advise("Check the database in the URL: it is the part behind the host, postgres://HOST/DATABASE."),
        "42P01" | "42703" | "42883" | "3F000" | "42809" => {
            failure(FailureReason::Schema, "the schema is not one this version can read")
        }
        "57014" if message.contains("statement timeout") => Failure::new(
            FailureReason::Timeout,
            "reading took longer than the limit and was interrupted by the server",
        ),
        "57014" => failure(FailureReason::Other, "somebody cancelled the read").passing(),
        "25P03" | "25P04" => failure(FailureReason::Timeout, "the server ended the transaction"),
        "55P03" => failure(FailureReason::Locked, "a table is locked").advise(
            "Somebody holds a lock that keeps readers out, usually a migration; try again when it has ended.",
        ),
        "53300" => failure(FailureReason::Unavailable, "the server has no connection to spare").advise(
            "Raise the limit of the role (ALTER ROLE … CONNECTION LIMIT) or of the server (max_connections); the exporter \
             needs one connection a store, and one more for whoever looks into its instances.",
        ),
        "57P01" | "57P02" => failure(FailureReason::Unavailable, "the server ended the connection").passing(),
        "57P03" => failure(FailureReason::Unavailable, "the server takes no connections now")
            .advise("It is starting, stopping or recovering; the exporter goes on trying."),
        _ => match code.get(..2) {
            Some("08") => failure(FailureReason::Unavailable, "the connection failed"),
            Some("53" | "58") => failure(FailureReason::Unavailable, "the server is in trouble"),
            Some("XX") => failure(FailureReason::Corrupt, "the server reports damage")
                .advise("See the server's log."),
            // A message of another class may quote what is in a row.
            _ => Failure::new(FailureReason::Other, format!("the server failed (SQLSTATE {code})")),
        },
    }
}

/// An error that is not the server's; `None` when it is none of a connection either.
pub(in crate::store) fn of_the_connection(error: &sqlx::Error) -> Option<Failure> {
    let unavailable = |words: String| Some(Failure::new(FailureReason::Unavailable, words));
    match error {
        // What rustls refuses comes as an error of reading.
        sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            Some(Failure::new(FailureReason::Tls, format!("no encrypted connection: {error}")))
        }
        sqlx::Error::Io(error) => unavailable(format!("cannot reach the server: {error}")).map(|failure| {
            failure.advise("Check host and port in the URL, and that the server runs, listens there and lets us through.")
        }),
        sqlx::Error::Tls(error) => {
            Some(Failure::new(FailureReason::Tls, format!("no encrypted connection: {error}")))
        }
        sqlx::Error::Configuration(error) => {
            Some(Failure::new(FailureReason::Tls, format!("the connection is not set up well: {error}")))
        }
        sqlx::Error::Protocol(error) => {
            unavailable(format!("what answers there does not speak as a Postgres server does: {error}"))
        }
        _ => None,
    }
}

/// Whether the connection survived: an answer of the server after which it goes on.
pub(super) fn is_an_answer(failure: &Failure) -> bool {
    matches!(
        failure.reason,
        FailureReason::Schema | FailureReason::Permission | FailureReason::Timeout | FailureReason::Locked
    )
}
