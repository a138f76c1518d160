use std::{fs, path::PathBuf};

use duroxide::Client;
use scenarios::{
    collector::{Collector, Protocol},
    exporter::STORE,
    recount,
    scrape::wait_for,
    series::key,
    sidecar::Sidecar,
    stores::{Fresh, Kind},
    workload,
};
use serde_json::json;
use tempfile::TempDir;

use super::{arrived, run, serve, traced, truth};

/// A store, and where its exporter keeps what it knows.
struct Place {
    fresh: Fresh,
    state: TempDir,
}

impl Place {
    /// With an execution that has ended.
    async fn with(id: &str) -> Self {
        let place = Self { fresh: Kind::Sqlite.create().await, state: tempfile::tempdir().unwrap() };
        place.work(id).await;
        place
    }

    async fn work(&self, id: &str) {
        let provider = self.fresh.store.provider().await;
        let runtime = workload::start_runtime(provider.clone()).await;
        run(&Client::new(provider), id, "Hello", "").await;
        runtime.shutdown(Some(0)).await;
    }

    /// The state of the counters, and that of the traces.
    fn files(&self) -> [PathBuf; 2] {
        ["", "traces"].map(|lane| self.state.path().join(lane).join(format!("{STORE}.state")))
    }

    fn serve(&self, collector: &Collector) -> Sidecar {
        let more = ["--otlp.traces.backfill", "true"];
        serve(&self.fresh.store, collector, Some(self.state.path()), &more)
    }
}

async fn requests(sidecar: &Sidecar, outcome: &str) -> f64 {
    let labels = [("signal", "traces"), ("outcome", outcome)];
    sidecar.target().scrape().await[&key("duroxide_exporter_otlp_exports_total", &labels)]
}

/// A collector that does not take anything holds up nothing, and gets everything once it does.
#[tokio::test(flavor = "multi_thread")]
async fn traces_wait_for_a_collector_that_refuses_or_hangs() {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let Some(mut collector) = Collector::start(protocol).await else { return };
        let fresh = Kind::Sqlite.create().await;
        let provider = fresh.store.provider().await;
        let runtime = workload::start_runtime(provider.clone()).await;
        let client = Client::new(provider);
        let more = ["--otlp.traces.backfill", "true", "--otlp.timeout", "300ms"];
        let sidecar = serve(&fresh.store, &collector, None, &more);
        for (order, outcome) in [
            (json!({"answer": "refuse", "message": "who are you?"}), "refused"),
            (json!({"answer": "hang"}), "timeout"),
        ] {
            collector.order(order).await;
            run(&client, outcome, "Hello", "").await;
            wait_for(outcome, async || (requests(&sidecar, outcome).await >= 2.0).then_some(())).await;
            assert_eq!(traced(&sidecar, "exported").await, 0.0);
            // Polls do not mind.
            let before = sidecar.target().fresh_scrape().await;
            assert_eq!(before[&key("duroxide_up", &[("store", STORE)])], 1.0);
        }
        collector.order(json!({"answer": "ok"})).await;
        let received = arrived(&collector, 2).await;
        runtime.shutdown(Some(0)).await;
        received.assert_is(&truth::ended(&recount::raw(&fresh.store).await.unwrap()));
        let told = sidecar.log().lines().filter(|line| line.contains("OTLP export failed:")).count();
        assert!((1..=4).contains(&told), "{told} lines:\n{}", sidecar.log());
        assert!(sidecar.log().contains("OTLP export works again"));
        assert!(sidecar.terminate().success());
    }
}

