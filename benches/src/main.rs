//! Measures the exporter from outside, as a process beside a real store: `benches EXPORTER [all|scale|throughput]`.
//!
//! Nothing here is a test: absolute figures depend on the machine and are printed, not judged. Comparisons are
//! ratios of interleaved pairs.
#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

mod exporter;
mod scale;
mod stats;
mod throughput;

use std::path::PathBuf;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // The framework warns of every "database is locked", which two dispatchers on SQLite meet all the time.
    tracing::subscriber::set_global_default(tracing::subscriber::NoSubscriber::default())?;
    let mut arguments = std::env::args().skip(1);
    let binary: PathBuf = arguments.next().map(Into::into).unwrap_or_default();
    anyhow::ensure!(
        binary.is_file(),
        "usage: benches EXPORTER-BINARY [all|scale|throughput]; see benches/run"
    );
    let what = arguments.next().unwrap_or_else(|| "all".to_owned());
    anyhow::ensure!(["all", "scale", "throughput"].contains(&what.as_str()), "unknown benchmark {what:?}");
    if what != "throughput" {
        scale::run(&binary).await?;
    }
    if what != "scale" {
        throughput::run(&binary).await?;
    }
    Ok(())
}
