use scenarios::{
    collector::{Collector, Protocol, free_port},
    exporter::STORE,
    relay::Relay,
    scrape::wait_for,
    series::key,
    sidecar::Sidecar,
    stores::{Fresh, Kind},
};
use serde_json::json;

use super::{check, serve};

const BOTH: [Protocol; 2] = [Protocol::Grpc, Protocol::Http];

const SECRET: &str = "hunter2-secret";

/// A store with nothing in it.
async fn store() -> Fresh {
    let fresh = Kind::Sqlite.create().await;
    drop(fresh.store.provider().await);
    fresh
}

/// The exporter's count of requests that ended like this.
async fn ended(sidecar: &Sidecar, outcome: &str) -> u64 {
    let key = key("duroxide_exporter_otlp_exports_total", &[("signal", "metrics"), ("outcome", outcome)]);
    whole(sidecar.target().scrape().await[&key])
}

fn whole(count: f64) -> u64 {
    assert!(count >= 0.0 && count.fract() == 0.0, "{count}");
    count.to_string().parse().unwrap()
}

async fn wait_until(sidecar: &Sidecar, outcome: &str, count: u64) {
    wait_for(outcome, async || (ended(sidecar, outcome).await >= count).then_some(())).await;
}

/// Time passes by the exporter's own work: so many more polls.
async fn polls(sidecar: &Sidecar, more: u64) {
    let key = key("duroxide_polls_total", &[("store", STORE)]);
    let count = async || whole(sidecar.target().scrape().await[&key]);
    let before = count().await;
    wait_for("polls to go on", async || (count().await >= before + more).then_some(())).await;
}

