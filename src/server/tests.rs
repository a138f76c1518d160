//! The server over real sockets, with hand-made readers and requests written byte by byte.

use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::labels::{FailureReason, InstanceStatus, MessageState};
use crate::observe::{Snapshot, Stamp, StoreReader, store_view};
use crate::source::{Census, InstanceCount, Mode, QueueCensus, QueueStats, StoreFacts, StoreKind};
use crate::telemetry::Telemetry;

/// Nothing here takes a tenth of it; only a defect does.
const PATIENCE: Duration = Duration::from_secs(20);
const CLOSE: &str = "connection: close\r\n";

struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

fn settings() -> Settings {
    Settings {
        telemetry_path: "/metrics".to_owned(),
        max_connections: 64,
        header_read_timeout: PATIENCE,
        drain_timeout: PATIENCE,
    }
}

fn readers<const N: usize>(stores: [StoreReader; N]) -> Readers {
    let telemetry = Telemetry::new(crate::observe::DURATION_MS);
    Readers::new(stores.into(), Arc::new(telemetry))
}

fn snapshot() -> Snapshot {
    let mut queues: [QueueStats; 3] = std::array::from_fn(|_| QueueStats::default());
    let mut messages = [0; 5];
    messages[MessageState::Ready.index()] = 4711;
    queues[1] = QueueStats {
        messages: Some(messages),
        fetchable: Some(4711),
        oldest_ready_since_ms: Some(1_000),
        ..QueueStats::default()
    };
    let store = StoreFacts {
        kind: const { &StoreKind::of("sqlite") },
        schema: "0018_sessions".to_owned(),
        mode: Mode::Live,
        last_replay_age_ms: None,
        replication: None,
        clock_skew_ms: Vec::new(),
        sizes: Vec::new(),
        notes: Vec::new(),
    };
    let queues = Some(QueueCensus { queues, detail: None });
    Snapshot {
        taken_at: Instant::now().checked_sub(Duration::from_secs(90)).unwrap(),
        census: Census {
            now_ms: 91_000,
            store,
            identity: None,
            queues,
            waiting: None,
            instances: None,
            total_instances: None,
        },
        activities: None,
        tags: None,
        instances: None,
        history: None,
        running: None,
    }
}

async fn start(readers: Readers, settings: Settings) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let server = Server::new(readers, settings);
    let server = tokio::spawn(server.serve(vec![listener], async { drop(stopped.await) }));
    Running { address, stop: Some(stop), server }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends one request on its own connection and returns head and body.
    async fn request(&self, method: &str, path: &str, headers: &str) -> (String, Vec<u8>) {
        let mut stream = self.connect().await;
        let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\n{headers}{CLOSE}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        split(&to_end(&mut stream).await)
    }

    async fn get(&self, path: &str) -> (String, String) {
        let (head, body) = self.request("GET", path, "").await;
        (head, String::from_utf8(body).unwrap())
    }

    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    async fn ended(self) {
        tokio::time::timeout(PATIENCE, self.server).await.expect("the server ends").unwrap();
    }
}

/// Everything until the server closes. A reset counts as closed.
async fn to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut all)).await.expect("the server closes");
    all
}

fn split(answer: &[u8]) -> (String, Vec<u8>) {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a whole head");
    (String::from_utf8(answer[..end].to_vec()).unwrap().to_lowercase(), answer[end + 4..].to_vec())
}

/// Reads one answer of a connection that stays open.
async fn one_answer(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    while !all.ends_with(b"ok\n") {
        let read = tokio::time::timeout(PATIENCE, stream.read_buf(&mut all)).await.unwrap().unwrap();
        assert!(read > 0, "closed after {:?}", String::from_utf8_lossy(&all));
    }
    String::from_utf8(all).unwrap()
}

