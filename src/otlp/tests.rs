//! Answers that are too large, never end, break off or are none: the outcome is what the head or the status says.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::export::ExportResponse;
use super::{Client, SendError};
use crate::config::{self, Otlp, Protocol};
use crate::labels::ExportOutcome;
use crate::output;

const MIB: usize = 1 << 20;

/// What follows an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// The connection stays open and silent.
    Silence,
    Close,
    /// More, for ever.
    More,
}

/// Sends a request to a server that does one thing, within this time.
async fn sent(
    protocol: Protocol,
    listener: &TcpListener,
    timeout: Duration,
) -> Result<ExportResponse, SendError> {
    let address = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let endpoint = config::parse_endpoint(&address, true).unwrap().unwrap();
    let settings = Otlp { protocol, timeout, ..Otlp::default() };
    Client::new(&settings, &endpoint).unwrap().send(ExportTraceServiceRequest::default()).await
}

/// Nothing here takes a tenth of it; only a defect does.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where the time has to run out.
const SHORT: Duration = Duration::from_millis(500);

async fn over_http(answer: Vec<u8>, then: Then, timeout: Duration) -> Result<ExportResponse, SendError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = async {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let _ = answer_http(stream, &answer, then).await;
        }
    };
    tokio::select! {
        outcome = sent(Protocol::Http, &listener, timeout) => outcome,
        () = server => unreachable!("it serves for ever"),
    }
}

async fn answer_http(mut stream: TcpStream, answer: &[u8], then: Then) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    stream.write_all(answer).await?;
    match then {
        Then::Close => {}
        Then::Silence => std::future::pending().await,
        Then::More => loop {
            stream.write_all(&[b'x'; 65_536]).await?;
        },
    }
    Ok(())
}