/// A request that no collector would take, however often, is left; what comes behind it arrives.
#[tokio::test(flavor = "multi_thread")]
async fn what_no_try_would_get_taken_holds_up_nothing() {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let Some(mut collector) = Collector::start(protocol).await else { return };
        let fresh = Kind::Sqlite.create().await;
        let provider = fresh.store.provider().await;
        let runtime = workload::start_runtime(provider.clone()).await;
        let client = Client::new(provider);
        let sidecar = serve(&fresh.store, &collector, None, &["--otlp.traces.backfill", "true"]);
        collector.order(json!({"answer": "malformed", "times": 1})).await;
        run(&client, "first", "Hello", "").await;
        wait_for("the refusal", async || (requests(&sidecar, "refused").await == 1.0).then_some(())).await;
        run(&client, "second", "Hello", "").await;
        let received = arrived(&collector, 1).await;
        assert_eq!(received.named("Hello")["attributes"]["duroxide.instance.id"], "second");
        let rejected = key("duroxide_exporter_otlp_rejected_items_total", &[("signal", "traces")]);
        assert_eq!(sidecar.target().scrape().await[&rejected], 2.0, "the execution and its activity");
        wait_for("both to be counted", async || (traced(&sidecar, "exported").await == 1.0).then_some(()))
            .await;
        assert_eq!(traced(&sidecar, "refused").await, 1.0);
        runtime.shutdown(Some(0)).await;
    }
}

/// Without the file, a restart would send again what was sent: whoever reads the log has to know.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_file_that_cannot_be_written_is_told_once_and_traces_go_on() {
    let Some(collector) = Collector::start(Protocol::Grpc).await else { return };
    let place = Place::with("first").await;
    let [_, file] = place.files();
    // In the way of the file that is written before it takes the old one's place.
    let obstacle = file.with_extension("state.new");
    fs::create_dir_all(&obstacle).unwrap();
    let sidecar = place.serve(&collector);
    arrived(&collector, 1).await;
    place.work("second").await;
    arrived(&collector, 2).await;
    let (lost, back) =
        ("the state file of the traces cannot be written", "the state file of the traces is written again");
    let told = |words: &str| {
        sidecar.log().lines().filter(|line| line.contains(words)).map(str::to_owned).collect::<Vec<_>>()
    };
    wait_for("the failure", async || told(lost).first().cloned()).await;
    // A failed write is tried again by the next execution that ends.
    let failures = key("duroxide_exporter_state_write_failures_total", &[("store", STORE)]);
    wait_for("a second failure", async || (sidecar.target().scrape().await[&failures] >= 2.0).then_some(()))
        .await;
    let lines = told(lost);
    assert!(
        lines.len() == 1 && lines[0].contains("ERROR") && lines[0].contains(file.to_str().unwrap()),
        "{lines:?}"
    );

    fs::remove_dir(&obstacle).unwrap();
    place.work("third").await;
    arrived(&collector, 3).await;
    wait_for("the file to be written", async || told(back).first().cloned()).await;
    assert!(file.exists());
    assert!(sidecar.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_says_that_something_goes_on_with_the_state_of_another_store() {
    let Some(collector) = Collector::start(Protocol::Grpc).await else { return };
    let goes_on = "go on where they ended";
    let (mine, other) = (Place::with("mine").await, Place::with("other").await);
    for (sent, place) in [&mine, &other].into_iter().enumerate() {
        let sidecar = place.serve(&collector);
        arrived(&collector, sent + 1).await;
        for file in place.files() {
            wait_for("a state file", async || file.exists().then_some(())).await;
        }
        assert!(!sidecar.log().contains(goes_on), "{}", sidecar.log());
    }
    for (mine, other) in mine.files().iter().zip(other.files()) {
        fs::copy(other, mine).unwrap();
    }
    let sidecar = mine.serve(&collector);
    let log = wait_for("both files to be refused", async || {
        Some(sidecar.log()).filter(|log| log.matches("belongs to another store").count() == 2)
    })
    .await;
    assert!(!log.contains(goes_on), "{log}");
    drop(sidecar);
    // Those of this store are there again.
    for file in mine.files() {
        wait_for("a state file", async || file.exists().then_some(())).await;
    }
    let sidecar = mine.serve(&collector);
    let log = wait_for("both to go on", async || {
        Some(sidecar.log()).filter(|log| log.matches(goes_on).count() == 2)
    })
    .await;
    assert!(!log.contains("WARN"), "{log}");
}