#[tokio::test]
async fn every_route_answers() {
    let (_orders, reader) = store_view("orders".into());
    let server = start(readers([reader]), settings()).await;
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/?a=b", "text/html; charset=utf-8"),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
        ("/livez", "text/plain; charset=utf-8"),
        ("/-/healthy", "text/plain; charset=utf-8"),
    ] {
        let (head, body) = server.get(path).await;
        assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
        for line in [
            &format!("content-type: {content_type}"),
            "x-content-type-options: nosniff",
            "cache-control: no-store",
        ] {
            assert!(head.contains(line), "{path}: no {line} in {head}");
        }
        let (head_of_head, nothing) = server.request("HEAD", path, "").await;
        assert!(head_of_head.starts_with("http/1.1 200"), "{head_of_head}");
        assert!(nothing.is_empty());
        if path != "/metrics" {
            assert!(head_of_head.contains(&format!("content-length: {}", body.len())), "{head_of_head}");
        }
    }
    assert_eq!(server.get("/livez").await.1, "ok\n");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_what_there_is() {
    let (_orders, reader) = store_view("orders".into());
    let server = start(readers([reader]), Settings { telemetry_path: "/m".to_owned(), ..settings() }).await;
    for path in ["/metrics", "/m/", "/livez/", "//", "/%2e"] {
        let (head, body) = server.get(path).await;
        assert!(head.starts_with("http/1.1 404"), "{path}: {head}");
        assert!(body.contains(" /m ") && body.contains("/readyz"), "{body}");
    }
    for method in ["POST", "DELETE", "OPTIONS", "BREW"] {
        let (head, _) = server.request(method, "/m", "").await;
        assert!(head.starts_with("http/1.1 405") && head.contains("allow: get, head"), "{method}: {head}");
    }
    let (head, body) = server.get("/m").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(body.contains("duroxide_up{store=\"orders\"} 0\n"), "{body}");
}

#[tokio::test]
async fn a_body_is_not_waited_for() {
    let (_orders, reader) = store_view("orders".into());
    let server = start(readers([reader]), settings()).await;
    let mut stream = server.connect().await;
    stream.write_all(b"POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n").await.unwrap();
    // Answered, and closed because the rest will not be read.
    let (head, _) = split(&to_end(&mut stream).await);
    assert!(head.starts_with("http/1.1 405"), "{head}");
}

#[tokio::test]
async fn format_and_encoding_are_negotiated() {
    let (orders, reader) = store_view("orders".into());
    orders.good(snapshot());
    let server = start(readers([reader]), settings()).await;
    // In two lines, which mean the same as one.
    let accept = "accept: text/plain;version=0.0.4;q=0.3\r\naccept: application/openmetrics-text;version=1.0.0;q=0.6\r\n";
    let (head, body) = server.request("GET", "/metrics", accept).await;
    assert!(
        head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"),
        "{head}"
    );
    assert!(head.contains("vary: accept, accept-encoding") && !head.contains("content-encoding"), "{head}");
    let body = String::from_utf8(body).unwrap();
    assert!(body.contains("duroxide_up{store=\"orders\"} 1\n") && body.ends_with("\n# EOF\n"), "{body}");

    let (head, packed) = server.request("GET", "/metrics", "accept-encoding: gzip;q=0.8, br\r\n").await;
    assert!(
        head.contains("content-encoding: gzip") && head.contains("vary: accept, accept-encoding"),
        "{head}"
    );
    assert!(head.contains(&format!("content-length: {}", packed.len())), "{head}");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
    assert!(text.contains("duroxide_up{store=\"orders\"} 1\n") && !text.contains("# EOF"), "{text}");
}

#[tokio::test]
async fn a_large_view_is_rendered_as_well() {
    let (orders, reader) = store_view("orders".into());
    let count = |n: u64| InstanceCount {
        orchestration: format!("Order{n}").into(),
        version: "1.0.0".into(),
        status: InstanceStatus::Running,
        count: n,
    };
    orders.good(Snapshot { instances: Some((0..6_000).map(count).collect()), ..snapshot() });
    let server = start(readers([reader]), settings()).await;
    let (head, body) = server.get("/metrics").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(body.contains("duroxide_up{store=\"orders\"} 1\n"));
}

