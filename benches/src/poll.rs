//! What a poll costs, beside the framework's own `get_system_metrics` and `get_queue_depths`, in stores that become larger
//! while what waits stays the same.
//!
//! A pair is some calls of the framework, and some seconds in which the exporter polls and a hundred events are appended
//! for each poll. CPU time, for a poll is short, and a machine has others to serve.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use duroxide::providers::ProviderAdmin;

use crate::exporter::Exporter;
use crate::stats::{Mean, quantile};
use crate::store::{Place, Shape, Store};

pub(crate) const PAIRS: usize = 15;

/// The exporter polls so often, or as rarely as makes it rest nine tenths of the time.
pub(crate) const INTERVAL: Duration = Duration::from_millis(100);

/// Polls are observed for so long, and for [`POLLS`].
const BLOCK: Duration = Duration::from_secs(4);
const POLLS: u32 = 3;

/// The framework is asked so often that it takes this many seconds of CPU time: `/proc` counts them in hundredths.
const FRAMEWORK_CPU: f64 = 0.3;

/// Servers count what a statement costs a little after the answer.
const SETTLE: Duration = Duration::from_millis(100);

/// What waits in each store.
const RUNNING: u64 = 1_000;

pub(crate) async fn run(binary: &Path, place: &Place, sizes: &[u32]) -> anyhow::Result<()> {
    let mut costs = Vec::new();
    for instances in sizes {
        costs.push(one(binary, place, (*instances).into()).await?);
    }
    if let [smallest, .., largest] = costs.as_slice() {
        println!("  a poll of the largest store to one of the smallest  {:.2}", largest / smallest);
    }
    Ok(())
}

/// CPU seconds of one poll, those of a server included.
async fn one(binary: &Path, place: &Place, instances: u64) -> anyhow::Result<f64> {
    let mut store = place.fresh()?;
    let shape = Shape::new(instances, RUNNING.min(instances));
    let began = Instant::now();
    store.fill(shape).await?;
    println!(
        "  {instances} instances, {} events, {} running, {:.0} MiB (made in {:.0} s)",
        shape.all_events(),
        shape.running(),
        store.mib()?,
        began.elapsed().as_secs_f64()
    );
    let provider = store.provider().await?;
    let admin = provider.as_management_capability().context("the provider has no ProviderAdmin")?;
    let exporter = Exporter::start(binary, &store.url(), &format!("{}ms", INTERVAL.as_millis()))?;
    exporter.first_view()?;

    let (mut with, mut idle, mut framework) = (Vec::new(), Vec::new(), Vec::new());
    let mut ratios = Vec::new();
    exporter.next_poll().await?;
    let calls = repeats(&store, admin).await?;
    // The first is to warm up.
    for pair in 0..=PAIRS {
        let asked = ask(&store, admin, calls).await?;
        let polled = block(&exporter, &mut store, true).await?;
        if pair > 0 {
            ratios.push(polled.cpu() / asked);
            framework.push(asked);
            with.push(polled);
        }
        if pair % 5 == 0 {
            idle.push(block(&exporter, &mut store, false).await?);
        }
    }
    report("a poll that finds news", &with);
    report("a poll that finds none", &idle);
    println!("  get_system_metrics + get_queue_depths  {:.2} ms", quantile(&mut framework, 0.5) * 1e3);
    let ratio = Mean::of(&ratios);
    println!("  CPU time of a poll / of the framework  {ratio}, of {PAIRS} pairs: 1/{:.0}", 1.0 / ratio.mean);
    if let Some(count) = store.count().await? {
        println!("  beside it a count of all instances     {:.2} ms, once a minute at most", count * 1e3);
    }
    println!(
        "  memory                                 peak {:.1} MiB",
        exporter.memory_kib("VmHWM")? / 1024.0
    );
    Ok(median(&with, Block::cpu))
}

/// So many calls of the framework that their CPU time can be told.
async fn repeats(store: &Store<'_>, admin: &dyn ProviderAdmin) -> anyhow::Result<u32> {
    let mut calls = 1;
    while ask(store, admin, calls).await? * f64::from(calls) < FRAMEWORK_CPU {
        calls *= 2;
    }
    Ok(calls)
}

/// CPU seconds of both calls of the framework.
async fn ask(store: &Store<'_>, admin: &dyn ProviderAdmin, calls: u32) -> anyhow::Result<f64> {
    tokio::time::sleep(SETTLE).await;
    let cpu = store.provider_cpu()?;
    for _ in 0..calls {
        admin.get_system_metrics().await?;
        admin.get_queue_depths().await?;
    }
    tokio::time::sleep(SETTLE).await;
    Ok((store.provider_cpu()? - cpu) / f64::from(calls))
}

/// Some polls; each value is of one.
pub(crate) struct Block {
    exporter: f64,
    server: f64,
    seconds: f64,
    events: f64,
}

impl Block {
    pub(crate) fn cpu(&self) -> f64 {
        self.exporter + self.server
    }
}

fn median(blocks: &[Block], value: fn(&Block) -> f64) -> f64 {
    quantile(&mut blocks.iter().map(value).collect::<Vec<_>>(), 0.5)
}

pub(crate) fn report(what: &str, blocks: &[Block]) {
    println!(
        "  {what:<37}  exporter's CPU time {:.2} ms, server's {:.2} ms, duration {:.1} ms, {:.0} events (medians of {})",
        median(blocks, |block| block.exporter) * 1e3,
        median(blocks, |block| block.server) * 1e3,
        median(blocks, |block| block.seconds) * 1e3,
        median(blocks, |block| block.events),
        blocks.len()
    );
}

pub(crate) async fn block(
    exporter: &Exporter,
    store: &mut Store<'_>,
    appends: bool,
) -> anyhow::Result<Block> {
    let poll = Duration::from_secs_f64(exporter.next_poll().await?);
    let period = INTERVAL.max(poll * 10);
    let wait = BLOCK.max(period * POLLS);
    let (first, cpu, server) = (exporter.polls()?, exporter.cpu()?, store.exporter_cpu()?);
    let began = Instant::now();
    while began.elapsed() < wait {
        let next = Instant::now() + period;
        if appends {
            store.append().await?;
        }
        tokio::time::sleep_until(next.into()).await;
    }
    let cpu = exporter.cpu()? - cpu;
    let server = store.exporter_cpu()? - server;
    let last = exporter.polls()?;
    let polls = last.count - first.count;
    ensure!(polls > 0.0, "no poll within {wait:?}");
    Ok(Block {
        exporter: cpu / polls,
        server: server / polls,
        seconds: (last.seconds - first.seconds) / polls,
        events: (last.events - first.events) / polls,
    })
}
