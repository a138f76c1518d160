//! OTLP over HTTP/1.1: protobuf, posted. Redirects are not followed, proxies not used.

use std::time::{Duration, SystemTime};

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use prost::Message as _;

use super::failure::SendError;
use super::tls::Pem;
use crate::config::Endpoint;

const PROTOBUF: &str = "application/x-protobuf";

/// The most that is read of an answer: one to an export is some hundred bytes.
const LARGEST_ANSWER: usize = 1 << 20;

/// Posts to one address.
pub(super) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    uri: Uri,
    headers: HeaderMap,
}

impl Http {
    /// # Errors
    /// What is wrong with certificates.
    pub(super) fn new(
        endpoint: &Endpoint,
        mut headers: HeaderMap,
        gzip: bool,
        pem: &Pem,
        connect: Duration,
    ) -> Result<Self, String> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(connect));
        tcp.set_nodelay(true);
        // What HTTPS needs may be absent where nobody speaks it.
        let tls = if endpoint.is_https() { pem.rustls()? } else { no_tls()? };
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(super::client::USER_AGENT));
        if gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, uri: endpoint.uri().clone(), headers })
    }

    /// One try.
    pub(super) async fn post(&self, body: Bytes) -> Result<Bytes, SendError> {
        // Said also of nothing, which an empty export is: servers may insist.
        let length = HeaderValue::from(body.len());
        let mut request = Request::post(self.uri.clone())
            .body(Full::new(body))
            .map_err(|error| SendError::refused(error.to_string()))?;
        request.headers_mut().extend(self.headers.clone());
        request.headers_mut().insert(CONTENT_LENGTH, length);
        let answer = self.client.request(request).await.map_err(|error| SendError::network(&error))?;
        let (head, body) = answer.into_parts();
        let body = read(body).await?;
        if head.status.is_success() {
            return Ok(body);
        }
        let retry_after = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        Err(SendError::http(head.status, retry_after, &words(&head.headers, &body), SystemTime::now()))
    }
}

async fn read(body: Incoming) -> Result<Bytes, SendError> {
    match Limited::new(body, LARGEST_ANSWER).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => Err(SendError::network(&*error)),
    }
}

/// What an answer says in words: OTLP has them in a message, what stands before a collector in plain text.
fn words(headers: &HeaderMap, body: &Bytes) -> String {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.starts_with(PROTOBUF) {
        tonic_types::pb::Status::decode(body.clone()).map(|status| status.message).unwrap_or_default()
    } else if kind.starts_with("text/plain") {
        String::from_utf8_lossy(body).trim().to_owned()
    } else {
        String::new()
    }
}

/// Trusts nobody.
fn no_tls() -> Result<rustls::ClientConfig, String> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}
