//! Making a connection.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Connection};

use crate::labels::FailureReason;
use crate::store::database::failure::Failure;
use crate::store::url::PostgresUrl;

/// As the server lists us in `pg_stat_activity`.
const APPLICATION: &str = "duroxide-exporter";

/// A server that does not answer this long is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects, within `limit` at most.
pub(super) async fn open(url: &PostgresUrl, limit: Duration) -> Result<PgConnection, Failure> {
    let limit = limit.min(CONNECT_TIMEOUT);
    match tokio::time::timeout(limit, connect(url)).await {
        Ok(connected) => connected,
        Err(_) => Err(Failure::new(
            FailureReason::Unavailable,
            format!("no connection within {limit:?}: the server does not answer"),
        )),
    }
}

async fn connect(url: &PostgresUrl) -> Result<PgConnection, Failure> {
    let options = options(url).await?;
    if url.ssl_mode().as_deref() != Some("allow") {
        return Ok(PgConnection::connect_with(&options).await?);
    }
    // As libpq does it: without encryption, and with it where the server insists. (The driver does only the first.)
    match PgConnection::connect_with(&options.clone().ssl_mode(PgSslMode::Disable)).await {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("28000") => {
            Ok(PgConnection::connect_with(&options.ssl_mode(PgSslMode::Require)).await?)
        }
        connected => Ok(connected?),
    }
}

async fn options(url: &PostgresUrl) -> Result<PgConnectOptions, Failure> {
    // The driver adds what libpq would: PGPASSWORD and its like, and the user's password file.
    let mut options = PgConnectOptions::from_url(url.secret())?
        .application_name(APPLICATION)
        // A pooler that lends a connection for one transaction does not know these.
        .extra_float_digits(None)
        .statement_cache_capacity(0)
        .disable_statement_logging();
    if let Some(path) = url.password_file() {
        let password = tokio::fs::read_to_string(path).await.map_err(|error| {
            Failure::new(
                FailureReason::Permission,
                format!("cannot read the password file {}: {error}", path.display()),
            )
            .advise("Create the file, readable for the exporter's user, with the password and nothing else in it.")
        })?;
        options = options.password(password.trim_end_matches(['\r', '\n']));
    }
    // As libpq does it: a CA of one's own is there to be used.
    if url.ssl_mode().as_deref() == Some("require") && url.has_root_certificate() {
        options = options.ssl_mode(PgSslMode::VerifyCa);
    }
    Ok(options)
}
