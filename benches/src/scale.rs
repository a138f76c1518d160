//! A large store: time to the first view, memory, poll cost, scrape latency, first pages of lists.

use std::path::Path;
use std::time::Duration;

use crate::exporter::Exporter;
use crate::pages;
use crate::stats::quantile;
use crate::store::{Place, Shape, Store};

pub(crate) async fn run(binary: &Path, place: &Place, instances: u32) -> anyhow::Result<()> {
    let mut store = place.fresh()?;
    let shape = Shape::new(instances.into(), u64::from(instances) / 10);
    store.fill(shape).await?;
    println!(
        "  {instances} instances, {} events, {} running, one half asleep, one half with an activity in the queue, {:.0} MiB",
        shape.all_events(),
        shape.running(),
        store.mib()?
    );
    let url = store.url();

    let mut first = Vec::new();
    for _ in 0..5 {
        first.push(Exporter::start(binary, &url, "5s")?.first_view()?.as_secs_f64());
    }
    println!("  time to first view     median {:.2} s of {:?}", quantile(&mut first, 0.5), first);

    let exporter = Exporter::start(binary, &url, "1s")?;
    exporter.first_view()?;
    scrapes(&exporter)?;
    polls(&exporter, &mut store).await?;
    println!("  memory                 peak {:.1} MiB", exporter.memory_kib("VmHWM")? / 1024.0);
    drop(exporter);

    pages::run(&url).await
}

fn scrapes(exporter: &Exporter) -> anyhow::Result<()> {
    let series = exporter.series()?;
    let mut seconds = exporter.scrapes(5_000)?;
    println!(
        "  scrape, {series} series    median {:.3} ms, p99 {:.3} ms (kept connection, text, 5,000 scrapes while polling every second)",
        quantile(&mut seconds, 0.5) * 1e3,
        quantile(&mut seconds, 0.99) * 1e3,
    );
    Ok(())
}

/// Polls that find something changed, and what they cost the exporter.
async fn polls(exporter: &Exporter, store: &mut Store<'_>) -> anyhow::Result<()> {
    let mut seconds = Vec::new();
    exporter.next_poll().await?;
    let cpu = exporter.cpu()?;
    for _ in 0..5 {
        store.append().await?;
        seconds.push(exporter.next_poll().await?);
    }
    // What it does after the end of a poll.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let cpu = (exporter.cpu()? - cpu) / 5.0;
    println!(
        "  poll after a change    median {:.0} ms of {}; exporter's CPU time {:.0} ms a poll",
        quantile(&mut seconds, 0.5) * 1e3,
        seconds.len(),
        cpu * 1e3
    );
    Ok(())
}
