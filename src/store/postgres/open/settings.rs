//! The driver's settings for a URL.

use std::env;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::{certificates, passfile};
use crate::labels::FailureReason;
use crate::store::database::failure::StoreError;
use crate::store::url::PostgresUrl;

/// As the server lists us in `pg_stat_activity`.
const APPLICATION: &str = "duroxide-exporter";

/// How to connect.
pub(super) struct Settings {
    pub(super) options: PgConnectOptions,
    /// What a person should know whose login is refused.
    pub(super) remark: Option<String>,
}

impl Settings {
    pub(super) async fn of(url: &PostgresUrl) -> Result<Self, StoreError> {
        let mut secret = url.secret().clone();
        let given = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let in_url = url.password().map(|password| ("the password in the URL".to_owned(), password));
        let mut password =
            in_url.or_else(|| given("PGPASSWORD").map(|password| ("PGPASSWORD".to_owned(), password)));
        if password.is_none() {
            // Keeps the driver from reading the user's password file: it warns of lines that it does not understand, and
            // shows them, with the password.
            secret.query_pairs_mut().append_pair("password", "");
        }
        // The driver adds what libpq would: PGHOST, PGPASSWORD and their like.
        let mut options = PgConnectOptions::from_url(&secret)?
            .application_name(APPLICATION)
            // A pooler that lends a connection for one transaction does not know these.
            .extra_float_digits(None)
            .statement_cache_capacity(0)
            .disable_statement_logging();
        if options.get_host().is_empty() {
            // To the driver an empty host is one, too.
            options = options.clone().host(PgConnectOptions::new_without_pgpass().get_host());
        }
        if options.get_host().starts_with('/') && options.get_socket().is_none() {
            let directory = options.get_host().to_owned();
            options = options.socket(directory);
        }
        // To the driver the brackets are a part of the name that a certificate is for.
        if let Some(address) = options.get_host().strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            options = options.clone().host(address);
        }
        if stringprep::saslprep(&format!("n={}", options.get_username())).is_err() {
            return Err(StoreError::new(
                FailureReason::Permission,
                "the user name has characters that cannot be sent in a login",
            )
            .advise(
                "Give the exporter a user whose name has neither control characters nor letters of scripts that are written \
                 from right to left.",
            ));
        }

        let mut remark = None;
        if let Some(path) = url.password_file() {
            let text = tokio::fs::read_to_string(path).await.map_err(|error| {
                // What is no file may be the password itself.
                StoreError::new(
                    FailureReason::Permission,
                    format!("the file that password-file names cannot be read: {error}"),
                )
                .advise("Create the file, readable for the exporter's user, with the password and nothing else in it.")
            })?;
            // Some editors put a byte order mark there.
            let text = text.trim_start_matches('\u{feff}').trim_end_matches(['\r', '\n']);
            password = Some(("the file of password-file".to_owned(), text.to_owned()));
        } else if password.is_none() {
            let passfile::Found { password: found, remark: about } = passfile::look(&options).await;
            password = found;
            remark = about;
        }
        if let Some((place, password)) = password {
            remark = oddity(&password).map(|oddity| format!("Note that {place} {oddity}."));
            options = options.password(&password);
        }

        if options.get_socket().is_some() {
            // Encryption is for networks, as in libpq.
            options = options.ssl_mode(PgSslMode::Disable);
        }
        // As libpq does it: a CA of one's own is there to be used.
        let own_authority = url.the_option("sslrootcert").is_some() || given("PGSSLROOTCERT").is_some();
        if own_authority && matches!(options.get_ssl_mode(), PgSslMode::Require) {
            options = options.ssl_mode(PgSslMode::VerifyCa);
        }
        certificates::look(url, options.get_ssl_mode()).await?;
        Ok(Self { options, remark })
    }
}

/// What is seldom meant of a password: how files and variables are written leaves such behind.
fn oddity(password: &str) -> Option<&'static str> {
    if password.trim().is_empty() {
        Some("is empty")
    } else if password.trim().contains('\n') {
        Some("has more than one line")
    } else if password.trim() != password {
        Some("begins or ends with white space, which counts as a part of the password")
    } else {
        None
    }
}
