//! What looking at a large store costs its server: a poll of the exporter, and the framework's own calls.
//!
//! Between two polls the exporter is idle, and while it is, the framework is asked: pairs by themselves.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::exporter::Exporter;
use crate::stats::{Mean, quantile};
use crate::store::{Place, Store};

const PAIRS: usize = 15;

/// Servers count what a statement costs, and connections end, a little after the answer.
const SETTLE: Duration = Duration::from_millis(200);

#[derive(Default)]
struct Costs {
    seconds: Vec<f64>,
    cpu: Vec<f64>,
}

impl Costs {
    fn print(&mut self, what: &str) {
        println!(
            "  {what:<37}  median {:.0} ms, server's CPU time {:.0} ms (median)",
            quantile(&mut self.seconds, 0.5) * 1e3,
            quantile(&mut self.cpu, 0.5) * 1e3
        );
    }
}

pub(crate) async fn run(binary: &Path, place: &Place, store: &mut Store<'_>) -> anyhow::Result<()> {
    let provider = store.provider().await?;
    let admin = provider.as_management_capability().context("the provider has no ProviderAdmin")?;
    let exporter = Exporter::start(binary, &store.url(), "5s")?;
    exporter.first_view()?;
    let server_cpu = || anyhow::Ok(place.server_cpu()?.iter().sum::<f64>());

    let (mut polls, mut framework) = (Costs::default(), Costs::default());
    let mut ratios = Vec::new();
    exporter.next_poll().await?;
    tokio::time::sleep(SETTLE).await;
    // The first is to warm up.
    for pair in 0..=PAIRS {
        let (ended, cpu, began) = (exporter.polls()?.count, server_cpu()?, Instant::now());
        admin.get_system_metrics().await?;
        admin.get_queue_depths().await?;
        let asked = began.elapsed().as_secs_f64();
        tokio::time::sleep(SETTLE).await;
        let asked_cpu = server_cpu()? - cpu;
        ensure!(
            exporter.polls()?.count <= ended,
            "the framework's calls take longer than the pause between polls"
        );

        store.change().await?;
        tokio::time::sleep(SETTLE).await;
        let cpu = server_cpu()?;
        let polled = exporter.next_poll().await?;
        tokio::time::sleep(SETTLE).await;
        let polled_cpu = server_cpu()? - cpu;
        if pair > 0 {
            polls.seconds.push(polled);
            polls.cpu.push(polled_cpu);
            framework.seconds.push(asked);
            framework.cpu.push(asked_cpu);
            ratios.push(polled_cpu / asked_cpu);
        }
    }
    polls.print("a poll after a change");
    framework.print("get_system_metrics + get_queue_depths");
    println!("  server's CPU time, the first / the second  {}, of {PAIRS} pairs", Mean::of(&ratios));
    Ok(())
}
