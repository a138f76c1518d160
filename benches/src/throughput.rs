//! A busy runtime with and without the exporter polling its store every second, in interleaved pairs.
//!
//! In each half a fresh store takes a fixed number of orchestrations; the ratio is that of the times a pair
//! needed. The order within a pair alternates, so that a drift of the machine cancels out.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::runtime::{ObservabilityConfig, Runtime, RuntimeOptions};
use duroxide::{ActivityContext, Client, OrchestrationContext, OrchestrationRegistry};

use crate::exporter::Exporter;
use crate::stats::{mean_interval, quantile};

const PAIRS: usize = 15;
const ORCHESTRATIONS: usize = 600;

/// What one half of a pair gave.
struct Half {
    seconds: f64,
    /// CPU time of the runtime's process, this one.
    cpu: f64,
    wal_mib: f64,
}

pub(crate) async fn run(binary: &Path) -> anyhow::Result<()> {
    println!(
        "throughput: {PAIRS} pairs of {ORCHESTRATIONS} orchestrations of 5 activities, exporter polling every second"
    );
    let (mut ratios, mut cpu_ratios) = (Vec::new(), Vec::new());
    let (mut with_wal, mut without_wal) = (Vec::new(), Vec::new());
    let (mut with_rate, mut without_rate) = (Vec::new(), Vec::new());
    half(None).await?; // warm up
    for pair in 0..PAIRS {
        let (with, without) = if pair % 2 == 0 {
            let with = half(Some(binary)).await?;
            (with, half(None).await?)
        } else {
            let without = half(None).await?;
            (half(Some(binary)).await?, without)
        };
        ratios.push(without.seconds / with.seconds);
        cpu_ratios.push(with.cpu / without.cpu);
        with_wal.push(with.wal_mib);
        without_wal.push(without.wal_mib);
        with_rate.push(ORCHESTRATIONS as f64 / with.seconds);
        without_rate.push(ORCHESTRATIONS as f64 / without.seconds);
    }
    let (mean, half_width) = mean_interval(&ratios);
    println!("  throughput with / without   {mean:.3} ± {half_width:.3} (95 %)");
    let (mean, half_width) = mean_interval(&cpu_ratios);
    println!("  runtime's CPU time, with / without  {mean:.3} ± {half_width:.3} (95 %)");
    println!(
        "  orchestrations a second     median {:.1} with, {:.1} without",
        quantile(&mut with_rate, 0.5),
        quantile(&mut without_rate, 0.5)
    );
    println!(
        "  largest WAL                 {:.1} MiB with, {:.1} MiB without",
        quantile(&mut with_wal, 1.0),
        quantile(&mut without_wal, 1.0)
    );
    Ok(())
}

async fn half(exporter: Option<&Path>) -> anyhow::Result<Half> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("store.db");
    let provider = Arc::new(SqliteProvider::new(&format!("sqlite:{}?mode=rwc", path.display()), None).await?);
    let client = Client::new(provider.clone());
    for n in 0..ORCHESTRATIONS {
        client.start_orchestration(format!("order-{n}"), "Order", "5").await?;
    }
    let watching = exporter.map(|binary| Exporter::start(binary, &path, "1s")).transpose()?;
    if let Some(exporter) = &watching {
        exporter.first_view()?;
    }
    let (began, cpu) = (Instant::now(), cpu_seconds()?);
    let options = RuntimeOptions {
        // More dispatchers lock each other out on SQLite and back off for up to seconds: noise, and no more throughput.
        orchestration_concurrency: 1,
        worker_concurrency: 1,
        dispatcher_min_poll_interval: Duration::from_millis(10),
        observability: ObservabilityConfig { log_level: "off".to_owned(), ..Default::default() },
        ..Default::default()
    };
    let runtime =
        Runtime::start_with_options(provider.clone(), activities(), orchestrations(), options).await;
    for n in 0..ORCHESTRATIONS {
        client.wait_for_orchestration(&format!("order-{n}"), Duration::from_secs(120)).await?;
    }
    let seconds = began.elapsed().as_secs_f64();
    let cpu = cpu_seconds()? - cpu;
    let wal = std::fs::metadata(path.with_extension("db-wal"))?.len();
    runtime.shutdown(Some(100)).await;
    #[expect(clippy::cast_precision_loss, reason = "a size in bytes")]
    let wal_mib = wal as f64 / f64::from(1 << 20);
    Ok(Half { seconds, cpu, wal_mib })
}

/// User and system time of this process, to 10 ms.
fn cpu_seconds() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The second field is the name, in parentheses; user and system time are fields 14 and 15, in ticks of 10 ms.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks / 100.0)
}

fn activities() -> ActivityRegistry {
    ActivityRegistry::builder()
        .register("Pick", |_: ActivityContext, item: String| async move { Ok(item) })
        .build()
}

fn orchestrations() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("Order", |ctx: OrchestrationContext, items: String| async move {
            let items: usize = items.parse().map_err(|_| "not a number".to_owned())?;
            let picks = (0..items).map(|item| ctx.schedule_activity("Pick", item.to_string())).collect();
            Ok(ctx.join(picks).await.len().to_string())
        })
        .build()
}
