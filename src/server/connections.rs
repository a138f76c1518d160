//! The open connections: how many there may be, what bounds each of them, and how they end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinError, JoinSet};

use super::accept::Seldom;
use super::routes::Site;
use super::stall::WriteLimit;

/// A scrape's head is below 1 kB; a browser on a host with many cookies sends some.
const MAX_HEAD_BYTES: usize = 32 * 1024;

/// One task for each open connection. Dropping this ends them all at once.
pub(super) struct Connections {
    site: Arc<Site>,
    http: http1::Builder,
    places: Arc<Semaphore>,
    max: usize,
    /// For reading heads, for staying idle, and for taking an answer.
    limit: Duration,
    full: Seldom,
    /// Dropped to tell every connection to end after the request in flight.
    serving: watch::Sender<()>,
    tasks: JoinSet<()>,
}

impl Connections {
    pub(super) fn new(site: Site, max: usize, limit: Duration) -> Self {
        let mut http = http1::Builder::new();
        // Without a timer hyper ignores its own default and panics on any other limit. The limit also
        // ends connections that stay idle or silent.
        http.timer(TokioTimer::new()).header_read_timeout(limit).max_buf_size(MAX_HEAD_BYTES);
        Self {
            site: Arc::new(site),
            http,
            places: Arc::new(Semaphore::new(max)),
            max,
            limit,
            full: Seldom::default(),
            serving: watch::Sender::new(()),
            tasks: JoinSet::new(),
        }
    }

    /// Serves a new connection, or closes it at once when there are too many: an answer would need a place, too.
    pub(super) fn admit(&mut self, stream: TcpStream, peer: SocketAddr) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            tracing::debug!(%peer, "connection closed: too many are open");
            if let Some(unsaid) = self.full.due() {
                let max = self.max;
                tracing::warn!(max, unsaid, "connections closed: too many are open (web.max-connections)");
            }
            return;
        };
        // Small answers leave at once instead of waiting for an acknowledgement.
        let _ = stream.set_nodelay(true);
        let stream = TokioIo::new(WriteLimit::new(stream, self.limit));
        let site = Arc::clone(&self.site);
        let answer = service_fn(move |request| {
            let site = Arc::clone(&site);
            async move { Ok::<_, Infallible>(site.answer(request).await) }
        });
        let connection = self.http.serve_connection(stream, answer);
        let mut draining = self.serving.subscribe();
        self.tasks.spawn(async move {
            let _place = place;
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                _ = draining.changed() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                // Clients go away and send nonsense: nothing an operator can mend.
                tracing::debug!(%peer, %error, "connection ended");
            }
        });
    }

    /// Waits for a connection to end; without any, for ever. Cancel safe.
    pub(super) async fn ended(&mut self) {
        match self.tasks.join_next().await {
            Some(ended) => log_defect(ended),
            None => std::future::pending().await,
        }
    }

    /// Lets requests in flight end, idle connections close; what is left after `timeout` is cut off.
    pub(super) async fn drain(self, timeout: Duration) {
        let Self { serving, mut tasks, .. } = self;
        drop(serving);
        let all = async {
            while let Some(ended) = tasks.join_next().await {
                log_defect(ended);
            }
        };
        if tokio::time::timeout(timeout, all).await.is_err() {
            tracing::warn!(
                cut_off = tasks.len(),
                timeout = timeout.as_secs_f64(),
                "requests in flight did not end in time"
            );
        }
        tasks.shutdown().await;
    }
}

fn log_defect(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a request was not answered: a defect of this program");
    }
}
