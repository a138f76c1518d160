//! What is pushed by OTLP, where to, and how.
//!
//! Values only: certificates are read and names resolved by whoever pushes. What may be a secret (headers, and the user
//! part and query of an address) is in no message and no `Debug`.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use percent_encoding::percent_decode_str;

/// The part of the settings that is about OTLP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Otlp {
    /// Of a collector for every signal.
    pub(crate) endpoint: Option<Endpoint>,
    /// For metrics only; taken as it is.
    pub(crate) metrics_endpoint: Option<Endpoint>,
    pub(crate) metrics_interval: Duration,
    pub(crate) protocol: Protocol,
    /// Marked as sensitive.
    pub(crate) headers: HeaderMap,
    /// For one request, tries again included.
    pub(crate) timeout: Duration,
    pub(crate) gzip: bool,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) client_certificate: Option<PathBuf>,
    pub(crate) client_key: Option<PathBuf>,
    pub(crate) service_name: Option<String>,
    pub(crate) resource_attributes: Vec<(String, String)>,
}

impl Default for Otlp {
    fn default() -> Self {
        Self {
            endpoint: None,
            metrics_endpoint: None,
            metrics_interval: Duration::from_secs(60),
            protocol: Protocol::Http,
            headers: HeaderMap::new(),
            timeout: Duration::from_secs(10),
            gzip: false,
            certificate: None,
            client_certificate: None,
            client_key: None,
            service_name: None,
            resource_attributes: Vec::new(),
        }
    }
}

/// How requests travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Grpc,
    /// Protobuf over HTTP/1.1.
    Http,
}

impl Protocol {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http/protobuf",
        }
    }
}

/// An address of a collector: scheme, authority and path are there.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Endpoint(Uri);

impl Otlp {
    /// Where metrics go, if anywhere.
    pub(crate) fn metrics(&self) -> Option<Endpoint> {
        self.metrics_endpoint.clone().or_else(|| self.of_signal("v1/metrics"))
    }

    /// Where a signal goes that has no address of its own.
    pub(super) fn of_signal(&self, path: &str) -> Option<Endpoint> {
        let endpoint = self.endpoint.as_ref()?;
        Some(match self.protocol {
            Protocol::Grpc => endpoint.clone(),
            Protocol::Http => endpoint.join(path),
        })
    }
}

impl Endpoint {
    pub(crate) fn uri(&self) -> &Uri {
        &self.0
    }

    pub(crate) fn is_https(&self) -> bool {
        self.0.scheme() == Some(&Scheme::HTTPS)
    }

    /// A path below this one's.
    fn join(&self, path: &str) -> Self {
        let mut parts = self.0.clone().into_parts();
        let joined = format!("{}/{path}", self.0.path().trim_end_matches('/'));
        // It can be read: it is two paths that can.
        parts.path_and_query = PathAndQuery::try_from(joined).ok();
        Self(Uri::from_parts(parts).unwrap_or_else(|_| self.0.clone()))
    }
}

/// Without the query, which may hold a key.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.scheme_str().unwrap_or_default();
        let authority = self.0.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        write!(f, "{scheme}://{authority}{}", self.0.path())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads an address; `query`: whether it may have one.
pub(crate) fn endpoint(text: &str, query: bool) -> Result<Option<Endpoint>, String> {
    const FORM: &str = "is not an address of the form http://HOST:PORT or https://HOST:PORT";
    let uri: Uri = text.trim().parse().map_err(|_| FORM.to_owned())?;
    if text.contains('@') {
        return Err(
            "names a user, or has an '@' that is not written as %40; credentials belong into otlp.headers"
                .to_owned(),
        );
    }
    let known = uri.scheme() == Some(&Scheme::HTTP) || uri.scheme() == Some(&Scheme::HTTPS);
    match uri.authority() {
        Some(authority) if known => {
            if authority.host().is_empty() {
                return Err(FORM.to_owned());
            }
            if uri.query().is_some() && !query {
                return Err("has a query, which no path of a signal can follow".to_owned());
            }
            Ok(Some(Endpoint(uri)))
        }
        _ => Err(FORM.to_owned()),
    }
}

pub(super) fn protocol(text: &str) -> Result<Protocol, String> {
    match text.trim() {
        "grpc" => Ok(Protocol::Grpc),
        "http/protobuf" => Ok(Protocol::Http),
        _ => Err("is neither grpc nor http/protobuf".to_owned()),
    }
}

/// Whether to compress.
pub(super) fn compression(text: &str) -> Result<bool, String> {
    match text.trim() {
        "gzip" => Ok(true),
        "none" => Ok(false),
        _ => Err("is neither gzip nor none".to_owned()),
    }
}

/// What OTLP or HTTP itself sets.
const RESERVED: [&str; 7] =
    ["connection", "content-encoding", "content-length", "content-type", "host", "te", "transfer-encoding"];

