//! Store URLs, as given in `--store NAME=URL`.

mod error;
#[cfg(feature = "postgres")]
mod postgres;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

pub use error::UrlError;
use percent_encoding::percent_decode_str;
#[cfg(feature = "postgres")]
pub(crate) use postgres::PostgresUrl;

/// One store of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreSpec {
    /// Value of the `store` label.
    pub(crate) name: Arc<str>,
    pub(crate) url: StoreUrl,
}

/// Where a store is. Shown without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreUrl {
    /// A SQLite file.
    Sqlite {
        path: PathBuf,
        /// Whether the file is a copy; `None`: a file without a `-wal` beside it is one.
        replica: Option<bool>,
    },
    /// A schema of a Postgres database.
    #[cfg(feature = "postgres")]
    Postgres(PostgresUrl),
}

const EXAMPLE: &str = "orders=sqlite:/var/lib/orders/store.db";

/// What can be written in front of the first colon.
const SCHEMES: &str = "sqlite: and postgres:";

impl StoreSpec {
    /// Reads `NAME=URL`, or a bare `URL`, which is named `default`.
    pub(crate) fn parse(text: &str) -> Result<Self, UrlError> {
        let (name, url) = match text.split_once('=') {
            Some((name, url)) if !name.contains(':') => (name.trim(), url),
            _ => ("default", text),
        };
        Ok(Self { name: Self::check_name(name)?, url: StoreUrl::parse(url)? })
    }

    /// A name becomes a label value that people type in queries.
    pub(crate) fn check_name(name: &str) -> Result<Arc<str>, UrlError> {
        let ok = !name.is_empty()
            && name.len() <= 64
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        if !ok {
            return Err(UrlError(format!(
                "the store's name, in front of '=', is not usable: 1 to 64 letters, digits, '_', '-' or '.' (example: {EXAMPLE})"
            )));
        }
        Ok(name.into())
    }
}

impl StoreUrl {
    /// Reads `sqlite:PATH[?replica=true|false]` or `postgres://HOST/DATABASE[?schema=…]`.
    pub(crate) fn parse(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(UrlError(format!(
                "a store URL begins with a scheme such as sqlite: (example: {EXAMPLE})"
            )));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "sqlite" | "sqlite3" | "file" => Self::parse_sqlite(rest),
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => PostgresUrl::parse(text).map(Self::Postgres),
            #[cfg(not(feature = "postgres"))]
            "postgres" | "postgresql" => Err(UrlError(
                "this build cannot read Postgres stores: its feature `postgres` was left out".into(),
            )),
            _ => Err(UrlError(format!(
                "unknown store scheme; this version reads {SCHEMES} (example: {EXAMPLE})"
            ))),
        }
    }

    fn parse_sqlite(rest: &str) -> Result<Self, UrlError> {
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() {
            return Err(UrlError(format!("sqlite: needs the path of a file (example: {EXAMPLE})")));
        }
        if path.contains("=sqlite:") {
            return Err(UrlError(format!(
                "these are several stores in one: give each its own --store, or separate them by white space in the \
                 environment (example: {EXAMPLE})"
            )));
        }
        if path.split_once(':').is_some_and(|(_, behind)| behind.contains('@')) {
            return Err(UrlError(format!(
                "this looks like a server's address with user and password, and sqlite: needs the path of a file; in a path, \
                 '@' is written as %40 (example: {EXAMPLE})"
            )));
        }
        if path.contains(":memory:") {
            return Err(UrlError(
                "an in-memory database belongs to its own process; give the path of a file".into(),
            ));
        }
        // As the framework reads it: an application's URL can be given as it is.
        let Ok(path) = percent_decode_str(path).decode_utf8() else {
            return Err(UrlError("the path is not valid UTF-8".into()));
        };
        // To SQLite, what follows two slashes is a host.
        let path = match path.trim_start_matches('/') {
            rest if rest.len() < path.len() => format!("/{rest}"),
            rest => rest.to_owned(),
        };
        if path.contains('\0') {
            return Err(UrlError("the path contains a NUL character".into()));
        }
        let mut replica = None;
        for (index, pair) in query.unwrap_or_default().split('&').enumerate() {
            match pair.split_once('=') {
                Some(("replica", "true" | "1" | "yes")) => replica = Some(true),
                Some(("replica", "false" | "0" | "no")) => replica = Some(false),
                Some(("replica", _)) => return Err(UrlError("replica has to be true or false".into())),
                // From the application's own URL; how we open is decided by what lies on the disk.
                Some(("mode" | "cache" | "immutable" | "vfs", _)) => {}
                None if pair.is_empty() => {}
                _ => {
                    return Err(UrlError(format!(
                        "option {} behind '?' is none of a sqlite: URL; known: replica=true, replica=false; within a path, '?' is \
                         written as %3F",
                        index + 1
                    )));
                }
            }
        }
        Ok(Self::Sqlite { path: path.into(), replica })
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path, .. } => write!(f, "sqlite:{}", path.display()),
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sqlite(path: &str, replica: Option<bool>) -> StoreUrl {
        StoreUrl::Sqlite { path: path.into(), replica }
    }

    #[test]
    fn named_and_bare_urls() {
        for (text, name, url) in [
            ("orders=sqlite:/a/b.db", "orders", sqlite("/a/b.db", None)),
            ("sqlite:/a/b.db", "default", sqlite("/a/b.db", None)),
            ("sqlite:///a/b.db", "default", sqlite("/a/b.db", None)),
            ("sqlite:a=b.db", "default", sqlite("a=b.db", None)),
            ("x=sqlite:/a.db?mode=rwc&cache=private&replica=true", "x", sqlite("/a.db", Some(true))),
            ("sqlite:////a/b.db", "default", sqlite("/a/b.db", None)),
            ("sqlite:%2F/a/b.db", "default", sqlite("/a/b.db", None)),
            ("x=sqlite:/my%20store%23.db", "x", sqlite("/my store#.db", None)),
            ("x=SQLite:/my@b:c.db?&replica=1", "x", sqlite("/my@b:c.db", Some(true))),
            ("x=sqlite:/a.db?replica=false", "x", sqlite("/a.db", Some(false))),
        ] {
            assert_eq!(StoreSpec::parse(text), Ok(StoreSpec { name: name.into(), url }), "{text}");
        }
    }

    #[test]
    fn mistakes_name_the_mistake_and_an_example() {
        for (text, expected) in [
            ("", "scheme"),
            ("orders", "scheme"),
            ("a b=sqlite:/x", "the store's name"),
            ("=sqlite:/x", "the store's name"),
            ("x=mysql://h/db", "unknown store scheme; this version reads sqlite: and postgres:"),
            ("sqlite://u:s3cret@h/db", "with user and password"),
            ("sqlite:", "path"),
            ("a=sqlite:/a,b=sqlite:/b", "several stores"),
            ("sqlite:/a?replica=maybe", "true or false"),
            ("sqlite::memory:", "in-memory"),
            ("sqlite:/a%00b", "NUL"),
            ("sqlite:/a%ff", "UTF-8"),
            ("sqlite:/x?mode=ro&&replicate=1", "option 3 behind '?' is none of a sqlite: URL"),
        ] {
            let error = StoreSpec::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
