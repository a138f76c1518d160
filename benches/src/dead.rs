//! What the exporter keeps in memory while its collector is dead for an hour, and whether all of that hour arrives.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use tokio::net::TcpListener;

use crate::exporter::Exporter;
use crate::sink::{OK, Sink, UNAVAILABLE};
use crate::store::{Place, Shape, Store};
use crate::traces::{SPANS, traced};

/// How many executions end in a second of the hour. [`Store::append`] is one turn of each of them, and they have five.
const RATE: u32 = 50;
const TURNS: u32 = 5;

/// What was there before.
const BEFORE: u64 = 1_000;

/// Memory is looked at so many times.
const LOOKS: u32 = 10;

/// More than this and it grows with the time.
const BOUND: f64 = 1.5;

/// The collector takes one request in so many and says that it did not.
const DENIED: u64 = 20;

pub(crate) async fn run(binary: &Path, place: &Place, executions: u32) -> anyhow::Result<()> {
    let seconds = executions / RATE;
    ensure!(seconds >= LOOKS, "too few executions: at least {}", RATE * LOOKS);
    let mut store = place.fresh()?;
    store.fill(Shape::new(BEFORE, BEFORE / 2)).await?;

    // A port that nobody listens on.
    let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
    let state = tempfile::tempdir()?;
    let exporter = start(binary, &store.url(), port, state.path())?;
    exporter.first_view()?;
    // From here on everything that ends has a trace.
    let position = state.path().join("traces/bench.state");
    wait("a position", || Ok(position.exists())).await?;

    let memory = hour(&mut store, &exporter, seconds).await?;
    let ended = u64::from(seconds * RATE);
    println!(
        "  a simulated hour      {ended} executions ended, {RATE} for each of {seconds} s, in {:.0} s; {:.0} polls, {:.0} exports failed",
        exporter.started.elapsed().as_secs_f64(),
        exporter.polls()?.count,
        sum(&exporter, |line| line.starts_with("duroxide_exporter_otlp_exports_total")
            && !line.contains("\"success\""))?,
    );
    ensure!(traced(&exporter)? == 0, "somebody took traces");
    let (first, last) = memory.first().zip(memory.last()).context("nobody looked")?;
    let list: Vec<String> = memory.iter().map(|mib| format!("{mib:.1}")).collect();
    println!("  memory, MiB           {} (after each tenth), peak {:.1}", list.join(" "), peak(&exporter)?);
    ensure!(*last <= first * BOUND, "memory grew from {first:.1} to {last:.1} MiB: not bounded");

    let received = Arc::new(Mutex::new(Received::default()));
    let began = Instant::now();
    let sink = Sink::open(port, {
        let received = Arc::clone(&received);
        move |path, body| received.lock().unwrap_or_else(PoisonError::into_inner).take(path, body)
    })
    .await?;
    wait("the traces", || Ok(traced(&exporter)? >= ended)).await?;
    let took = began.elapsed().as_secs_f64();
    let received = received.lock().unwrap_or_else(PoisonError::into_inner);
    let Received { requests, denied, spans, distinct, roots, parents } = &*received;
    ensure!(roots.len() as u64 == ended, "{} traces arrived instead of {ended}", roots.len());
    ensure!(distinct.len() as u64 >= ended * SPANS, "only {} spans arrived", distinct.len());
    ensure!(parents.is_subset(distinct), "spans arrived whose parents did not");
    println!(
        "  the collector is back {took:.1} s until all had arrived: {} traces, {} spans ({} of them more than once, for {denied} of \
         {requests} requests were taken and denied), {:.0} MiB; memory peak {:.1} MiB",
        roots.len(),
        distinct.len(),
        spans - distinct.len() as u64,
        mib(sink.bytes()),
        peak(&exporter)?
    );
    Ok(())
}

/// Lets the load of an hour come as fast as it can be written, and looks at the exporter's memory now and then, when it has
/// read everything.
async fn hour(store: &mut Store<'_>, exporter: &Exporter, seconds: u32) -> anyhow::Result<Vec<f64>> {
    let mut memory = Vec::new();
    for look in 0..LOOKS {
        for _ in (seconds * look / LOOKS)..(seconds * (look + 1) / LOOKS) {
            for _ in 0..TURNS {
                store.append().await?;
            }
        }
        let polls = exporter.polls()?.count;
        wait("the polls", || Ok(exporter.polls()?.count >= polls + 2.0 && exporter.backlog()? == Some(0.0)))
            .await?;
        memory.push(exporter.memory_kib("VmRSS")? / 1024.0);
    }
    Ok(memory)
}

/// Everything goes to a port, metrics as well.
fn start(binary: &Path, store: &str, port: u16, state: &Path) -> anyhow::Result<Exporter> {
    let endpoint = format!("http://127.0.0.1:{port}");
    let state = state.display().to_string();
    let flags = [
        ["--otlp.endpoint", &endpoint],
        ["--otlp.metrics.interval", "1s"],
        ["--otlp.traces.enabled", "true"],
        ["--state-dir", &state],
    ];
    Exporter::start_with(binary, store, "200ms", flags.as_flattened())
}

async fn wait(what: &str, done: impl Fn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let began = Instant::now();
    while !done()? {
        ensure!(began.elapsed() < Duration::from_secs(600), "waited ten minutes in vain for {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

fn sum(exporter: &Exporter, of: impl Fn(&str) -> bool) -> anyhow::Result<f64> {
    let body = exporter.scrape()?;
    Ok(body
        .lines()
        .filter(|line| of(line))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
        .sum())
}

fn peak(exporter: &Exporter) -> anyhow::Result<f64> {
    Ok(exporter.memory_kib("VmHWM")? / 1024.0)
}

#[expect(clippy::cast_precision_loss, reason = "some hundred MiB")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// What arrived, by ids.
#[derive(Default)]
struct Received {
    requests: u64,
    denied: u64,
    /// With those that came again.
    spans: u64,
    distinct: HashSet<Vec<u8>>,
    /// The traces whose roots are there.
    roots: HashSet<Vec<u8>>,
    parents: HashSet<Vec<u8>>,
}

impl Received {
    fn take(&mut self, path: &str, body: &[u8]) -> &'static str {
        if path != "/v1/traces" {
            return OK;
        }
        let Ok(request) = ExportTraceServiceRequest::decode(body) else { return "400 Bad Request" };
        let scopes = request.resource_spans.into_iter().flat_map(|of| of.scope_spans);
        for span in scopes.flat_map(|of| of.spans) {
            self.spans += 1;
            self.distinct.insert(span.span_id);
            if span.parent_span_id.is_empty() {
                self.roots.insert(span.trace_id);
            } else {
                self.parents.insert(span.parent_span_id);
            }
        }
        self.requests += 1;
        if self.requests.is_multiple_of(DENIED) {
            self.denied += 1;
            return UNAVAILABLE;
        }
        OK
    }
}
