//! The HTTP server. Routes, all for `GET` and `HEAD`:
//!
//! | path | answer |
//! |---|---|
//! | `/` | landing page: every store, its health, its queues |
//! | `/metrics` (`--web.telemetry-path`) | all metrics: text 0.0.4 or OpenMetrics 1.0, gzip |
//! | `/livez`, `/-/healthy` | `ok` while the process runs |
//! | `/readyz`, `/-/ready` | 200 once every store's first poll has ended, well or not; one line a store |
//!
//! A request never waits for a poll and never causes one: it takes the view that is there. A store that is down
//! does not make the exporter unready: its metrics say so, and a restart would not help.
//!
//! Nothing a client does may take the server from the others: heads have a time limit (which also ends idle
//! connections), answers must be taken, bodies are not read, connections have a cap, at which one that only waits for
//! its client gives its place to a new one. Nothing here knows a database or a metric's name, and no header of a request
//! ends up in an answer.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::observe::Readers;

mod accept;
mod connections;
mod landing;
mod phase;
mod render;
mod respond;
mod routes;
mod stall;
mod when;

#[cfg(test)]
mod tests;

use accept::Acceptor;
use connections::Connections;
use routes::Site;

/// What the server needs of the settings.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) telemetry_path: String,
    pub(crate) max_connections: usize,
    pub(crate) header_read_timeout: Duration,
    pub(crate) drain_timeout: Duration,
}

impl From<&crate::config::Settings> for Settings {
    fn from(settings: &crate::config::Settings) -> Self {
        Self {
            telemetry_path: settings.telemetry_path.clone(),
            max_connections: settings.max_connections,
            header_read_timeout: settings.header_read_timeout,
            drain_timeout: settings.drain_timeout,
        }
    }
}

/// Answers requests from what the readers show.
#[derive(Debug)]
pub(crate) struct Server {
    readers: Readers,
    settings: Settings,
}

impl Server {
    pub(crate) fn new(readers: Readers, settings: Settings) -> Self {
        Self { readers, settings }
    }

    /// Serves until `stop` resolves, then drains: no new connections, idle ones close, requests in flight have
    /// the drain timeout to end. When this returns, nothing of the server is left.
    pub(crate) async fn serve(self, listeners: Vec<TcpListener>, stop: impl Future<Output = ()>) {
        let Self { readers, settings } = self;
        let site = Site::new(readers, settings.telemetry_path);
        let mut connections = Connections::new(site, settings.max_connections, settings.header_read_timeout);
        let mut acceptor = Acceptor::new(listeners);
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                () = connections.ended() => {}
                (stream, peer) = acceptor.accept() => connections.admit(stream, peer),
            }
        }
        drop(acceptor);
        connections.drain(settings.drain_timeout).await;
    }
}