fn http(head: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn partial(rejected_spans: i64, error_message: String) -> Vec<u8> {
    let partial_success = Some(ExportTracePartialSuccess { rejected_spans, error_message });
    ExportTraceServiceResponse { partial_success }.encode_to_vec()
}

#[tokio::test]
async fn the_status_of_http_decides_whatever_the_body_is() {
    const PROTOBUF: &str = "200 OK\r\ncontent-type: application/x-protobuf";
    let long = "x".repeat(2 * MIB);
    let cut = http(PROTOBUF, &partial(3, long.clone()));
    let bomb = output::gzip(&partial(3, "x".repeat(20 * MIB))).unwrap();
    let bomb = http(&format!("{PROTOBUF}\r\ncontent-encoding: gzip"), &bomb);
    for (what, answer, then, timeout, rejected) in [
        ("nothing", http("204 No Content", b""), Then::Silence, PATIENCE, 0),
        ("2 MB", http(PROTOBUF, &partial(3, long.clone())), Then::Silence, PATIENCE, 3),
        ("2 MB of zeros", http(PROTOBUF, &vec![0; 2 * MIB]), Then::Silence, PATIENCE, 0),
        ("no end", format!("HTTP/1.1 {PROTOBUF}\r\n\r\n").into(), Then::More, PATIENCE, 0),
        ("silence", cut[..MIB].to_vec(), Then::Silence, SHORT, 3),
        ("cut off", cut[..MIB].to_vec(), Then::Close, PATIENCE, 3),
        ("a bomb", bomb, Then::Silence, PATIENCE, 3),
        ("another type", http("200 OK\r\ncontent-type: text/plain", b"ok"), Then::Silence, PATIENCE, 0),
        ("JSON", http("200 OK\r\ncontent-type: application/json", b"{}"), Then::Silence, PATIENCE, 0),
    ] {
        let accepted =
            over_http(answer, then, timeout).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(accepted.rejected, rejected, "{what}");
        assert!(accepted.message.len() < 2_000, "{what}");
    }

    let status = [&[8, 3, 18, 0x80, 0x80, 0x80, 1][..], long.as_bytes()].concat();
    for (what, answer, then, timeout, words) in [
        (
            "2 MB",
            http("400 Bad Request\r\ncontent-type: text/plain", long.as_bytes()),
            Then::Silence,
            PATIENCE,
            "xxx",
        ),
        (
            "protobuf",
            http("400 Bad Request\r\ncontent-type: application/x-protobuf", &status),
            Then::Close,
            PATIENCE,
            "xxx",
        ),
        ("no end", "HTTP/1.1 413 Too Large\r\n\r\n".into(), Then::More, PATIENCE, "413"),
        ("silence", "HTTP/1.1 422 No\r\ncontent-length: 9\r\n\r\n".into(), Then::Silence, SHORT, "422"),
    ] {
        let error = over_http(answer, then, timeout).await.unwrap_err();
        assert!(error.malformed && error.message.contains(words), "{what}: {error}");
    }
}

#[tokio::test]
async fn a_large_head_of_http_is_read() {
    let mut head = "429 Too Many Requests\r\nretry-after: 7000".to_owned();
    for n in 0..300 {
        head += &format!("\r\nx-{n}: {}", "x".repeat(5_000));
    }
    let error = over_http(http(&head, b""), Then::Silence, PATIENCE).await.unwrap_err();
    assert_eq!(
        (error.outcome, error.wait),
        (ExportOutcome::Unavailable, Some(Duration::from_secs(600))),
        "{error}"
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_names_its_target_without_secrets() {
    let redirects = |status: &str, to: &str| format!("{status}\r\nlocation: {to}");
    let secret = "https://user:hunter2@new.example:4318/v1/traces?token=hunter2#hunter2";
    for (status, to, target) in [
        ("302 Found", secret, "302 Found: a redirect to https://new.example:4318/v1/traces."),
        ("307 Temporary Redirect", "/otlp?x=hunter2", "a redirect to /otlp."),
        ("308 Permanent Redirect", "http://[::1]:1", "a redirect to http://[::1]:1/."),
        ("301 Moved Permanently", "\\hunter2", "a redirect."),
    ] {
        let error = over_http(http(&redirects(status, to), b""), Then::Silence, PATIENCE).await.unwrap_err();
        assert!(error.message.contains(target) && error.message.contains("not followed"), "{error}");
        assert!(!error.message.contains("hunter2"), "{error}");
        assert_eq!((error.outcome, error.malformed), (ExportOutcome::Refused, false), "{error}");
    }
    let headers = [("location", secret)];
    let error =
        over_grpc(Call { http: 302, headers: &headers, ..Call::default() }, PATIENCE).await.unwrap_err();
    assert!(error.message.contains("a redirect to https://new.example:4318/v1/traces."), "{error}");
    assert!(!error.message.contains("hunter2") && error.outcome == ExportOutcome::Refused, "{error}");
}

#[tokio::test]
async fn a_page_for_people_is_no_success() {
    let page = http("200 OK\r\ncontent-type: text/html; charset=utf-8", b"<html>welcome</html>");
    let error = over_http(page, Then::Silence, PATIENCE).await.unwrap_err();
    assert!(error.message.contains("Check the address") && !error.malformed, "{error}");
}

/// How a call of gRPC is answered.
#[derive(Clone)]
struct Call<'a> {
    http: u16,
    headers: &'a [(&'static str, &'a str)],
    body: Vec<u8>,
    trailers: &'a [(&'static str, &'a str)],
    then: Then,
}

impl Default for Call<'_> {
    fn default() -> Self {
        let headers = &[("content-type", "application/grpc")];
        Self { http: 200, headers, body: Vec::new(), trailers: &[], then: Then::Close }
    }
}

fn map(headers: &[(&'static str, &str)]) -> HeaderMap {
    let headers = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
    headers.collect()
}

/// By the library that speaks HTTP/2 for others, too.
async fn over_grpc(call: Call<'_>, timeout: Duration) -> Result<ExportResponse, SendError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = async {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::handshake(stream).await.unwrap();
            let mut open = Vec::new();
            let mut more: Option<h2::SendStream<hyper::body::Bytes>> = None;
            loop {
                tokio::select! {
                    accepted = connection.accept() => match accepted {
                        Some(Ok((_, respond))) => {
                            let stream = answer_grpc(respond, &call);
                            if call.then == Then::More { more = stream } else { open.push(stream) }
                        }
                        _ => break,
                    },
                    () = flood(&mut more), if more.is_some() => {}
                }
            }
        }
    };
    tokio::select! {
        outcome = sent(Protocol::Grpc, &listener, timeout) => outcome,
        () = server => unreachable!("it serves for ever"),
    }
}

fn answer_grpc(
    mut respond: h2::server::SendResponse<hyper::body::Bytes>,
    call: &Call<'_>,
) -> Option<h2::SendStream<hyper::body::Bytes>> {
    let mut head = http::Response::new(());
    *head.status_mut() = http::StatusCode::from_u16(call.http).unwrap();
    *head.headers_mut() = map(call.headers);
    let only = call.body.is_empty() && call.trailers.is_empty() && call.then == Then::Close;
    let mut stream = respond.send_response(head, only).unwrap();
    if !call.body.is_empty() {
        let last = call.trailers.is_empty() && call.then == Then::Close;
        stream.send_data(call.body.clone().into(), last).unwrap();
    }
    if !call.trailers.is_empty() {
        stream.send_trailers(map(call.trailers)).unwrap();
    }
    Some(stream)
}

/// Sends more as long as it is taken.
async fn flood(stream: &mut Option<h2::SendStream<hyper::body::Bytes>>) {
    let Some(open) = stream else { return };
    open.reserve_capacity(65_536);
    let room = std::future::poll_fn(|context| open.poll_capacity(context)).await;
    let sent = room.and_then(Result::ok).and_then(|room| open.send_data(vec![0; room].into(), false).ok());
    if sent.is_none() {
        *stream = None;
    }
}

fn framed(compressed: bool, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[u8::from(compressed)][..], &length, message].concat()
}