fn lines(sidecar: &Sidecar, words: &str) -> usize {
    sidecar.log().lines().filter(|line| line.contains(words)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_comes_up_later_gets_what_is_newest() {
    for protocol in BOTH {
        let port = free_port();
        let fresh = store().await;
        let endpoint = format!("http://localhost:{port}");
        let flags = ["--otlp.endpoint", &endpoint, "--otlp.protocol", protocol.name()].map(str::to_owned);
        let sidecar =
            serve(&fresh.store, &flags, &["--otlp.metrics.interval", "50ms", "--otlp.timeout", "100ms"]);
        wait_until(&sidecar, "unavailable", 5).await;
        assert!(sidecar.log().contains("refused"), "{}", sidecar.log());
        let Some(collector) = Collector::start_with(protocol, port, None).await else { return };
        let request = collector.next().await;
        assert!(request["metrics"].as_array().unwrap().len() > 10, "{request}");
        wait_until(&sidecar, "success", 2).await;
        assert_eq!(lines(&sidecar, "OTLP export failed"), 1, "{}", sidecar.log());
        assert_eq!(lines(&sidecar, "OTLP export works again"), 1, "{}", sidecar.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_refuses_is_asked_once_a_push_and_the_secret_stays_one() {
    for (protocol, words) in [(Protocol::Grpc, "Unauthenticated"), (Protocol::Http, "HTTP 401 Unauthorized")]
    {
        let Some(mut collector) = Collector::start(protocol).await else { return };
        collector.order(json!({"answer": "refuse", "message": format!("no token {SECRET} here")})).await;
        let fresh = store().await;
        let header = format!("authorization=Bearer%20{SECRET}");
        let sidecar = serve(&fresh.store, &collector.flags("50ms"), &["--otlp.headers", &header]);
        wait_until(&sidecar, "refused", 4).await;
        let asked = collector.received(4).await;
        let refused = ended(&sidecar, "refused").await;
        // One may be under way.
        assert!(asked.len() as u64 <= refused + 2, "{} requests for {refused} pushes", asked.len());
        assert_eq!(asked[0]["headers"]["authorization"], format!("Bearer {SECRET}"));
        assert_eq!(ended(&sidecar, "success").await, 0);
        let log = sidecar.log();
        assert!(log.contains(words) && log.contains("check --otlp.headers"), "{log}");
        assert!(log.contains("no token … here") && !log.contains(SECRET), "{log}");
        assert_eq!(lines(&sidecar, "OTLP export failed"), 1, "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_collector_is_left_alone_for_as_long_as_it_asks() {
    for protocol in BOTH {
        let Some(mut collector) = Collector::start(protocol).await else { return };
        collector.order(json!({"answer": "busy", "retry_after": 1, "times": 1})).await;
        let fresh = store().await;
        // Within the time limit, it is the same push.
        let sidecar = serve(&fresh.store, &collector.flags("50ms"), &[]);
        wait_until(&sidecar, "success", 1).await;
        let answers = collector.received(2).await;
        assert_eq!((&answers[0]["answer"], &answers[1]["answer"]), (&json!("busy"), &json!("ok")));
        assert_eq!(answers[0]["metrics"], answers[1]["metrics"], "another try sends the same");
        assert_eq!(ended(&sidecar, "unavailable").await, 0);
        drop((sidecar, collector));

        // Beyond it, pushes that would come before are left out.
        let Some(mut collector) = Collector::start(protocol).await else { return };
        collector.order(json!({"answer": "busy", "retry_after": 100})).await;
        let sidecar = serve(&fresh.store, &collector.flags("50ms"), &["--otlp.timeout", "500ms"]);
        wait_until(&sidecar, "unavailable", 1).await;
        polls(&sidecar, 10).await;
        assert_eq!(collector.received(1).await.len(), 1);
        assert_eq!(ended(&sidecar, "unavailable").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_never_answers_holds_up_nothing() {
    for protocol in BOTH {
        let Some(mut collector) = Collector::start(protocol).await else { return };
        collector.order(json!({"answer": "hang"})).await;
        let fresh = store().await;
        let sidecar = serve(&fresh.store, &collector.flags("50ms"), &["--otlp.timeout", "200ms"]);
        wait_until(&sidecar, "timeout", 3).await;
        polls(&sidecar, 3).await;
        assert_eq!(lines(&sidecar, "no answer within 200ms"), 1, "{}", sidecar.log());
        assert!(sidecar.terminate().success());

        // One request, and only that one, for as long as it may take.
        let Some(mut collector) = Collector::start(protocol).await else { return };
        collector.order(json!({"answer": "hang"})).await;
        let more = ["--otlp.timeout", "1d", "--web.drain-timeout", "300ms"];
        let sidecar = serve(&fresh.store, &collector.flags("50ms"), &more);
        collector.received(1).await;
        polls(&sidecar, 10).await;
        assert_eq!(collector.requests().len(), 1);
        // Would take a day.
        assert!(sidecar.terminate().success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_died_without_a_word_is_replaced() {
    for protocol in BOTH {
        let Some(collector) = Collector::start(protocol).await else { return };
        let relay = Relay::to(&collector.endpoint()).await;
        let fresh = store().await;
        let flags =
            ["--otlp.endpoint", relay.endpoint(), "--otlp.protocol", protocol.name()].map(str::to_owned);
        let more = ["--otlp.metrics.interval", "50ms", "--otlp.timeout", "300ms"];
        let sidecar = serve(&fresh.store, &flags, &more);
        wait_until(&sidecar, "success", 1).await;
        relay.kill_connections();
        wait_until(&sidecar, "timeout", 1).await;
        let before = ended(&sidecar, "success").await;
        wait_until(&sidecar, "success", before + 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_collector_leaves_out_is_counted_and_told() {
    for protocol in BOTH {
        let Some(mut collector) = Collector::start(protocol).await else { return };
        collector.order(json!({"answer": "partial", "rejected": 3, "message": "too old"})).await;
        let fresh = store().await;
        let sidecar = serve(&fresh.store, &collector.flags("50ms"), &[]);
        wait_until(&sidecar, "partial", 3).await;
        let scrape = sidecar.target().scrape().await;
        let partial =
            key("duroxide_exporter_otlp_exports_total", &[("signal", "metrics"), ("outcome", "partial")]);
        let rejected = key("duroxide_exporter_otlp_rejected_items_total", &[("signal", "metrics")]);
        // Counted one after the other: the scrape may be in between.
        assert!(scrape[&rejected] >= 6.0 && scrape[&rejected] % 3.0 == 0.0, "{}", scrape[&rejected]);
        assert!(scrape[&partial] >= 3.0);
        assert_eq!(lines(&sidecar, "left some out: too old"), 1, "{}", sidecar.log());
        collector.order(json!({"answer": "ok"})).await;
        wait_until(&sidecar, "success", 1).await;
        wait_for("a word of it", async || (lines(&sidecar, "takes everything again") == 1).then_some(()))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_values_are_pushed_when_the_exporter_stops() {
    for protocol in BOTH {
        let Some(collector) = Collector::start(protocol).await else { return };
        let fresh = store().await;
        let sidecar = serve(&fresh.store, &collector.flags("1d"), &[]);
        polls(&sidecar, 2).await;
        assert_eq!(collector.requests().len(), 0);
        assert!(sidecar.terminate().success());
        let requests = collector.received(1).await;
        assert_eq!(requests.len(), 1);
        assert!(requests[0].to_string().contains("duroxide.queue.messages"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_protocol_is_told_as_such() {
    for (asked, there, scheme) in [
        (Protocol::Grpc, Protocol::Http, "http"),
        (Protocol::Http, Protocol::Grpc, "http"),
        (Protocol::Grpc, Protocol::Grpc, "https"),
        (Protocol::Http, Protocol::Http, "https"),
    ] {
        let Some(collector) = Collector::start(there).await else { return };
        let fresh = store().await;
        let endpoint = collector.endpoint().replace("http", scheme);
        let flags = [
            "--otlp.endpoint",
            &endpoint,
            "--otlp.protocol",
            asked.name(),
            "--otlp.metrics.interval",
            "50ms",
        ]
        .map(str::to_owned);
        let sidecar = serve(&fresh.store, &flags, &["--otlp.timeout", "200ms"]);
        wait_for("a failure", async || (lines(&sidecar, "OTLP export failed") > 0).then_some(())).await;
        assert!(sidecar.log().contains("heck --otlp.protocol"), "{}", sidecar.log());
        assert_eq!(ended(&sidecar, "success").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_whether_the_collector_takes_metrics() {
    for protocol in BOTH {
        let Some(mut collector) = Collector::start(protocol).await else { return };
        let fresh = store().await;
        let (code, said) = check(&fresh.store, &collector.flags("1m"));
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("OTLP collector: takes metrics"), "{said}");
        let requests = collector.received(1).await;
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0]["empty"], true);

        collector.order(json!({"answer": "refuse", "message": "who?"})).await;
        let (code, said) = check(&fresh.store, &collector.flags("1m"));
        assert_eq!(code, Some(1), "{said}");
        assert!(
            said.contains("OTLP collector: FAILED for metrics") && said.contains("check --otlp.headers"),
            "{said}"
        );
    }
}
