//! A busy runtime with and without the exporter polling its store every second, in interleaved pairs.
//!
//! In each half a fresh store takes a fixed number of orchestrations; the ratio is that of the times a pair
//! needed. The order within a pair alternates, so that a drift of the machine cancels out.

use std::path::Path;
use std::time::{Duration, Instant};

use duroxide::runtime::registry::ActivityRegistry;
use duroxide::runtime::{ObservabilityConfig, Runtime, RuntimeOptions};
use duroxide::{ActivityContext, Client, OrchestrationContext, OrchestrationRegistry};

use crate::cpu;
use crate::exporter::Exporter;
use crate::stats::{Mean, quantile};
use crate::store::Place;

/// What a half has to do, in 4 to 8 seconds on two cores.
#[derive(Debug, Clone, Copy)]
struct Work {
    orchestrations: u32,
    dispatchers: usize,
}

impl Work {
    fn on(place: &Place) -> Self {
        match place {
            // More dispatchers lock each other out on SQLite and back off for up to seconds: noise, and no more throughput.
            Place::Sqlite => Self { orchestrations: 600, dispatchers: 1 },
            // The framework's default.
            Place::Postgres(_) => Self { orchestrations: 400, dispatchers: 2 },
        }
    }
}

/// What one half of a pair gave.
struct Half {
    seconds: f64,
    /// Seconds of CPU time of this process, which is the runtime's, and of each server.
    cpu: Vec<f64>,
    wal_mib: Option<f64>,
    watched: Option<Watched>,
}

/// What the exporter did meanwhile.
struct Watched {
    cpu: f64,
    polls: f64,
}

pub(crate) async fn run(binary: &Path, place: &Place, pairs: u32) -> anyhow::Result<()> {
    let work = Work::on(place);
    println!(
        "  {pairs} pairs of {} orchestrations of 5 activities, {1}+{1} dispatchers, exporter polling every second",
        work.orchestrations, work.dispatchers
    );
    half(place, work, None).await?; // warm up
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for pair in 0..pairs {
        if pair % 2 == 0 {
            with.push(half(place, work, Some(binary)).await?);
            without.push(half(place, work, None).await?);
        } else {
            without.push(half(place, work, None).await?);
            with.push(half(place, work, Some(binary)).await?);
        }
    }
    report(place, work, &with, &without);
    Ok(())
}

fn report(place: &Place, work: Work, with: &[Half], without: &[Half]) {
    let pairs = || with.iter().zip(without);
    let ratios: Vec<f64> = pairs().map(|(with, without)| without.seconds / with.seconds).collect();
    println!("  throughput with / without            {}", Mean::of(&ratios));
    let rate = |halves: &[Half]| {
        let mut rates: Vec<f64> =
            halves.iter().map(|half| f64::from(work.orchestrations) / half.seconds).collect();
        quantile(&mut rates, 0.5)
    };
    println!("  orchestrations a second, median      {:.1} with, {:.1} without", rate(with), rate(without));

    let processes = std::iter::once("runtime").chain(place.servers());
    for (at, process) in processes.enumerate() {
        let cpu = |half: &Half| half.cpu.get(at).copied().unwrap_or(f64::NAN);
        let ratios: Vec<f64> = pairs().map(|(with, without)| cpu(with) / cpu(without)).collect();
        let median = |halves: &[Half]| quantile(&mut halves.iter().map(cpu).collect::<Vec<_>>(), 0.5);
        let (ratios, with, without) = (Mean::of(&ratios), median(with), median(without));
        let what = format!("{process}'s CPU time, with / without");
        println!("  {what:<37}{ratios}, median {with:.2} s and {without:.2} s");
    }

    let watched: Vec<&Watched> = with.iter().filter_map(|half| half.watched.as_ref()).collect();
    let polls: f64 = watched.iter().map(|watched| watched.polls).sum();
    let cpu: f64 = watched.iter().map(|watched| watched.cpu).sum();
    println!("  exporter's CPU time                  {:.1} ms a poll, of {polls} polls", cpu / polls * 1e3);

    let largest = |halves: &[Half]| halves.iter().filter_map(|half| half.wal_mib).reduce(f64::max);
    if let (Some(with), Some(without)) = (largest(with), largest(without)) {
        println!("  largest WAL                          {with:.1} MiB with, {without:.1} MiB without");
    }
}

async fn half(place: &Place, work: Work, exporter: Option<&Path>) -> anyhow::Result<Half> {
    let store = place.fresh()?;
    let provider = store.provider().await?;
    let client = Client::new(provider.clone());
    for n in 0..work.orchestrations {
        client.start_orchestration(format!("order-{n}"), "Order", "5").await?;
    }
    let url = store.url();
    let watching = exporter.map(|binary| Exporter::start(binary, &url, "1s")).transpose()?;
    if let Some(exporter) = &watching {
        exporter.first_view()?;
    }
    let watched = watching.as_ref().map(watch).transpose()?;
    let (began, cpu) = (Instant::now(), cpu_times(place)?);
    let options = RuntimeOptions {
        orchestration_concurrency: work.dispatchers,
        worker_concurrency: work.dispatchers,
        dispatcher_min_poll_interval: Duration::from_millis(10),
        observability: ObservabilityConfig { log_level: "off".to_owned(), ..Default::default() },
        ..Default::default()
    };
    let runtime =
        Runtime::start_with_options(provider.clone(), activities(), orchestrations(), options).await;
    for n in 0..work.orchestrations {
        client.wait_for_orchestration(&format!("order-{n}"), Duration::from_secs(120)).await?;
    }
    let seconds = began.elapsed().as_secs_f64();
    let cpu = cpu_times(place)?.iter().zip(cpu).map(|(after, before)| after - before).collect();
    let watched = match (watching.as_ref().map(watch).transpose()?, watched) {
        (Some(after), Some(before)) => {
            Some(Watched { cpu: after.cpu - before.cpu, polls: after.polls - before.polls })
        }
        _ => None,
    };
    let wal_mib = store.wal_mib()?;
    runtime.shutdown(Some(100)).await;
    Ok(Half { seconds, cpu, wal_mib, watched })
}

fn watch(exporter: &Exporter) -> anyhow::Result<Watched> {
    Ok(Watched { cpu: exporter.cpu()?, polls: exporter.polls()?.count })
}

/// Of the runtime's process, this one, and of each server.
fn cpu_times(place: &Place) -> anyhow::Result<Vec<f64>> {
    let mut times = vec![cpu::of_this_process()?];
    times.extend(place.server_cpu()?);
    Ok(times)
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
