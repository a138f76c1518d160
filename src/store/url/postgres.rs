//! `postgres://USER@HOST:PORT/DATABASE?schema=…`: what libpq understands of it, and the options that are ours.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use url::Url;

use super::error::UrlError;

const EXAMPLE: &str = "orders=postgres://monitor@db.example:5432/app?schema=orders";

/// How to write what would end a part of a URL.
const ENCODED: &str = "within user, password, database or value, '/' is written as %2F, '?' as %3F, '#' as %23, '@' as %40, ':' as %3A, '&' as \
                                  %26, '%' as %25 and a space as %20";

/// The schema the framework uses when it is told none.
const DEFAULT_SCHEMA: &str = "public";

/// Longer names are cut by Postgres.
const LONGEST_SCHEMA: usize = 63;

/// Where a Postgres store is. Shown without its secrets.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PostgresUrl {
    /// For the driver: may hold the password, and has only options that the driver knows.
    secret: Url,
    /// As Postgres has it: in small letters unless it was given in quotes, for the framework never quotes it.
    schema: String,
    /// A file that holds the password and nothing else. Read at each connection, so that it can be changed.
    password_file: Option<PathBuf>,
}

/// Options of libpq that the driver reads.
const DRIVER: [&str; 10] =
    ["sslmode", "sslrootcert", "sslcert", "sslkey", "host", "port", "user", "password", "dbname", "options"];

/// Options of an application's own URL that say nothing about how its store can be read.
const IGNORED: [&str; 10] = [
    "application_name",
    "connect_timeout",
    "target_session_attrs",
    "channel_binding",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "client_encoding",
    "statement-cache-capacity",
];

const SSL_MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

impl PostgresUrl {
    /// Reads a whole URL.
    pub(super) fn parse(text: &str) -> Result<Self, UrlError> {
        let Some((_, rest)) = text.split_once("://") else {
            return Err(UrlError(format!("postgres: is followed by //HOST/DATABASE (example: {EXAMPLE})")));
        };
        // An '@' behind what was taken for the host means that the host is a user, and that a part of the password is in
        // what would be shown.
        let behind = rest.split_once(['/', '?', '#']).map_or("", |(_, behind)| behind);
        if behind.contains('@') {
            return Err(UrlError(format!("an '@' stands behind the host: {ENCODED} (example: {EXAMPLE})")));
        }
        let mut url = Url::parse(text)
            .map_err(|error| UrlError(format!("not a valid URL: {error}; {ENCODED} (example: {EXAMPLE})")))?;
        if url.fragment().is_some() {
            return Err(UrlError(format!(
                "nothing in a store's URL begins with '#': {ENCODED} (example: {EXAMPLE})"
            )));
        }
        if decoded(url.username()).contains(':') {
            return Err(UrlError(format!(
                "write the ':' between user and password as it is, not as %3A; a user with a ':' is given as ?user=… \
                 (example: {EXAMPLE})"
            )));
        }
        if url.path().get(1..).is_some_and(|database| database.contains('/')) {
            return Err(UrlError(format!(
                "more than a database stands behind the host: {ENCODED} (example: {EXAMPLE})"
            )));
        }
        let options: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        url.set_query(None);
        let mut parsed = Self { secret: url, schema: DEFAULT_SCHEMA.to_owned(), password_file: None };
        for (index, (key, value)) in options.iter().enumerate() {
            parsed.option(index, key, value)?;
        }
        let named = [parsed.secret.host_str().map(decoded), parsed.the_option("host")];
        if !named.iter().flatten().all(|host| is_host(host)) {
            return Err(UrlError(format!(
                "the host has an '@' or a ':' in it: write those that part user, password, host and port as they are, \
                 without %XX (example: {EXAMPLE})"
            )));
        }
        if parsed.has_option("sslcert") != parsed.has_option("sslkey") {
            return Err(UrlError("sslcert and sslkey are given together or not at all".into()));
        }
        Ok(parsed)
    }

