//! Making a connection: as libpq would with the same URL, where the driver does otherwise.
//!
//! `settings` makes the driver's settings of a URL, `certificates` looks at the files it names, `passfile` reads the
//! user's password file.

mod certificates;
mod passfile;
mod settings;

use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::{PgConnection, PgSslMode};

use super::{error, rights};
use crate::labels::FailureReason;
use crate::store::database::failure::StoreError;
use crate::store::url::PostgresUrl;
use settings::Settings;

/// A server that does not answer this long is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What the driver says when it asks for encryption in vain.
const NO_TLS: &str = "server does not support TLS";

/// Connects, within `limit` at most.
pub(super) async fn open(url: &PostgresUrl, limit: Duration) -> Result<PgConnection, StoreError> {
    let limit = limit.min(CONNECT_TIMEOUT);
    match tokio::time::timeout(limit, connect(url)).await {
        Ok(connected) => connected,
        Err(_) => Err(StoreError::new(
            FailureReason::Unavailable,
            format!("no connection within {limit:?}: the server does not answer"),
        )
        .advise(error::ADDRESS)),
    }
}

async fn connect(url: &PostgresUrl) -> Result<PgConnection, StoreError> {
    let settings = Settings::of(url).await?;
    let mode = settings.options.get_ssl_mode();
    // The driver takes `allow` for `disable`, and `prefer` for final.
    let (first, then) = match mode {
        PgSslMode::Allow => (PgSslMode::Disable, Some(PgSslMode::Require)),
        PgSslMode::Prefer => (PgSslMode::Prefer, Some(PgSslMode::Disable)),
        mode => (mode, None),
    };
    let refused = match attempt(&settings, first).await {
        Ok(connection) => return Ok(connection),
        Err(refused) => refused,
    };
    let Some(then) = then.filter(|_| refused.may_be_for_the_encryption()) else {
        return Err(refused.explain(&settings));
    };
    match attempt(&settings, then).await {
        Ok(connection) => Ok(connection),
        Err(again) if again.says_more(mode) => Err(again.explain(&settings)),
        Err(_) => Err(refused.explain(&settings)),
    }
}

async fn attempt(settings: &Settings, mode: PgSslMode) -> Result<PgConnection, Refused> {
    let options = settings.options.clone().ssl_mode(mode);
    PgConnection::connect_with(&options).await.map_err(|error| Refused {
        code: error.as_database_error().and_then(|error| Some(error.code()?.into_owned())),
        words: error.to_string(),
        failure: error.into(),
    })
}

/// An attempt that failed.
struct Refused {
    /// The server's, if it was the server.
    code: Option<String>,
    words: String,
    failure: StoreError,
}

impl Refused {
    fn may_be_for_the_encryption(&self) -> bool {
        self.failure.reason == FailureReason::Tls || self.code.as_deref() == Some("28000")
    }

    /// Whether this second refusal tells more than the first.
    fn says_more(&self, mode: PgSslMode) -> bool {
        match mode {
            PgSslMode::Allow => !self.words.contains(NO_TLS),
            _ => self.code.as_deref() != Some("28000"),
        }
    }

    /// With what to do about it.
    fn explain(self, settings: &Settings) -> StoreError {
        let Self { code, words, failure } = self;
        let options = &settings.options;
        match (code.as_deref(), &settings.remark) {
            (Some("28P01" | "28000"), Some(remark)) => failure.advise(format!("{} {remark}", error::LOGIN)),
            (Some("42501"), _) => {
                let role = options.get_username();
                failure.advise(rights::grant_connect(role, options.get_database().unwrap_or(role)))
            }
            _ if failure.reason == FailureReason::Tls => match advice(&words, options.get_ssl_mode()) {
                Some(advice) => failure.advise(advice),
                None => failure,
            },
            _ => failure,
        }
    }
}

/// What to do where no encryption came about.
fn advice(words: &str, mode: PgSslMode) -> Option<String> {
    const NAME: &str = "Give the server in the URL by a name that is in the subjectAltName of its certificate (a CN alone \
                        does not count), or issue a certificate for the name in the URL.";
    let advice = if words.contains("not valid for name") {
        match mode {
            // The driver knows only an older name of this refusal, and so lets none pass.
            PgSslMode::VerifyCa => {
                format!("The exporter's verify-ca looks at the name, too, as verify-full does. {NAME}")
            }
            _ => NAME.to_owned(),
        }
    } else if words.contains("UnknownIssuer") {
        "Nobody who is trusted has signed the server's certificate: sslrootcert=PATH names the certificate (PEM) of the \
         authority that has, or the server's own if that is signed by itself."
            .to_owned()
    } else if words.contains("certificate expired") {
        "The server's certificate is out of date: give the server a new one (ssl_cert_file) and let it read that (SELECT \
         pg_reload_conf()). Unless the clock of this machine is wrong."
            .to_owned()
    } else if words.contains("certificate not valid yet") {
        "The server's certificate is valid from a later time on: compare the clocks of this machine and of the one that \
         issued it."
            .to_owned()
    } else if words.contains("UnsupportedCertVersion") {
        "The server's certificate is of an old form (X.509 version 1): issue one with a subjectAltName, or use \
         sslmode=require without sslrootcert, which encrypts without knowing with whom."
            .to_owned()
    } else if words.contains("CaUsedAsEndEntity") {
        "The server shows the certificate of an authority as its own (openssl req -x509 makes such): let that authority sign \
         one for the server, or use sslmode=require without sslrootcert, which encrypts without knowing with whom."
            .to_owned()
    } else if words.contains(NO_TLS) {
        "The server needs a certificate and ssl = on in postgresql.conf; sslmode=prefer and sslmode=disable do without."
            .to_owned()
    } else if words.contains("received corrupt message") {
        error::ADDRESS.to_owned()
    } else if words.contains("received fatal alert") {
        "The server refuses what it is shown: sslcert=PATH has to be a certificate that an authority in its ssl_ca_file has \
         signed, and sslkey=PATH its key."
            .to_owned()
    } else {
        return None;
    };
    Some(advice)
}