#[tokio::test]
async fn ready_after_every_first_poll_well_or_not() {
    let (orders, first) = store_view("orders".into());
    let (bills, second) = store_view("bills".into());
    let readers = readers([first, second]);
    let server = start(readers, settings()).await;
    orders.good(snapshot());
    let (head, body) = server.get("/readyz").await;
    assert!(head.starts_with("http/1.1 503"), "{head}");
    assert_eq!(body, "orders: up\nbills: starting: the first poll has not ended\n");

    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_416_092);
    let since = Stamp { wall, ..Stamp::now() };
    bills.failed(since, FailureReason::Unavailable, "no such file\nfake: up");
    for path in ["/readyz", "/-/ready"] {
        let (head, body) = server.get(path).await;
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert_eq!(
            body,
            "orders: up\nbills: down since Mon, 23 Nov 2026 06:41:32 GMT: unavailable: no such file fake: up\n"
        );
    }
}

#[tokio::test]
async fn the_landing_page_shows_stores_and_escapes_what_they_say() {
    let (orders, first) = store_view("orders".into());
    let (bills, second) = store_view("<b>ills".into());
    let readers = readers([first, second]);
    orders.good(snapshot());
    orders.failed(Stamp::now(), FailureReason::Other, "<script>alert('1')</script> & \"more\"");
    let server = start(readers, Settings { telemetry_path: "/m\"<x>".to_owned(), ..settings() }).await;
    let (head, body) = server.get("/").await;
    assert!(
        head.contains("content-security-policy: default-src 'none'; style-src 'unsafe-inline'"),
        "{head}"
    );
    for shown in [
        "other: <bdi>&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;more&quot;</bdi>",
        "<bdi>&lt;b&gt;ills</bdi> starting",
        "href=\"./m&quot;&lt;x&gt;\"",
        "last good poll, <strong>1 min 3",
        "sqlite, live, schema <bdi>0018_sessions</bdi>",
        "<th scope=\"row\">worker</th><td>4711</td><td>1 min 30 s</td><td>4711</td><td>0</td><td>0</td><td>0</td><td>0</td>",
        "<th scope=\"row\">timer</th><td>–</td>",
        env!("CARGO_PKG_VERSION"),
    ] {
        assert!(body.contains(shown), "no {shown} in {body}");
    }
    for absent in ["<script", "http:", "https:", "src="] {
        assert!(!body.contains(absent), "{absent} in {body}");
    }
    drop(bills);
}

#[tokio::test]
async fn silent_slow_and_idle_clients_are_closed() {
    let (_orders, reader) = store_view("orders".into());
    let server =
        start(readers([reader]), Settings { header_read_timeout: Duration::from_millis(200), ..settings() })
            .await;
    for sent in ["", "GET / HTTP/1.1\r\nhost:"] {
        let mut stream = server.connect().await;
        stream.write_all(sent.as_bytes()).await.unwrap();
        let answer = to_end(&mut stream).await;
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{sent:?}");
    }
    let mut idle = server.connect().await;
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(one_answer(&mut idle).await.starts_with("HTTP/1.1 200"));
    assert!(to_end(&mut idle).await.is_empty());
}

#[tokio::test]
async fn a_new_connection_has_to_ask_soon() {
    let (_orders, reader) = store_view("orders".into());
    let server = start(readers([reader]), settings()).await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    one_answer(&mut idle).await;
    let (mut silent, mut slow) = (server.connect().await, server.connect().await);
    slow.write_all(b"GET /livez HT").await.unwrap();
    assert!(to_end(&mut silent).await.is_empty() && to_end(&mut slow).await.is_empty());
    // One that was answered may stay idle for longer.
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    one_answer(&mut idle).await;
}