    /// `index`: its place behind the '?'.
    fn option(&mut self, index: usize, key: &str, value: &str) -> Result<(), UrlError> {
        match key {
            "schema" => self.schema = schema(value)?,
            "password-file" => {
                if value.is_empty() {
                    return Err(UrlError("password-file needs the path of a file".into()));
                }
                self.password_file = Some(value.into());
            }
            "sslmode" if !SSL_MODES.contains(&value) => {
                return Err(UrlError(format!("unknown sslmode; known: {}", SSL_MODES.join(", "))));
            }
            "port" if value.parse::<u16>().is_err() => {
                return Err(UrlError("port has to be a number from 1 to 65535".into()));
            }
            _ if DRIVER.contains(&key) => {
                self.secret.query_pairs_mut().append_pair(key, value);
            }
            _ if IGNORED.contains(&key) => {}
            _ => {
                return Err(UrlError(format!(
                    "option {} behind '?' is none of a postgres: URL; known: schema, password-file, {}; {ENCODED}",
                    index + 1,
                    DRIVER.join(", ")
                )));
            }
        }
        Ok(())
    }

    fn has_option(&self, key: &str) -> bool {
        self.secret.query_pairs().any(|(name, _)| name == key)
    }

    /// An option for the driver.
    pub(in crate::store) fn the_option(&self, key: &str) -> Option<String> {
        self.secret.query_pairs().find(|(name, _)| name == key).map(|(_, value)| value.into_owned())
    }

    /// For the driver, and for nobody else.
    pub(in crate::store) fn password(&self) -> Option<String> {
        self.the_option("password").or_else(|| self.secret.password().map(decoded))
    }

    /// For the driver, and for nobody else: it may hold the password.
    #[cfg(feature = "postgres")]
    pub(in crate::store) fn secret(&self) -> &Url {
        &self.secret
    }

    pub(in crate::store) fn schema(&self) -> &str {
        &self.schema
    }

