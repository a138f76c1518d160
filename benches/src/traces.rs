//! What traces of executions that ended cost, and what the exporter keeps in memory while nobody takes them.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use duroxide_exporter::testing::Traces;
use tokio::net::TcpListener;

use crate::exporter::Exporter;
use crate::sink::{OK, Sink};
use crate::stats::quantile;
use crate::store::{Place, Shape};

const TIMES: usize = 5;

const RUNNING: u64 = 10_000;

/// Spans of an execution of ten events: itself, and the activities and timers that its first four turns begin.
pub(crate) const SPANS: u64 = 5;

/// For how long nobody takes anything. The history that waits then is that of a whole day.
const DEAD: Duration = Duration::from_secs(30);

pub(crate) async fn run(binary: &Path, place: &Place, instances: u32) -> anyhow::Result<()> {
    let shape = Shape::new(instances.into(), RUNNING.min(instances.into()));
    let mut store = place.fresh()?;
    store.fill(shape).await?;
    let ended = shape.instances - shape.running();
    println!("  {ended} executions that ended, {} spans, {:.0} MiB", ended * SPANS, store.mib()?);
    let url = store.url();

    let (mut rates, mut size) = (Vec::new(), 0.0);
    for _ in 0..TIMES {
        let traces = Traces::build(&url).await.map_err(anyhow::Error::msg)?;
        let spans = count(traces.spans as u64);
        ensure!(traces.spans as u64 >= ended * SPANS, "{} spans", traces.spans);
        rates.push(spans / traces.took.as_secs_f64());
        size = count(traces.bytes as u64) / spans;
    }
    println!(
        "  made and encoded      {:.0} spans a second on one thread (median of {TIMES}), {size:.0} bytes each",
        quantile(&mut rates, 0.5)
    );

    // What the exporter costs besides.
    let exporter = Exporter::start(binary, &url, "1h")?;
    exporter.first_view()?;
    let first = exporter.cpu()?;
    drop(exporter);

    let sink = Sink::open(0, |_, _| OK).await?;
    let exporter = start(binary, &url, sink.port())?;
    while traced(&exporter)? < ended {
        ensure!(exporter.started.elapsed() < Duration::from_secs(600), "not ended after ten minutes");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (seconds, cpu) = (exporter.started.elapsed().as_secs_f64(), exporter.cpu()? - first);
    let spans = count(ended * SPANS);
    println!(
        "  all of them           {seconds:.2} s from the start, {:.0} spans a second of CPU time, {:.2} µs a span, \
         {} requests of {:.0} MiB, memory peak {:.1} MiB",
        spans / cpu,
        cpu / spans * 1e6,
        sink.requests(),
        count(sink.bytes()) / 1024.0 / 1024.0,
        exporter.memory_kib("VmHWM")? / 1024.0
    );
    drop(exporter);

    // A port that nobody listens on.
    let nobody = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
    let exporter = start(binary, &url, nobody)?;
    exporter.first_view()?;
    tokio::time::sleep(DEAD).await;
    ensure!(traced(&exporter)? == 0, "somebody took them");
    println!(
        "  while nobody takes it {:.2} s of CPU time in {} s, memory peak {:.1} MiB",
        exporter.cpu()? - first,
        DEAD.as_secs(),
        exporter.memory_kib("VmHWM")? / 1024.0
    );
    Ok(())
}

fn start(binary: &Path, store: &str, port: u16) -> anyhow::Result<Exporter> {
    let endpoint = format!("http://127.0.0.1:{port}/v1/traces");
    let flags = [
        "--otlp.traces.endpoint",
        &endpoint,
        "--otlp.traces.enabled",
        "true",
        "--otlp.traces.backfill",
        "true",
    ];
    Exporter::start_with(binary, store, "5s", &flags)
}

/// Executions whose traces were taken.
pub(crate) fn traced(exporter: &Exporter) -> anyhow::Result<u64> {
    // It may not listen yet.
    let body = exporter.scrape().unwrap_or_default();
    let name = "duroxide_exporter_traces_total{store=\"bench\",outcome=\"exported\"} ";
    Ok(body.lines().find_map(|line| line.strip_prefix(name)).map_or(Ok(0), str::parse)?)
}

#[expect(clippy::cast_precision_loss, reason = "some million spans, some GiB")]
fn count(n: u64) -> f64 {
    n as f64
}
