//! The driver's settings for a URL.

use std::env;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::{certificates, passfile};
use crate::labels::FailureReason;
use crate::store::database::failure::Failure;
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
    pub(super) async fn of(url: &PostgresUrl) -> Result<Self, Failure> {
        let mut secret = url.secret().clone();
        let given = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let has_password = secret.password().is_some()
            || secret.query_pairs().any(|(key, _)| key == "password")
            || given("PGPASSWORD");
        if !has_password {
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
        // To the driver the brackets are a part of the name that a certificate is for.
        if let Some(address) = options.get_host().strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            options = options.clone().host(address);
        }
        if stringprep::saslprep(&format!("n={}", options.get_username())).is_err() {
            return Err(Failure::new(
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
            let password = tokio::fs::read_to_string(path).await.map_err(|error| {
                Failure::new(
                    FailureReason::Permission,
                    format!("cannot read the password file {}: {error}", path.display()),
                )
                .advise("Create the file, readable for the exporter's user, with the password and nothing else in it.")
            })?;
            options = options.password(password.trim_end_matches(['\r', '\n']));
        } else if !has_password {
            let passfile::Found { password, remark: about } = passfile::look(&options).await;
            if let Some(password) = password {
                options = options.password(&password);
            }
            remark = about;
        }

        if options.get_socket().is_some() {
            // Encryption is for networks, as in libpq.
            options = options.ssl_mode(PgSslMode::Disable);
        }
        // As libpq does it: a CA of one's own is there to be used.
        let own_authority = url.the_option("sslrootcert").is_some() || given("PGSSLROOTCERT");
        if own_authority && matches!(options.get_ssl_mode(), PgSslMode::Require) {
            options = options.ssl_mode(PgSslMode::VerifyCa);
        }
        certificates::look(url, options.get_ssl_mode()).await?;
        Ok(Self { options, remark })
    }
}