/// Reads `NAME=VALUE,NAME=VALUE`, values percent-encoded. Messages name headers by position: after a comma that is not
/// encoded, a piece of a value looks like a name.
pub(super) fn headers(text: &str) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (position, pair) in pairs(text) {
        let (name, value) = pair.ok_or_else(|| format!("header {position} is not of the form NAME=VALUE"))?;
        let name = HeaderName::try_from(name)
            .map_err(|_| format!("header {position} has a name that HTTP does not allow"))?;
        if RESERVED.contains(&name.as_str()) || name.as_str().starts_with("grpc-") {
            return Err(format!("header {position} is one that OTLP itself sets"));
        }
        let mut value = HeaderValue::from_bytes(&percent_decode_str(value).collect::<Vec<u8>>())
            .map_err(|_| format!("header {position} has a value that HTTP does not allow"))?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

/// Reads `KEY=VALUE,KEY=VALUE`, both percent-encoded.
pub(super) fn attributes(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut attributes: Vec<(String, String)> = Vec::new();
    for (position, pair) in pairs(text) {
        let (key, value) =
            pair.ok_or_else(|| format!("attribute {position} is not of the form KEY=VALUE"))?;
        let (Some(key), Some(value)) = (decode(key), decode(value)) else {
            return Err(format!("attribute {position} is not UTF-8 when percent-decoded"));
        };
        if key.is_empty() {
            return Err(format!("attribute {position} has no key"));
        }
        // The last wins: no key may be there twice.
        attributes.retain(|(earlier, _)| *earlier != key);
        attributes.push((key, value));
    }
    Ok(attributes)
}

pub(super) fn name(text: &str) -> Result<Option<String>, String> {
    match text.trim() {
        "" => Err("is empty".to_owned()),
        name => Ok(Some(name.to_owned())),
    }
}

/// Position and halves of each pair; nothing between two commas is no pair.
fn pairs(text: &str) -> impl Iterator<Item = (usize, Option<(&str, &str)>)> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    pairs.enumerate().map(|(index, pair)| {
        let halves = pair.split_once('=').map(|(key, value)| (key.trim(), value.trim()));
        (index + 1, halves)
    })
}

fn decode(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generic_address_gets_the_path_of_the_signal_over_http_and_the_other_is_taken_as_it_is() {
        let read = |text| endpoint(text, true).unwrap();
        let mut otlp = Otlp { endpoint: read("http://c:4318"), ..Otlp::default() };
        let metrics = |otlp: &Otlp| otlp.metrics().unwrap().uri().to_string();
        assert_eq!(metrics(&otlp), "http://c:4318/v1/metrics");
        for base in ["https://c/otlp", "https://c/otlp/"] {
            otlp.endpoint = read(base);
            assert_eq!(metrics(&otlp), "https://c/otlp/v1/metrics");
        }
        otlp.protocol = Protocol::Grpc;
        assert_eq!(metrics(&otlp), "https://c/otlp/");
        otlp.protocol = Protocol::Http;
        otlp.metrics_endpoint = read("http://m/x?key=hunter2");
        assert_eq!(metrics(&otlp), "http://m/x?key=hunter2");
        assert!(!format!("{otlp:?}").contains("hunter2"));
        assert_eq!(Otlp::default().metrics(), None);
    }

    #[test]
    fn addresses_that_cannot_work() {
        for text in [
            "",
            "collector:4317",
            "localhost",
            "/v1/metrics",
            "ftp://c:1",
            "http://",
            "http://a b",
            "unix:/x",
        ] {
            assert!(endpoint(text, true).is_err(), "{text}");
        }
        for text in ["http://u:hunter2@c:4318", "http://u:12/hunter2@c:4318", "http://u:12#hunter2@c"] {
            let error = endpoint(text, true).unwrap_err();
            assert!(error.contains("otlp.headers") && !error.contains("hunter2"), "{error}");
        }
        assert!(endpoint("http://c:4318/?key=hunter2", false).unwrap_err().contains("query"));
    }

    #[test]
    fn headers_are_decoded_and_never_shown() {
        let read = headers(" authorization = Basic%20aHVudGVyMg%3D%3D , ,x-tenant=a").unwrap();
        assert_eq!(read["authorization"], "Basic aHVudGVyMg==");
        assert_eq!(read["x-tenant"], "a");
        assert!(!format!("{read:?}").contains("aHVudGVyMg"));
        for (text, expected) in [
            ("hunter2", "header 1 is not of the form NAME=VALUE"),
            ("a=b,x y=hunter2", "header 2 has a name that HTTP does not allow"),
            ("x=hunter2%0A", "header 1 has a value that HTTP does not allow"),
            ("Content-Type=hunter2", "header 1 is one that OTLP itself sets"),
            ("grpc-timeout=hunter2", "header 1 is one that OTLP itself sets"),
        ] {
            assert_eq!(headers(text).unwrap_err(), expected);
        }
    }

    #[test]
    fn attributes_are_decoded_and_the_last_of_a_key_wins() {
        let read = attributes("service.name=a,team=caf%C3%A9%2C%20bar,service.name=b").unwrap();
        let expected = [("team", "café, bar"), ("service.name", "b")];
        assert_eq!(read, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        for text in ["team", "=x", "a=%ff"] {
            assert!(attributes(text).is_err(), "{text}");
        }
    }
}
