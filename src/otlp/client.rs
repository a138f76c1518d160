//! Sends one request of any signal, and tries again while that may help and there is time.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use hyper::body::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use tokio::time::Instant;

use super::answer::Patience;
use super::export::{Export, ExportResponse};
use super::failure::{self, SendError};
use super::grpc::Grpc;
use super::http::Http;
use super::tls::Pem;
use crate::config::{Endpoint, Otlp, Protocol};
use crate::labels::{ExportOutcome, Signal};
use crate::output;

/// The first pause between two tries, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Shorter parts of a header's value than this are no secret, and their absence would make words unreadable.
const SHORTEST_SECRET: usize = 4;

/// A collector for one signal.
pub(crate) struct Client {
    transport: Transport,
    timeout: Duration,
    gzip: bool,
    /// What no message may repeat.
    secrets: Vec<String>,
}

#[allow(
    clippy::large_enum_variant,
    reason = "one a signal; how large depends on what others ask of the library"
)]
enum Transport {
    Grpc(Box<Grpc>),
    Http(Box<Http>),
}

impl Client {
    /// Reads the certificates; does not connect. Inside a Tokio runtime.
    ///
    /// # Errors
    /// Everything that is wrong with the settings.
    pub(crate) fn new(settings: &Otlp, endpoint: &Endpoint) -> Result<Self, Vec<String>> {
        let pem = if endpoint.is_https() { Pem::read(settings)? } else { Pem::default() };
        let Otlp { headers, timeout, gzip, .. } = settings;
        let transport = match settings.protocol {
            Protocol::Grpc => {
                Grpc::new(endpoint, headers.clone(), *gzip, &pem, *timeout).map(Box::new).map(Transport::Grpc)
            }
            Protocol::Http => {
                Http::new(endpoint, headers.clone(), *gzip, &pem, *timeout).map(Box::new).map(Transport::Http)
            }
        };
        let values = headers.values().filter_map(|value| value.to_str().ok());
        let query = endpoint.uri().query();
        let mut secrets: Vec<String> = values
            .chain(query)
            .flat_map(|text| [vec![text], text.split([' ', '=', '&']).collect()].concat())
            .filter(|text| text.len() >= SHORTEST_SECRET)
            .map(str::to_owned)
            .collect();
        // The longest first: a part may be part of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Ok(Self {
            transport: transport.map_err(|error| vec![error])?,
            timeout: *timeout,
            gzip: *gzip,
            secrets,
        })
    }

    /// Sends a request until it is taken, refused, or the time is over.
    pub(crate) async fn send<E: Export + 'static>(&self, request: E) -> Result<ExportResponse, SendError> {
        let sent = self.send_until::<E>(self.body(request).await?, Patience::of(self.timeout)).await;
        match sent {
            Ok(ExportResponse { rejected, message }) => {
                Ok(ExportResponse { rejected, message: failure::without(message, &self.secrets) })
            }
            Err(error) => Err(error.without(&self.secrets)),
        }
    }

    /// A request that holds nothing: whether the collector would take one that does.
    pub(crate) async fn probe(&self, signal: Signal) -> Result<(), SendError> {
        let accepted = match signal {
            Signal::Metrics => self.send(ExportMetricsServiceRequest::default()).await,
            Signal::Traces => self.send(ExportTraceServiceRequest::default()).await,
            Signal::Logs => self.send(ExportLogsServiceRequest::default()).await,
        };
        accepted.map(|_| ())
    }

    async fn send_until<E: Export>(
        &self,
        body: Bytes,
        patience: Patience,
    ) -> Result<ExportResponse, SendError> {
        let mut backoff = BACKOFF.0;
        loop {
            let error = match self.attempt::<E>(body.clone(), patience).await {
                Err(error) => error,
                taken => return taken,
            };
            if error.outcome == ExportOutcome::Timeout {
                self.renew();
                return Err(error);
            }
            let pause = error.wait.unwrap_or_else(|| jitter(backoff));
            if !error.again || Instant::now() + pause >= patience.until {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            backoff = (backoff * 2).min(BACKOFF.1);
        }
    }

    async fn attempt<E: Export>(&self, body: Bytes, patience: Patience) -> Result<ExportResponse, SendError> {
        match &self.transport {
            Transport::Grpc(grpc) => grpc.call(E::method(), body, patience).await,
            Transport::Http(http) => http.post(body, patience).await,
        }
    }

    /// A connection that died without a word would swallow what follows, too.
    fn renew(&self) {
        match &self.transport {
            Transport::Grpc(grpc) => grpc.renew(),
            // Has closed the connection whose answer nobody waits for any more.
            Transport::Http(_) => {}
        }
    }

    /// What is sent, made away from the event loop.
    async fn body<E: Export + 'static>(&self, request: E) -> Result<Bytes, SendError> {
        let gzip = self.gzip;
        let made = tokio::task::spawn_blocking(move || {
            let body = request.encode_to_vec();
            if gzip { output::gzip(&body) } else { Ok(body) }
        });
        let made = made.await.unwrap_or_else(|error| Err(error.into()));
        made.map(Bytes::from).map_err(|error| SendError::refused(format!("cannot be encoded: {error}")))
    }
}

/// Half of a pause or more, so that many exporters do not come back at the same moment.
fn jitter(pause: Duration) -> Duration {
    let random = RandomState::new().hash_one(());
    // The lower 16 bits are as random as any.
    let part = u32::try_from(random & 0xffff).unwrap_or(0);
    pause / 2 + pause / 2 * part / 0xffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_differ_and_stay_within_bounds() {
        let pauses: Vec<Duration> = (0..100).map(|_| jitter(BACKOFF.1)).collect();
        assert!(pauses.iter().all(|pause| (BACKOFF.1 / 2..=BACKOFF.1).contains(pause)), "{pauses:?}");
        assert!(pauses.iter().any(|pause| *pause != pauses[0]));
    }
}
