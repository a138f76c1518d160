//! From a request to its answer.

use std::fmt::Write as _;

use hyper::header::{self, HeaderName};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, StatusCode};
use tracing::Instrument as _;

use super::landing;
use super::render::{Rendered, Renderer};
use super::respond::{self, Answer};
use super::when::HttpDate;
use crate::observe::{Health, Readers, Stamp, View};
use crate::output;
use crate::text::one_line;

/// All pages.
pub(super) struct Site {
    readers: Readers,
    renderer: Renderer,
    telemetry_path: String,
}

#[derive(Clone, Copy)]
enum Route {
    Landing,
    Metrics,
    Live,
    Ready,
}

impl Site {
    pub(super) fn new(readers: Readers, telemetry_path: String) -> Self {
        Self { renderer: Renderer::new(readers.clone()), readers, telemetry_path }
    }

    /// Answers from the head alone. The body is dropped unread; hyper then closes a connection that sends one.
    pub(super) async fn answer<B>(&self, request: Request<B>) -> Answer {
        let (head, _body) = request.into_parts();
        // Not the query: nothing here reads one, and people write into it what nobody should log.
        let (method, path) = (&head.method, head.uri.path());
        let span = tracing::debug_span!("request", %method, path, status = tracing::field::Empty);
        let answer = self.answer_head(&head).instrument(span.clone()).await;
        span.record("status", answer.status().as_u16());
        answer
    }

    async fn answer_head(&self, head: &Parts) -> Answer {
        let Some(route) = self.route(head.uri.path()) else {
            let telemetry = &self.telemetry_path;
            let hint = format!("not found. There are: / {telemetry} /livez /readyz /-/healthy /-/ready\n");
            return respond::plain(StatusCode::NOT_FOUND, hint);
        };
        if !matches!(head.method, Method::GET | Method::HEAD) {
            let mut answer =
                respond::plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed. Use GET or HEAD\n");
            respond::with(&mut answer, header::ALLOW, "GET, HEAD");
            return answer;
        }
        match route {
            Route::Landing => {
                respond::page(landing::page(&self.readers.view(), Stamp::now(), &self.telemetry_path))
            }
            Route::Metrics => self.metrics(&head.headers).await,
            Route::Live => respond::plain(StatusCode::OK, "ok\n"),
            Route::Ready => ready(&self.readers.view()),
        }
    }

    fn route(&self, path: &str) -> Option<Route> {
        match path {
            "/" => Some(Route::Landing),
            "/livez" | "/-/healthy" => Some(Route::Live),
            "/readyz" | "/-/ready" => Some(Route::Ready),
            path if path == self.telemetry_path => Some(Route::Metrics),
            _ => None,
        }
    }

    async fn metrics(&self, headers: &HeaderMap) -> Answer {
        let format = output::negotiate(list(headers, header::ACCEPT).as_deref());
        let gzip = output::accepts_gzip(list(headers, header::ACCEPT_ENCODING).as_deref());
        let Rendered { body, gzipped } = match self.renderer.text((format, gzip)).await {
            Ok(rendered) => rendered,
            Err(error) => {
                tracing::error!(%error, "metrics were not rendered: a defect of this program");
                return respond::plain(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "metrics could not be rendered; see the log\n",
                );
            }
        };
        let mut answer = respond::answer(StatusCode::OK, format.content_type(), body);
        respond::with(&mut answer, header::VARY, "Accept, Accept-Encoding");
        if gzipped {
            respond::with(&mut answer, header::CONTENT_ENCODING, "gzip");
        }
        answer
    }
}

/// A list header may come in several lines, which mean the same as one.
fn list(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let lines: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

/// Ready when every store has been polled once: before, a scrape would miss its series. Health never goes back to
/// starting, so neither does this.
fn ready(view: &View) -> Answer {
    let starting = view.stores.iter().any(|store| store.health == Health::Starting);
    let status = if starting { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let mut body = String::new();
    for store in &view.stores {
        // What a store says cannot pass for the line of another.
        let name = one_line(&store.name);
        // Writing to a String cannot fail.
        let _ = match &store.health {
            Health::Starting => writeln!(body, "{name}: starting: the first poll has not ended"),
            Health::Up => writeln!(body, "{name}: up"),
            Health::Down { since, reason, message } => {
                writeln!(body, "{name}: down since {}: {reason}: {}", HttpDate(since.wall), one_line(message))
            }
        };
    }
    respond::plain(status, body)
}
