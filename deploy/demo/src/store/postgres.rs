//! A schema of a Postgres database, and which of the framework's two providers works on it.
//!
//! The URL is the exporter's: `postgres://user:password@host:port/database?schema=orders`, with `provider` besides.
//! These two options are taken out before the provider gets it; the rest is what the provider's driver understands.

mod driver;

use std::fmt;
use std::sync::Arc;

use anyhow::Context as _;
use duroxide::providers::Provider;

use driver::Driver;

const EXAMPLE: &str = "postgres://user:password@localhost:5432/database?schema=orders";
/// What a schema is called if nobody says.
const DEFAULT_SCHEMA: &str = "public";
/// Postgres cuts names at 63 bytes, and one provider appends up to twelve to that of the schema.
const LONGEST_SCHEMA: usize = 50;
/// The driver logs what it does not know together with its value, which may be a piece of a mistyped password.
const DRIVER_OPTIONS: [&str; 11] = [
    "application_name",
    "dbname",
    "host",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

/// Not `Debug`: it holds a password.
pub(crate) struct Address {
    /// Without query.
    base: String,
    /// Options for the driver, as they were given.
    options: Vec<String>,
    schema: String,
    driver: Driver,
}

impl Address {
    /// The errors repeat nothing of the URL but the values of our own options.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        if url.starts_with("sqlite:") {
            return Err(
                "--store is for Postgres; give the directory of an SQLite store with --data-dir".to_owned()
            );
        }
        let Some(rest) = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://")) else {
            return Err(format!("--store takes a URL such as {EXAMPLE}"));
        };
        let (location, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = location.split_once('/').map_or("", |(_, path)| path);
        if path.contains('@') || query.contains('@') || url.contains('#') || url.contains(char::is_whitespace)
        {
            return Err(
                "the URL given by --store cannot be taken apart: in user, password and options write / as \
                        %2F, ? as %3F, # as %23, @ as %40 and a space as %20"
                    .to_owned(),
            );
        }
        let (mut schema, mut driver, mut options) = (None, None, Vec::new());
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let repeated = match name {
                "schema" => schema.replace(check_schema(value)?).is_some(),
                "provider" => driver.replace(Driver::named(value)?).is_some(),
                known if DRIVER_OPTIONS.contains(&known) => {
                    options.push(option.to_owned());
                    false
                }
                _ => {
                    return Err(format!(
                        "the URL given by --store has an unknown option; known are schema, provider, {}",
                        DRIVER_OPTIONS.join(", ")
                    ));
                }
            };
            if repeated {
                return Err(format!("the URL given by --store has more than one {name}"));
            }
        }
        Ok(Self {
            base: format!("postgres://{location}"),
            options,
            schema: schema.unwrap_or_else(|| DEFAULT_SCHEMA.to_owned()),
            driver: driver.unwrap_or(Driver::Pg),
        })
    }

    /// As the exporter takes it; which provider wrote the schema it finds out for itself.
    pub(super) fn exporter_url(&self) -> String {
        self.with_options(self.options.iter().cloned().chain([format!("schema={}", self.schema)]))
    }

    /// Creates the schema, or brings it up to date.
    pub(super) async fn open(&self) -> anyhow::Result<Arc<dyn Provider>> {
        let opened = self.driver.open(&self.driver_url(), &self.schema).await;
        opened.with_context(|| format!("cannot open the store {self}"))
    }

    fn driver_url(&self) -> String {
        self.with_options(self.options.iter().cloned())
    }

    fn with_options(&self, options: impl Iterator<Item = String>) -> String {
        let query = options.collect::<Vec<_>>().join("&");
        if query.is_empty() { self.base.clone() } else { format!("{}?{query}", self.base) }
    }
}

/// For people: without the password, and without options, which may hold one too.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let location = self.base.trim_start_matches("postgres://");
        let location = match location.rsplit_once('@') {
            Some((user, host)) => format!("{}@{host}", user.split(':').next().unwrap_or_default()),
            None => location.to_owned(),
        };
        write!(f, "postgres://{location}, schema {}, provider {}", self.schema, self.driver.name())
    }
}

/// The framework writes the name into its SQL as it is, without quotes.
fn check_schema(name: &str) -> Result<String, String> {
    let small = |c: char| c == '_' || c.is_ascii_lowercase();
    if name.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(format!(
            "schema {name:?} has upper-case letters: the framework writes the name without quotes, so that Postgres \
             makes {lower:?} of it, and at the next start does not find its tables; give schema={lower}",
            lower = name.to_ascii_lowercase()
        ));
    }
    if !name.starts_with(small) || !name.chars().all(|c| small(c) || c.is_ascii_digit()) {
        return Err(format!(
            "schema {name:?} is not usable: lower-case letters, digits and _, and no digit first (the framework \
             writes the name without quotes)"
        ));
    }
    if name.starts_with("pg_") {
        return Err(format!("schema {name:?} is not usable: Postgres keeps names with pg_ for itself"));
    }
    if name.len() > LONGEST_SCHEMA {
        return Err(format!("schema {name:?} is too long: at most {LONGEST_SCHEMA} characters"));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests;
