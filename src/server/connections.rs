//! The open connections: how many there may be, what bounds each of them, and how they end.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

use super::accept::QUIET;
use super::phase::{At, Phase};
use super::routes::Site;
use super::stall::WriteLimit;
use crate::telemetry::LogThrottle;

/// A scrape's head is below 1 kB; a browser on a host with many cookies sends some.
const MAX_HEAD_BYTES: usize = 32 * 1024;

/// A connection on which nothing is asked for so long is closed, however long others may stay idle.
const FIRST_HEAD: Duration = Duration::from_secs(10);

/// One task for each open connection. Dropping this ends them all at once.
pub(super) struct Connections {
    site: Arc<Site>,
    http: http1::Builder,
    open: HashMap<Id, (AbortHandle, Phase)>,
    max: usize,
    /// For reading heads, for staying idle, and for taking an answer.
    limit: Duration,
    full: LogThrottle<()>,
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
            open: HashMap::new(),
            max,
            limit,
            full: LogThrottle::every(QUIET),
            serving: watch::Sender::new(()),
            tasks: JoinSet::new(),
        }
    }

    /// Serves a new connection. When there are too many, one that only waits for its client is closed for it; if there is
    /// none, the new one is, for an answer would need a place, too.
    pub(super) fn admit(&mut self, stream: TcpStream, peer: SocketAddr) {
        if !self.has_place() {
            if let Some(unsaid) = self.full.admit((), Instant::now()) {
                let max = self.max;
                tracing::warn!(max, unsaid, "connections closed: too many are open (web.max-connections)");
            }
            if !self.make_place() {
                tracing::debug!(%peer, "connection closed: too many are open");
                return;
            }
        }
        // Small answers leave at once instead of waiting for an acknowledgement.
        let _ = stream.set_nodelay(true);
        let phase = Phase::new();
        let stream = TokioIo::new(WriteLimit::new(stream, self.limit, phase.clone()));
        let (site, of) = (Arc::clone(&self.site), phase.clone());
        let answer = service_fn(move |request| {
            let (site, phase) = (Arc::clone(&site), of.clone());
            async move {
                phase.enter(At::Work);
                let answer = site.answer(request).await;
                phase.enter(At::Answer);
                Ok::<_, Infallible>(answer)
            }
        });
        let connection = self.http.serve_connection(stream, answer);
        let mut draining = self.serving.subscribe();
        let silent = silent(phase.clone(), FIRST_HEAD.min(self.limit));
        let task = self.tasks.spawn(async move {
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = silent => return,
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
        self.open.insert(task.id(), (task, phase));
    }

    fn has_place(&mut self) -> bool {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.forget(ended);
        }
        self.open.len() < self.max
    }

    /// Closes the connection that has waited for its client longest. False if none waits.
    fn make_place(&mut self) -> bool {
        let now = Instant::now();
        let waiting = self.open.iter().filter_map(|(id, (_, phase))| Some((phase.waits_since(now)?, *id)));
        let longest = waiting.min_by_key(|(since, _)| *since);
        let Some((task, _)) = longest.and_then(|(_, id)| self.open.remove(&id)) else { return false };
        task.abort();
        true
    }

    fn forget(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        self.open.remove(&id);
        log_defect(ended.map(|_| ()));
    }

    /// Waits for a connection to end; without any, for ever. Cancel safe.
    pub(super) async fn ended(&mut self) {
        match self.tasks.join_next_with_id().await {
            Some(ended) => self.forget(ended),
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

/// Returns if nothing is asked on a new connection.
async fn silent(phase: Phase, limit: Duration) {
    tokio::time::sleep(limit).await;
    if !phase.is_new() {
        std::future::pending::<()>().await;
    }
}

fn log_defect(ended: Result<(), JoinError>) {
    if let Err(error) = ended.or_else(|error| if error.is_cancelled() { Ok(()) } else { Err(error) }) {
        tracing::error!(%error, "a request was not answered: a defect of this program");
    }
}
