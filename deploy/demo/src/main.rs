//! A shop that never closes, for looking at the exporter at work.
//!
//! One process runs a real duroxide runtime on an SQLite or Postgres store, a believable order-processing workload with the
//! failures and the backlogs of real life, and the exporter embedded. Nothing is simulated on the metrics' side:
//! what the exporter shows is what it reads from the store.

mod activities;
mod args;
mod console;
mod dice;
mod domain;
mod episodes;
mod janitor;
mod load;
#[cfg(feature = "otel")]
mod measured;
mod orders;
mod shop;
mod standing;
mod store;
mod typed;
mod world;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser as _;
use duroxide_exporter::{Exporter, RunError};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::args::Args;
use crate::dice::Dice;
use crate::episodes::Calendar;
use crate::shop::Shop;
use crate::store::{Place, Store};
use crate::world::World;

/// `EX_USAGE` of sysexits.h, which the exporter itself uses too.
const EXIT_USAGE: u8 = 64;
/// How long open requests may take to end, so that the process is gone within a few seconds of being told to.
const DRAIN: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // A closed pipe is no reason to fail differently.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(EXIT_USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let place = match Place::choose(args.store.as_deref(), args.data_dir.clone()) {
        Ok(place) => place,
        Err(mistake) => {
            console::complain(&format!("demo: {mistake}"));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    if args.otlp_endpoint.is_some() && !cfg!(feature = "otel") {
        console::complain(
            "demo: this demo was built without OTLP; build it with: cargo run --release -p demo --features otel",
        );
        return ExitCode::from(EXIT_USAGE);
    }
    console::quieten();
    match serve(&args, place) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            console::complain(&format!("demo: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn serve(args: &Args, place: Place) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the async runtime")?;
    let outcome = runtime.block_on(run(args, place));
    // Callbacks of the payment provider may still be under way; nobody waits for them.
    runtime.shutdown_timeout(Duration::from_millis(500));
    outcome
}

async fn run(args: &Args, place: Place) -> anyhow::Result<()> {
    // Before anything else, so that a signal during the start is not the default one, which would leave the
    // temporary directory behind.
    let mut stop = StopSignals::listen()?;
    let store = tokio::select! {
        store = Store::open(place) => store?,
        // A database server may be waited for.
        () = stop.received() => return Ok(()),
    };
    let exporter = if args.without_exporter { None } else { Some(exporter(args, &store).await?) };
    let address = exporter.as_ref().map(Exporter::local_addr);

    let name = dice::tag();
    // With a store of its own, a shop that was stopped finds its packing stations still its own.
    let (worker, calendar) = if store.shared {
        (format!("demo-shop-{name}"), Calendar::shared(args.episode_every))
    } else {
        ("demo-shop".to_owned(), Calendar::own(args.episode_every))
    };
    let world = Arc::new(World::new(Dice::new(args.seed)));
    let provider = Arc::clone(&store.provider);
    #[cfg(feature = "otel")]
    let (provider, meters) = match &args.otlp_endpoint {
        Some(collector) => {
            let (provider, meters) = measured::wrap(provider, collector, &name)?;
            (provider, Some(meters))
        }
        None => (provider, None),
    };
    let shop = Shop::open(provider, &worker, &world).await;
    standing::start(&shop.client, args.unserved_tag).await?;

    let mut staff = JoinSet::new();
    staff.spawn(load::run(shop.client.clone(), Dice::new(args.seed.wrapping_add(1)), name, args.rate));
    staff.spawn(episodes::run(shop.client.clone(), Arc::clone(&world), calendar));
    staff.spawn(janitor::run(shop.client.clone()));

    let (close_exporter, closed) = oneshot::channel::<()>();
    let mut serving = tokio::spawn(async {
        // A dropped sender means that this function is gone: then it is time to stop as well.
        let closed = async { drop(closed.await) };
        match exporter {
            Some(exporter) => exporter.run(closed).await,
            None => {
                closed.await;
                Ok::<(), RunError>(())
            }
        }
    });
    announce(args, &store, address, calendar);

    let ended_early = tokio::select! {
        () = stop.received() => None,
        () = after(args.duration) => None,
        outcome = &mut serving => Some(outcome),
    };

    staff.shutdown().await;
    drop(close_exporter);
    let drained = async {
        match ended_early {
            Some(outcome) => Some(outcome),
            None => tokio::time::timeout(DRAIN, &mut serving).await.ok(),
        }
    };
    let ((), outcome) = tokio::join!(shop.close(), drained);
    #[cfg(feature = "otel")]
    if let Some(meters) = meters {
        meters.close().await;
    }
    match outcome {
        Some(outcome) => outcome.context("the exporter crashed")?.context("the exporter stopped"),
        // A request that takes longer than the drain is cut off with the process.
        None => Ok(()),
    }
}

async fn exporter(args: &Args, store: &Store) -> anyhow::Result<Exporter> {
    Exporter::builder()
        .store("demo", &store.url)
        .poll_interval(Duration::from_secs(1))
        .listen(args.listen_address)
        .bind()
        .await
        .context("cannot start the exporter")
}

fn announce(args: &Args, store: &Store, address: Option<SocketAddr>, calendar: Calendar) {
    let pages = match address.map(browsable) {
        Some(url) => format!(
            "  overview   http://{url}/\n  metrics    http://{url}/metrics\n  \
             try        curl -s http://{url}/metrics | grep duroxide_queue"
        ),
        None => "  no exporter here: let one watch this store from outside".to_owned(),
    };
    console::say(&format!(
        "A shop with about {rate} orders a second on a real duroxide runtime; store: {store}\n\n{pages}\n\n\
         The first backlog episode comes in {first} s. Stop with Ctrl-C.",
        rate = args.rate,
        store = store.description,
        first = calendar.first.as_secs(),
    ));
}

/// "All interfaces" is no address that a browser can open.
fn browsable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

async fn after(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}

/// The two ways in which a person or a supervisor ends a program.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
