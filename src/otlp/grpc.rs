//! OTLP over gRPC: one message there, one back, over a channel of `tonic`. Its codec is not used: it takes an answer that is
//! larger than it likes for a failure of the call, whatever the status behind it says.

use std::future::poll_fn;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::header::{CONTENT_TYPE, TE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Bytes;
use tonic::codegen::Service as _;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint as Remote};
use tonic::{Code, Status, body};

use super::answer::{self, Answer, LARGEST, Patience};
use super::export::ExportResponse;
use super::failure::{self, SendError};
use super::tls::Pem;
use crate::config::Endpoint;

const STATUS: &str = "grpc-status";
const DETAILS: &str = "grpc-status-details-bin";
const ENCODING: &str = "grpc-encoding";

/// A message follows this: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// Calls the services of one collector.
pub(super) struct Grpc {
    remote: Remote,
    /// One connection, made again when it breaks.
    channel: Mutex<Channel>,
    headers: HeaderMap,
}

impl Grpc {
    /// Does not connect: that is done when it is needed.
    ///
    /// # Errors
    /// What is wrong with address or certificates.
    pub(super) fn new(
        endpoint: &Endpoint,
        mut headers: HeaderMap,
        gzip: bool,
        pem: &Pem,
        connect: Duration,
    ) -> Result<Self, String> {
        let uri = endpoint.uri();
        // Without the path: the service's own follows.
        let root = format!(
            "{}://{}",
            uri.scheme_str().unwrap_or_default(),
            uri.authority().map(http::uri::Authority::as_str).unwrap_or_default()
        );
        let wrong = |error| format!("otlp: {}", SendError::network(&error));
        let mut remote = Remote::from_shared(root)
            .and_then(|remote| remote.user_agent(super::resource::USER_AGENT))
            .map_err(wrong)?
            .connect_timeout(connect)
            // A status is in a header, and a message of it may be long.
            .http2_max_header_list_size(u32::try_from(LARGEST).unwrap_or(u32::MAX));
        if endpoint.is_https() {
            remote = remote.tls_config(pem.tonic()).map_err(wrong)?;
        }
        let channel = Mutex::new(remote.connect_lazy());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(TE, HeaderValue::from_static("trailers"));
        if gzip {
            headers.insert(ENCODING, HeaderValue::from_static("gzip"));
        }
        // Servers in Go answer in the encoding of the request, whatever is said to be accepted.
        headers.insert("grpc-accept-encoding", HeaderValue::from_static("gzip,identity"));
        Ok(Self { remote, channel, headers })
    }

    /// From now on a new connection.
    pub(super) fn renew(&self) {
        *self.channel.lock().unwrap_or_else(PoisonError::into_inner) = self.remote.connect_lazy();
    }

    /// One try.
    pub(super) async fn call(
        &self,
        method: PathAndQuery,
        message: Bytes,
        patience: Patience,
    ) -> Result<ExportResponse, SendError> {
        let mut channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut request = Request::post(Uri::from(method))
            .body(body::Body::new(Full::new(self.framed(&message)?)))
            .map_err(|error| SendError::refused(error.to_string()))?;
        request.headers_mut().extend(self.headers.clone());
        let answer = async {
            poll_fn(|context| channel.poll_ready(context)).await?;
            channel.call(request).await
        };
        let answer = async { answer.await.map_err(|error| SendError::network(&error)) };
        judge(Answer::read(answer, patience).await?)
    }

    fn framed(&self, message: &[u8]) -> Result<Bytes, SendError> {
        let length = u32::try_from(message.len()).map_err(|error| SendError::refused(error.to_string()))?;
        let compressed = u8::from(self.headers.contains_key(ENCODING));
        Ok([&[compressed][..], &length.to_be_bytes(), message].concat().into())
    }
}

/// The status decides. Where none came a message does, for a server sends one only of what it took.
fn judge(answer: Answer) -> Result<ExportResponse, SendError> {
    let status = answer.header(STATUS).map(|code| {
        let message = answer.header("grpc-message").unwrap_or_default();
        let message = percent_encoding::percent_decode_str(message).decode_utf8_lossy().into_owned();
        Status::with_details(Code::from_bytes(code.as_bytes()), message, details(&answer))
    });
    let message = answer.body.get(PREFIX..).filter(|_| answer.is("application/grpc"));
    match (status, message) {
        (Some(status), _) if status.code() != Code::Ok => Err(SendError::grpc(&status)),
        (None, None) => Err(without_status(answer)),
        (_, message) => {
            let message = message.unwrap_or_default();
            let packed = answer.body.first() == Some(&1);
            Ok(if packed { answer::accepted(&answer::unpacked(message)) } else { answer::accepted(message) })
        }
    }
}

fn details(answer: &Answer) -> Bytes {
    let text = answer.header(DETAILS).unwrap_or_default();
    let mut headers = HeaderMap::new();
    headers
        .extend(HeaderValue::from_str(text).ok().map(|text| (http::HeaderName::from_static(DETAILS), text)));
    let details = MetadataMap::from_headers(headers);
    details.get_bin(DETAILS).and_then(|value| value.to_bytes().ok()).unwrap_or_default()
}

/// What answers so is no gRPC server, or stands before one: the code is that of gRPC's table for HTTP.
fn without_status(answer: Answer) -> SendError {
    let code = match answer.status() {
        StatusCode::BAD_REQUEST => Code::Internal,
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND => Code::Unimplemented,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Code::Unavailable,
        _ => Code::Unknown,
    };
    let words =
        format!("HTTP {} without a status of gRPC{}", answer.status(), failure::said(&answer.redirect()));
    let error = SendError::grpc(&Status::new(code, words));
    if answer.status() == StatusCode::OK { answer.broken.unwrap_or(error) } else { error }
}
