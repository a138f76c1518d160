//! How fast a history that was never read is made into counters: by the exporter as it is, which rests as long as it
//! works, and step after step in this process.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use duroxide_exporter::testing::Backfill;

use crate::cpu;
use crate::exporter::Exporter;
use crate::stats::quantile;
use crate::store::{Place, Shape};

const TIMES: usize = 5;

const RUNNING: u64 = 10_000;

pub(crate) async fn run(binary: &Path, place: &Place, instances: u32) -> anyhow::Result<()> {
    let shape = Shape::new(instances.into(), RUNNING.min(instances.into()));
    let mut store = place.fresh()?;
    store.fill(shape).await?;
    println!(
        "  {instances} instances, {} events, {} running, {:.0} MiB",
        shape.all_events(),
        shape.running(),
        store.mib()?
    );
    let url = store.url();

    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let (began, cpu) = (Instant::now(), cpu::of_this_process()?);
        let events = events(Backfill::run(&url).await.map_err(anyhow::Error::msg)?);
        let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu::of_this_process()? - cpu);
        ensure!(events >= all(shape), "{events} events were counted");
        rates.push(events / seconds);
        costs.push(cpu / events * 1e6);
    }
    println!(
        "  steps without rest    {:.0} events a second, {:.2} µs of CPU time an event (medians of {TIMES})",
        quantile(&mut rates, 0.5),
        quantile(&mut costs, 0.5)
    );

    // What the first view costs besides: the instances are counted.
    let exporter = Exporter::start(binary, &url, "1h")?;
    exporter.first_view()?;
    let (first, peak) = (exporter.cpu()?, exporter.memory_kib("VmHWM")? / 1024.0);
    println!("  a start without it    {first:.2} s of CPU time, memory peak {peak:.1} MiB");
    drop(exporter);

    let exporter = Exporter::start_with(binary, &url, "5s", &["--history.backfill", "true"])?;
    exporter.first_view()?;
    while exporter.backlog()? != Some(0.0) {
        ensure!(exporter.started.elapsed() < Duration::from_secs(600), "not ended after ten minutes");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let (seconds, cpu) = (exporter.started.elapsed().as_secs_f64(), exporter.cpu()?);
    let events = exporter.polls()?.events;
    ensure!(events >= all(shape), "{events} events were counted");
    println!(
        "  the exporter          {seconds:.2} s from its start, {:.0} events a second, {:.2} µs of CPU time an event, memory peak {:.1} MiB",
        events / seconds,
        (cpu - first) / events * 1e6,
        exporter.memory_kib("VmHWM")? / 1024.0
    );
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "some million events")]
fn events(events: u64) -> f64 {
    events as f64
}

fn all(shape: Shape) -> f64 {
    events(shape.all_events())
}
