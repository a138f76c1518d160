//! The command line. Names and defaults follow the exporter's own where both have the flag.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// More than this and SQLite, not the staged episodes, would be the bottleneck.
const MAX_RATE: f64 = 20.0;

/// An order-processing sample application with duroxide-exporter embedded.
///
/// Not `Debug`: the URL of the store may hold a password.
#[derive(Parser)]
#[command(
    version,
    about = "An order-processing sample application with duroxide-exporter embedded.",
    long_about = None,
    after_help = "RUST_LOG=warn shows the log of the framework, which is silent by default: it reports \
                                 every declined card as an error."
)]
pub(crate) struct Args {
    /// Address of the inspector and of /metrics; port 0 takes a free one
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = "127.0.0.1:9899", value_parser = listen_address)]
    pub(crate) listen_address: SocketAddr,

    /// Stop after this time, for example 90s or 5m [default: run until stopped]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) duration: Option<Duration>,

    /// Keep the SQLite store in this directory and carry on with it next time [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Work on a schema of a Postgres database instead, alone or together with others:
    /// postgres://user:password@host:port/database?schema=orders[&provider=duroxide-pg-opt]; needs a build with
    /// --features postgres or postgres-opt. The password is better given in the environment
    #[arg(long, value_name = "URL", env = "DUROXIDE_DEMO_STORE", hide_env_values = true)]
    pub(crate) store: Option<String>,

    /// Run only the shop: its store is watched by an exporter of its own
    #[arg(long, conflicts_with = "listen_address")]
    pub(crate) without_exporter: bool,

    /// Push what the runtime's calls on its store cost to an OpenTelemetry collector, over gRPC, for example
    /// http://localhost:4317; needs a build with --features otel
    #[arg(long = "otlp.endpoint", value_name = "URL")]
    pub(crate) otlp_endpoint: Option<String>,

    /// Orders per second, averaged over the slow wave of the load
    #[arg(long, value_name = "N", default_value_t = 2.0, value_parser = rate)]
    pub(crate) rate: f64,

    /// Seed of all that is left to chance
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Time from the beginning of one backlog episode to the next; the first comes after a quarter of it, or on
    /// Postgres when the clock shows a multiple of it, so that all shops on a store agree
    #[arg(long, value_name = "TIME", default_value = "4m", value_parser = duration)]
    pub(crate) episode_every: Duration,

    /// Also schedule a few activities with a tag that no worker serves: they stay ready, and age, for ever
    #[arg(long)]
    pub(crate) unserved_tag: bool,
}

/// `HOST:PORT`, or `:PORT` for all interfaces as other exporters take it.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let full = if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.to_owned() };
    let mut found = full
        .to_socket_addrs()
        .map_err(|error| format!("{error}; give HOST:PORT, for example 127.0.0.1:9899"))?;
    found.next().ok_or_else(|| "this name has no address".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let seconds = units.iter().find_map(|(unit, factor)| {
        let number: f64 = text.strip_suffix(unit)?.parse().ok()?;
        Some(number * factor)
    });
    match seconds.map(Duration::try_from_secs_f64) {
        Some(Ok(time)) if time >= Duration::from_secs(1) => Ok(time),
        Some(_) => Err("must be at least 1s".to_owned()),
        None => Err("give a number and a unit, for example 90s, 5m or 1h".to_owned()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= MAX_RATE => Ok(rate),
        _ => Err(format!("give a number above 0, at most {MAX_RATE}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_consistent() {
        <Args as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn durations() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("1.5h"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("2500ms"), Ok(Duration::from_millis(2500)));
        for bad in ["", "5", "m", "-5s", "0s", "500ms", "NaNs", "infs", "1e30h", "5 parsecs"] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn rates() {
        assert_eq!(rate("0.5"), Ok(0.5));
        for bad in ["0", "-1", "NaN", "inf", "21", "fast"] {
            assert!(rate(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn addresses() {
        assert_eq!(listen_address(":9899"), Ok(SocketAddr::from(([0, 0, 0, 0], 9899))));
        assert_eq!(listen_address("[::1]:0"), Ok(SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 0))));
        assert!(listen_address("9899").is_err());
    }
}