const OK: &[(&str, &str)] = &[("grpc-status", "0")];

#[tokio::test]
async fn the_status_of_grpc_decides_however_long_its_message_is() {
    for length in [0, 18_000, 200_000] {
        let message = format!("caf%C3%A9 {}", "x".repeat(length));
        let status = [("grpc-status", "3"), ("grpc-message", message.as_str())];
        let alone = [&[("content-type", "application/grpc")], &status[..]].concat();
        for call in [
            Call { headers: &alone, ..Call::default() },
            Call { trailers: &status, ..Call::default() },
            Call { trailers: &status, body: framed(false, b""), ..Call::default() },
        ] {
            let error = over_grpc(call, PATIENCE).await.unwrap_err();
            assert!(
                error.malformed && error.message.starts_with("InvalidArgument: café "),
                "{length}: {error}"
            );
            assert!(error.message.len() < 2_000, "{length}");
        }
    }
    // Details that are none take nothing away, and end nothing.
    let status = [("grpc-status", "3"), ("grpc-status-details-bin", "!?")];
    assert!(over_grpc(Call { trailers: &status, ..Call::default() }, PATIENCE).await.unwrap_err().malformed);
}

#[tokio::test]
async fn what_grpc_took_is_taken_whatever_the_message_is() {
    let long = framed(false, &partial(3, "x".repeat(5 * MIB)));
    let bomb = framed(true, &output::gzip(&partial(3, "x".repeat(20 * MIB))).unwrap());
    let begun = long[..MIB].to_vec();
    for (what, body, trailers, then, timeout, rejected) in [
        ("nothing", Vec::new(), OK, Then::Close, PATIENCE, 0),
        ("an empty message", framed(false, b""), OK, Then::Close, PATIENCE, 0),
        ("a long message", long, OK, Then::Close, PATIENCE, 3),
        ("a bomb", bomb, OK, Then::Close, PATIENCE, 3),
        ("nonsense", framed(false, &[255; 100]), OK, Then::Close, PATIENCE, 0),
        ("no end", begun.clone(), &[], Then::More, PATIENCE, 3),
        ("silence", begun, &[], Then::Silence, SHORT, 3),
    ] {
        let call = Call { body, trailers, then, ..Call::default() };
        let accepted = over_grpc(call, timeout).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(accepted.rejected, rejected, "{what}");
    }
    let silent = Call { then: Then::Silence, ..Call::default() };
    let error = over_grpc(silent, SHORT).await.unwrap_err();
    assert_eq!((error.outcome, error.message.as_str()), (ExportOutcome::Timeout, "no answer within 500ms"));
}

#[tokio::test]
async fn what_is_no_grpc_is_told_by_its_status_of_http() {
    for (http, outcome, words) in [
        (200, ExportOutcome::Refused, "Unknown: HTTP 200 OK without a status of gRPC"),
        (404, ExportOutcome::Refused, "check address and --otlp.protocol"),
        (401, ExportOutcome::Refused, "check --otlp.headers"),
        (503, ExportOutcome::Unavailable, "HTTP 503 Service Unavailable"),
    ] {
        // Once: tries again take as long as they may.
        let call = Call {
            http,
            headers: &[("content-type", "text/html")],
            body: b"<html>".to_vec(),
            ..Call::default()
        };
        let error = over_grpc(call, SHORT).await.unwrap_err();
        assert_eq!(error.outcome, outcome, "{http}: {error}");
        assert!(error.message.contains(words), "{http}: {error}");
    }
}
