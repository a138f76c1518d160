//! Measures the exporter from outside, as a process beside a real store: `benches EXPORTER [BENCHMARK [NUMBER]]`.
//!
//! Nothing here is a test: absolute figures depend on the machine and are printed, not judged. Comparisons are
//! ratios of interleaved pairs.
#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

mod cpu;
mod dead;
mod exporter;
mod fold;
mod pages;
mod payload;
mod poll;
mod render;
mod scale;
mod sink;
mod stats;
mod store;
mod throughput;
mod traces;

use std::path::PathBuf;

use anyhow::{Context, ensure};
use store::{Driver, Place, Servers};

const BENCHMARKS: [&str; 14] = [
    "scale",
    "poll",
    "payload",
    "fold",
    "render",
    "traces",
    "dead-collector",
    "throughput",
    "scale-postgres",
    "poll-postgres",
    "payload-postgres",
    "throughput-postgres",
    "throughput-postgres-opt",
    "throughput-standby",
];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // The framework warns of every "database is locked", which two dispatchers on SQLite meet all the time.
    tracing::subscriber::set_global_default(tracing::subscriber::NoSubscriber::default())?;
    let mut arguments = std::env::args().skip(1);
    let binary: PathBuf = arguments.next().map(Into::into).unwrap_or_default();
    let usage =
        format!("usage: benches EXPORTER-BINARY [all|{}] [NUMBER]; see benches/run", BENCHMARKS.join("|"));
    ensure!(binary.is_file(), "{usage}");
    let what = arguments.next().unwrap_or_else(|| "all".to_owned());
    ensure!(what == "all" || BENCHMARKS.contains(&what.as_str()), "unknown benchmark {what:?}; {usage}");
    let number = arguments.next().map(|number| number.parse::<u32>()).transpose();
    let number = number.with_context(|| format!("NUMBER is a number; {usage}"))?;
    ensure!(what != "all" || number.is_none(), "a number is for one benchmark; {usage}");
    ensure!(arguments.next().is_none(), "that is one argument too many; {usage}");

    for name in BENCHMARKS.into_iter().filter(|name| what == "all" || what == *name) {
        let place = place(name)?;
        println!("{name}: {}", place.describe());
        match name {
            "scale" | "scale-postgres" => scale::run(&binary, &place, number.unwrap_or(200_000)).await?,
            "poll" | "poll-postgres" => {
                let sizes = number.map_or_else(|| vec![10_000, 100_000, 1_000_000], |number| vec![number]);
                poll::run(&binary, &place, &sizes).await?;
            }
            "payload" | "payload-postgres" => payload::run(&binary, &place, number.unwrap_or(100)).await?,
            "fold" => fold::run(&binary, &place, number.unwrap_or(200_000)).await?,
            "render" => render::run(&binary, &place).await?,
            "dead-collector" => dead::run(&binary, &place, number.unwrap_or(180_000)).await?,
            "traces" => traces::run(&binary, &place, number.unwrap_or(100_000)).await?,
            _ => throughput::run(&binary, &place, number.unwrap_or(15)).await?,
        }
    }
    Ok(())
}

/// Where a benchmark makes its stores.
fn place(benchmark: &str) -> anyhow::Result<Place> {
    let (driver, with_standby) = match benchmark {
        "scale" | "poll" | "payload" | "fold" | "render" | "traces" | "dead-collector" | "throughput" => {
            return Ok(Place::Sqlite);
        }
        "throughput-postgres-opt" => (Driver::DuroxidePgOpt, false),
        "throughput-standby" => (Driver::DuroxidePg, true),
        _ => (Driver::DuroxidePg, false),
    };
    Ok(Place::Postgres(Box::new(Servers::start(driver, with_standby)?)))
}
