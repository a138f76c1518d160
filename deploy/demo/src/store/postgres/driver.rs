//! The framework's two Postgres providers, as far as they were built in.

use std::sync::Arc;

use duroxide::providers::Provider;

type Opened = anyhow::Result<Arc<dyn Provider>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Driver {
    Pg,
    PgOpt,
}

impl Driver {
    pub(super) fn named(name: &str) -> Result<Self, String> {
        [Self::Pg, Self::PgOpt].into_iter().find(|driver| driver.name() == name).ok_or_else(|| {
            format!(
                "provider {name:?} does not exist; there are {} and {}",
                Self::Pg.name(),
                Self::PgOpt.name()
            )
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pg => "duroxide-pg",
            Self::PgOpt => "duroxide-pg-opt",
        }
    }

    /// Creates the schema, or brings it up to date.
    pub(super) async fn open(self, url: &str, schema: &str) -> Opened {
        match self {
            Self::Pg => pg(url, schema).await,
            Self::PgOpt => pg_opt(url, schema).await,
        }
    }
}

#[cfg(feature = "postgres")]
async fn pg(url: &str, schema: &str) -> Opened {
    let provider = duroxide_pg::PostgresProvider::new_with_schema(url, Some(schema)).await;
    Ok(Arc::new(provider.map_err(explain)?))
}

#[cfg(feature = "postgres-opt")]
async fn pg_opt(url: &str, schema: &str) -> Opened {
    let provider = duroxide_pg_opt::PostgresProvider::new_with_schema(url, Some(schema)).await;
    Ok(Arc::new(provider.map_err(explain)?))
}

#[cfg(not(feature = "postgres"))]
async fn pg(_: &str, _: &str) -> Opened {
    left_out(Driver::Pg, "postgres")
}

#[cfg(not(feature = "postgres-opt"))]
async fn pg_opt(_: &str, _: &str) -> Opened {
    left_out(Driver::PgOpt, "postgres-opt")
}

#[cfg(not(all(feature = "postgres", feature = "postgres-opt")))]
fn left_out(driver: Driver, feature: &str) -> Opened {
    anyhow::bail!(
        "this demo was built without {}; build it with: cargo run --release -p demo --features {feature}",
        driver.name()
    )
}

/// What the drivers say, once, and what it means where that is not plain.
#[cfg(any(feature = "postgres", feature = "postgres-opt"))]
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn explain(error: anyhow::Error) -> anyhow::Error {
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // The errors of the database driver repeat their cause.
        if !said.contains(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    let hints = [
        ("pool timed out", "nobody answered for 30 s; is the server running, and are host and port right?"),
        ("not recognized by this version", "the other provider, or a newer version, made this schema"),
        ("syntax error", "is the schema's name an SQL keyword? the framework writes it without quotes"),
    ];
    match hints.iter().find(|(sign, _)| said.contains(sign)) {
        Some((_, hint)) => anyhow::anyhow!("{said} ({hint})"),
        None => anyhow::anyhow!(said),
    }
}
