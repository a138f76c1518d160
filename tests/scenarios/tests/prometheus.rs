//! Real peers read what the exporter writes: promtool has nothing to say, and Prometheus stores the same series
//! from OpenMetrics as from the text format.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use scenarios::{
    disk,
    exporter::{POLL_INTERVAL, Running, STORE},
    files::Scratch,
    peers::{Prometheus, promtool},
    recount,
    scrape::{self, wait_for},
    series::{Series, family, key},
    target::Target,
    workload,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// A copy of a store in which everything has happened. It stands still, so two scrapes tell the same.
async fn everything(scratch: &Scratch) -> PathBuf {
    let path = scratch.file("store.db");
    let store = workload::open(&path).await;
    let runtime = workload::start_runtime(store.clone()).await;
    workload::run(store.clone(), &path).await;
    runtime.shutdown(Some(0)).await;
    workload::queue_without_runtime(store.clone()).await;
    workload::write_by_hand(&path).await;
    disk::copy_at_rest(&path, &scratch.file("copy.db")).await;
    scratch.file("copy.db")
}

async fn exporter(path: &std::path::Path) -> Running {
    let url = format!("sqlite:{}", path.display());
    let exporter = Running::with(&url, |exporter| exporter.poll_interval(POLL_INTERVAL)).await;
    exporter.fresh_scrape().await;
    exporter
}

#[tokio::test(flavor = "multi_thread")]
async fn real_peers_read_both_formats_alike() {
    let scratch = Scratch::new();
    let exporter = exporter(&everything(&scratch).await).await;
    let Target(address) = exporter.target();

    let body = scrape::get(address, "/metrics").await.unwrap();
    promtool(&body).unwrap_or_else(|said| panic!("{said}"));
    let broken = body.replace("# TYPE duroxide_up gauge", "# TYPE duroxide_up counter");
    assert!(promtool(&broken).is_err(), "promtool has nothing to say about a counter without _total");

    let negotiated = Proxy::start(address, KeepAccept::Yes).await;
    let text = Proxy::start(address, KeepAccept::No).await;
    let prometheus = Prometheus::start(&[("negotiated", negotiated.address), ("text", text.address)]).await;
    wait_for("both jobs to be up with all series", async || {
        let (one, other) = (prometheus.series("negotiated").await, prometheus.series("text").await);
        (one.get("up") == Some(&1.0) && other.get("up") == Some(&1.0)).then_some(())
    })
    .await;
    assert!(
        prometheus_formats(&negotiated, "application/openmetrics-text; version=1.0.0"),
        "{:?}",
        negotiated.formats()
    );
    assert!(prometheus_formats(&text, "text/plain; version=0.0.4"), "{:?}", text.formats());

    let (from_open, from_text) = (prometheus.series("negotiated").await, prometheus.series("text").await);
    let direct = exporter.scrape().await;
    // Of the exporter itself, the clock and the process change between two scrapes; everything else stands still.
    let still = |series: &Series| -> Series {
        let told = series.iter().filter(|(key, _)| recount::FAMILIES.contains(&family(key)));
        told.map(|(key, value)| (key.clone(), *value)).collect()
    };
    assert!(still(&direct).len() > 100, "the store is too poor for this test");
    assert_same("the direct scrape", &still(&direct), "Prometheus by OpenMetrics", &still(&from_open));
    assert_same("the direct scrape", &still(&direct), "Prometheus by text", &still(&from_text));
    assert_eq!(names(&from_open), names(&from_text), "the series of both jobs");
    assert_eq!(names(&direct), names(&from_text), "the series told and the series stored");

    let lines = body.lines().filter(|line| !line.starts_with('#')).count();
    for (job, series) in [("negotiated", &from_open), ("text", &from_text)] {
        assert_eq!(series["scrape_samples_scraped"], lines as f64, "samples of the job {job}");
        assert_eq!(series[&key("duroxide_up", &[("store", STORE)])], 1.0, "{job}");
    }
    let bucket = |series: &Series| -> BTreeSet<String> {
        let buckets = series.keys().filter(|key| family(key) == "duroxide_poll_duration_seconds_bucket");
        buckets.cloned().collect()
    };
    assert!(bucket(&from_text).iter().any(|key| key.contains("le=\"1.0\"")), "{:?}", bucket(&from_text));
    assert_eq!(bucket(&from_open), bucket(&from_text), "the bounds of the buckets");
    let odd = [
        ("store", STORE),
        ("activity", workload::ODD_ACTIVITY),
        ("tag", workload::UNSERVED_TAGS[1]),
        ("state", "ready"),
    ];
    assert_eq!(
        from_open.get(&key("duroxide_activity_queue_messages", &odd)),
        Some(&1.0),
        "quotes and line feeds"
    );
    assert!(!prometheus.log().contains("level=error"), "{}", prometheus.log());
    drop(prometheus);
    exporter.stop().await;
}

/// Names of the exporter's own series; Prometheus adds some about its scrapes.
fn names(series: &Series) -> BTreeSet<&String> {
    series.keys().filter(|key| key.starts_with("duroxide_") || key.starts_with("process_")).collect()
}

fn assert_same(what: &str, one: &Series, of: &str, other: &Series) {
    let keys: BTreeSet<_> = one.keys().chain(other.keys()).collect();
    let differ: Vec<_> = keys
        .into_iter()
        .filter(|key| one.get(*key) != other.get(*key))
        .map(|key| format!("  {key}: {:?} and {:?}", one.get(key), other.get(key)))
        .collect();
    assert!(differ.is_empty(), "{what} and {of} differ:\n{}", differ.join("\n"));
}

fn prometheus_formats(proxy: &Proxy, format: &str) -> bool {
    let formats = proxy.formats();
    !formats.is_empty() && formats.iter().all(|told| told.starts_with(format))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum KeepAccept {
    Yes,
    No,
}

/// Passes scrapes on, takes the `Accept` header out if it is told to, and keeps the content types of the answers.
struct Proxy {
    address: SocketAddr,
    formats: Arc<Mutex<BTreeSet<String>>>,
}

impl Proxy {
    async fn start(target: SocketAddr, accept: KeepAccept) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let formats = Arc::new(Mutex::new(BTreeSet::new()));
        let seen = Arc::clone(&formats);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    // A client that goes away in the middle is no failure of the test.
                    if let Ok(format) = pass(client, target, accept).await {
                        seen.lock().unwrap().insert(format);
                    }
                });
            }
        });
        Self { address, formats }
    }

    fn formats(&self) -> BTreeSet<String> {
        self.formats.lock().unwrap().clone()
    }
}

/// One request and its answer; the content type.
async fn pass(mut client: TcpStream, target: SocketAddr, accept: KeepAccept) -> anyhow::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8(head)?;
    let kept = head.lines().filter(|line| {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        !line.is_empty() && name != "connection" && (name != "accept" || accept == KeepAccept::Yes)
    });
    let request: String =
        kept.map(|line| format!("{line}\r\n")).collect::<String>() + "Connection: close\r\n\r\n";
    let mut server = TcpStream::connect(target).await?;
    server.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    client.write_all(&answer).await?;
    let text = String::from_utf8_lossy(&answer);
    let format = text
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-type: ").map(str::to_owned));
    format.ok_or_else(|| anyhow::anyhow!("an answer without a content type"))
}
