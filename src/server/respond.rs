//! Building responses. Every response passes here, so what all need cannot be forgotten in one place.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

pub(super) type Answer = Response<Full<Bytes>>;

pub(super) const PLAIN: &str = "text/plain; charset=utf-8";
pub(super) const HTML: &str = "text/html; charset=utf-8";

/// A response of the given type. Never stored by caches: an old answer would look fresh.
pub(super) fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    with(&mut answer, header::CONTENT_TYPE, content_type);
    with(&mut answer, header::CACHE_CONTROL, "no-store");
    with(&mut answer, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    answer
}

/// A plain text of whole lines.
pub(super) fn plain(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    answer(status, PLAIN, body)
}

/// A page that loads nothing, runs nothing and is shown in no frame.
pub(super) fn page(body: String) -> Answer {
    let mut answer = answer(StatusCode::OK, HTML, body);
    with(
        &mut answer,
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    with(&mut answer, header::REFERRER_POLICY, "no-referrer");
    answer
}

pub(super) fn with(answer: &mut Answer, name: HeaderName, value: &'static str) {
    answer.headers_mut().insert(name, HeaderValue::from_static(value));
}
