//! OTLP over HTTP/1.1: protobuf, posted. Redirects are not followed, proxies not used.

use std::time::{Duration, SystemTime};

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Uri};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::answer::{self, Answer, LARGEST, Patience};
use super::export::ExportResponse;
use super::failure::SendError;
use super::tls::Pem;
use crate::config::Endpoint;

const PROTOBUF: &str = "application/x-protobuf";

/// Of an answer's headers; the library's own limit is 100.
const MOST_HEADERS: usize = 1_000;

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
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(super::resource::USER_AGENT));
        if gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let client = Client::builder(TokioExecutor::new())
            .http1_max_buf_size(LARGEST)
            .http1_max_headers(MOST_HEADERS)
            .build(connector);
        Ok(Self { client, uri: endpoint.uri().clone(), headers })
    }

    /// One try.
    pub(super) async fn post(&self, body: Bytes, patience: Patience) -> Result<ExportResponse, SendError> {
        // Said also of nothing, which an empty export is: servers may insist.
        let length = HeaderValue::from(body.len());
        let mut request = Request::post(self.uri.clone())
            .body(Full::new(body))
            .map_err(|error| SendError::refused(error.to_string()))?;
        request.headers_mut().extend(self.headers.clone());
        request.headers_mut().insert(CONTENT_LENGTH, length);
        let answer = async { self.client.request(request).await.map_err(|error| SendError::network(&error)) };
        judge(&Answer::read(answer, patience).await?)
    }
}

/// The head decides.
fn judge(answer: &Answer) -> Result<ExportResponse, SendError> {
    let status = answer.status();
    let packed = answer.header(CONTENT_ENCODING) == Some("gzip");
    let body = if packed { answer::unpacked(&answer.body) } else { answer.body.clone() };
    if !status.is_success() {
        let words = if answer.is(PROTOBUF) {
            // OTLP has them in a message, what stands before a collector in plain text.
            answer::status_message(&body)
        } else if answer.is("text/plain") {
            String::from_utf8_lossy(&body).trim().to_owned()
        } else {
            String::new()
        };
        let redirect = answer.redirect();
        let words = if redirect.is_empty() { words } else { redirect };
        return Err(SendError::http(status, answer.header(RETRY_AFTER), &words, SystemTime::now()));
    }
    if answer.is("text/html") {
        return Err(SendError::refused(format!("HTTP {status}, but a page for people. Check the address")));
    }
    if body.is_empty() || answer.is(PROTOBUF) || answer.header(CONTENT_TYPE).is_none() {
        return Ok(answer::accepted(&body));
    }
    // Some take what they are sent and say so in their own words.
    let message = format!("HTTP {status}, not in OTLP's own words. If nothing arrives, check the address");
    Ok(ExportResponse { rejected: 0, message })
}

/// Trusts nobody.
fn no_tls() -> Result<rustls::ClientConfig, String> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}