#[tokio::test]
async fn silent_and_slow_clients_take_no_place_from_others() {
    let (_orders, reader) = store_view("orders".into());
    let server = start(readers([reader]), Settings { max_connections: 8, ..settings() }).await;
    let mut waiting = Vec::new();
    for sent in ["", "GET /metrics HTTP/1.1\r\nhost:", "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n"] {
        for _ in 0..16 {
            let mut stream = server.connect().await;
            stream.write_all(sent.as_bytes()).await.unwrap();
            waiting.push(stream);
        }
        for path in ["/livez", "/readyz", "/metrics"] {
            // Answered and not closed at once: `get` would find no head.
            assert!(server.get(path).await.0.starts_with("http/1.1 "), "{path} after {sent:?}");
        }
    }
}

#[tokio::test]
async fn at_the_cap_work_stays_and_what_waits_gives_way() {
    let server = start(crowd(), Settings { max_connections: 2, ..settings() }).await;
    let mut in_flight = request_and_read_the_beginning(&server).await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    one_answer(&mut idle).await;
    assert_eq!(server.get("/livez").await.1, "ok\n");
    assert!(to_end(&mut idle).await.is_empty(), "the idle one stays");
    to_end_of_page(&mut in_flight).await;
}

#[tokio::test]
async fn answers_under_way_have_a_cap_and_places_are_given_back() {
    let server = start(crowd(), Settings { max_connections: 1, ..settings() }).await;
    let mut in_flight = request_and_read_the_beginning(&server).await;
    assert!(to_end(&mut server.connect().await).await.is_empty());
    to_end_of_page(&mut in_flight).await;
    let start = Instant::now();
    loop {
        let mut next = server.connect().await;
        let _ = next.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        if to_end(&mut next).await.ends_with(b"ok\n") {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "the place is not given back");
    }
}

/// So many stores that the landing page fits no socket's buffers: a request that stays in flight.
fn crowd() -> Readers {
    let readers = (0..100_000).map(|n| store_view(format!("store-{n}").into()).1).collect();
    Readers::new(readers, Arc::new(Telemetry::new(crate::observe::DURATION_MS)))
}

async fn request_and_read_the_beginning(server: &Running) -> TcpStream {
    let mut stream = server.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut beginning = [0; 12];
    stream.read_exact(&mut beginning).await.unwrap();
    assert_eq!(&beginning, b"HTTP/1.1 200");
    stream
}

async fn to_end_of_page(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    while !rest.ends_with(b"</html>\n") {
        assert!(stream.read_buf(&mut rest).await.unwrap() > 0, "it was cut off");
    }
}

#[tokio::test]
async fn a_drain_lets_requests_end_and_closes_the_rest() {
    let mut server = start(crowd(), settings()).await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    one_answer(&mut idle).await;
    let mut in_flight = request_and_read_the_beginning(&server).await;

    server.stop();
    assert!(to_end(&mut idle).await.is_empty());
    // The idle connection is gone, so the listener is, too.
    assert!(TcpStream::connect(server.address).await.is_err());
    assert!(!server.server.is_finished());
    assert!(to_end(&mut in_flight).await.ends_with(b"</html>\n"));
    server.ended().await;
}

#[tokio::test]
async fn a_drain_ends_in_time_and_leaves_nothing() {
    let mut server =
        start(crowd(), Settings { drain_timeout: Duration::from_millis(100), ..settings() }).await;
    let mut in_flight = request_and_read_the_beginning(&server).await;
    server.stop();
    server.ended().await;
    assert!(!to_end(&mut in_flight).await.ends_with(b"</html>\n"), "cut off");
}

#[tokio::test]
async fn a_client_that_takes_no_answer_loses_its_place() {
    let one = Settings { max_connections: 1, header_read_timeout: Duration::from_millis(200), ..settings() };
    let server = start(crowd(), one).await;
    let mut stalled = request_and_read_the_beginning(&server).await;
    let start = Instant::now();
    loop {
        let mut next = server.connect().await;
        let _ = next.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        if to_end(&mut next).await.ends_with(b"ok\n") {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "the place is not given back");
    }
    assert!(!to_end(&mut stalled).await.ends_with(b"</html>\n"), "cut off");
}