    #[cfg(feature = "postgres")]
    pub(in crate::store) fn password_file(&self) -> Option<&PathBuf> {
        self.password_file.as_ref()
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Whether this can be a host: a name, an address, or the directory of a socket.
fn is_host(text: &str) -> bool {
    let address = text.split('%').next().unwrap_or_default();
    text.starts_with(['/', '[']) || !text.contains([':', '@']) || address.parse::<Ipv6Addr>().is_ok()
}

/// The framework uses the name unquoted, so that Postgres folds it to small letters. A name in quotes is taken as it is: a
/// schema may have been renamed.
fn schema(given: &str) -> Result<String, UrlError> {
    if let Some(name) = given.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'))
        && !name.replace("\"\"", "").contains(|c: char| c == '"' || c.is_control())
        && (1..=LONGEST_SCHEMA).contains(&name.replace("\"\"", "\"").len())
    {
        return Ok(name.replace("\"\"", "\""));
    }
    let name = given;
    let first = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let rest = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !first || !rest || name.len() > LONGEST_SCHEMA {
        return Err(UrlError(format!(
            "the schema is none that duroxide can have: a letter or '_', then letters, digits and '_', \
             {LONGEST_SCHEMA} at most; any other name is given in double quotes"
        )));
    }
    Ok(name.to_ascii_lowercase())
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = &self.secret;
        f.write_str("postgres://")?;
        let user = self.the_option("user").unwrap_or_else(|| url.username().to_owned());
        if !user.is_empty() {
            write!(f, "{user}@")?;
        }
        let host = self.the_option("host").or_else(|| url.host_str().map(str::to_owned));
        f.write_str(&host.unwrap_or_default())?;
        let port = self.the_option("port").or_else(|| url.port().map(|port| port.to_string()));
        if let Some(port) = port {
            write!(f, ":{port}")?;
        }
        let database = self.the_option("dbname");
        let database = database.as_deref().unwrap_or_else(|| url.path().trim_start_matches('/'));
        write!(f, "/{database}?schema=")?;
        match schema(&self.schema) {
            Ok(name) if name == self.schema => f.write_str(&name),
            _ => write!(f, "\"{}\"", self.schema.replace('"', "\"\"")),
        }
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        PostgresUrl::parse(text).unwrap().to_string()
    }

    #[test]
    fn secrets_are_not_shown() {
        for (text, expected) in [
            (
                "postgres://monitor:s3cret@db:5433/app?schema=orders",
                "postgres://monitor@db:5433/app?schema=orders",
            ),
            ("postgresql://db/app", "postgres://db/app?schema=public"),
            ("postgres:///app?host=fe80::1%25eth0", "postgres://fe80::1%eth0/app?schema=public"),
            ("POSTGRES:///app", "postgres:///app?schema=public"),
            ("postgres://me:p@s3cret@db/app", "postgres://me@db/app?schema=public"),
            ("postgres://me%40tenant:s3cret%2F%3F@db/a%40b", "postgres://me%40tenant@db/a%40b?schema=public"),
            (
                "postgres://db/app?user=me&password=s3cret&sslmode=verify-full",
                "postgres://me@db/app?schema=public",
            ),
            (
                "postgres:///app?host=/run/postgresql&password-file=/run/s3cret",
                "postgres:///run/postgresql/app?schema=public",
            ),
            (
                "postgres://me:s3cret%40@[::1]:5432/app?schema=MyApp&connect_timeout=10",
                "postgres://me@[::1]:5432/app?schema=myapp",
            ),
            ("postgres://db/app?schema=%22MyApp%22", "postgres://db/app?schema=\"MyApp\""),
            ("postgres://db/app?schema=\"myapp\"", "postgres://db/app?schema=myapp"),
            ("postgres://db/app?schema=\"1 a\"\"b-é\"", "postgres://db/app?schema=\"1 a\"\"b-é\""),
        ] {
            assert_eq!(shown(text), expected, "{text}");
            let parsed = PostgresUrl::parse(text).unwrap();
            assert!(!format!("{parsed:?}").contains("s3cret"));
        }
    }

    #[test]
    fn mistakes_are_told_without_the_password() {
        for (text, expected) in [
            ("postgres://me:s3cret@db:port/app", "not a valid URL"),
            ("postgres://me:s3cret#x@db/app", "%"),
            ("postgres:me:s3cret@db/app", "//HOST/DATABASE"),
            ("postgres:/me:s3cret@db/app", "//HOST/DATABASE"),
            ("postgres://me:12/s3cret@db/app", "'/' is written as %2F"),
            ("postgres://me:12?s3cret@db/app", "'?' as %3F"),
            ("postgres://me:12#s3cret@db/app", "'#' as %23"),
            ("postgres://me:p@12/s3cret@db/app", "'@' as %40"),
            ("postgres://me:p@db/s3cret/app", "more than a database"),
            ("postgres://me%3As3cret@db/app", "between user and password"),
            ("postgres://me%3As3cret%40db/app", "without %XX"),
            ("postgres://db/app?host=me%3As3cret%40db", "without %XX"),
            ("postgres://db/app?password=x&s3cret", "option 2 behind '?'"),
            ("postgres://db/app?sslmode=s3cret", "unknown sslmode; known: disable"),
            ("postgres://db/app?schema=s3-cret", "the schema is none"),
            ("postgres://db/app?schema=a-b&password=s3cret", "schema"),
            ("postgres://db/app?schema=1a", "schema"),
            ("postgres://db/app?schema=", "schema"),
            ("postgres://db/app?schema=a\"b", "schema"),
            ("postgres://db/app?schema=\"\"", "schema"),
            ("postgres://db/app?schema=\"a\"b\"", "schema"),
            ("postgres://db/app?password=s3cret&sslmode=on", "sslmode"),
            ("postgres://db/app?password=s3cret&sslcert=/c", "sslkey"),
            ("postgres://db/app?passwort=s3cret", "option 1 behind '?' is none"),
            ("postgres://db/app?port=x&password=s3cret", "port"),
            ("postgres://db/app?password-file=", "password-file"),
        ] {
            let error = PostgresUrl::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("s3cret"), "{text}: {error}");
        }
        assert!(PostgresUrl::parse(&format!("postgres://db/app?schema={}", "a".repeat(64))).is_err());
    }
}
