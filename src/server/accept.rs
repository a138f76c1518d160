//! Accepting connections from several listeners, and surviving when the system refuses.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};

use crate::telemetry::LogThrottle;

/// Out of file descriptors, every accept fails at once until one is free: without a pause that is a busy loop.
const PAUSE: Duration = Duration::from_millis(50);

/// From one line of the log about refused connections to the next.
pub(super) const QUIET: Duration = Duration::from_secs(30);

/// The listeners, served in turn.
pub(super) struct Acceptor {
    listeners: Vec<TcpListener>,
    next: usize,
    refused: LogThrottle<()>,
}

impl Acceptor {
    pub(super) fn new(listeners: Vec<TcpListener>) -> Self {
        Self { listeners, next: 0, refused: LogThrottle::every(QUIET) }
    }

    /// The next connection of any listener. Cancel safe.
    pub(super) async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match poll_fn(|context| self.poll_accept(context)).await {
                Ok(accepted) => return accepted,
                // The client was gone before we took it; the next one may be there already.
                Err(error) if is_about_the_client(&error) => {
                    tracing::debug!(%error, "connection lost before accept")
                }
                Err(error) => {
                    if let Some(unsaid) = self.refused.admit((), Instant::now()) {
                        tracing::warn!(%error, unsaid, "cannot accept connections");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        // Each time another listener is asked first, so that a busy one does not starve the rest.
        self.next = self.next.wrapping_add(1);
        let first = self.next.checked_rem(self.listeners.len()).unwrap_or(0);
        let (later, sooner) = self.listeners.split_at(first);
        for listener in sooner.iter().chain(later) {
            if let Poll::Ready(accepted) = listener.poll_accept(context) {
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    }
}

fn is_about_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_listener_is_heard() {
        let mut listeners = Vec::new();
        for _ in 0..3 {
            listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
        }
        let addresses: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
        let mut acceptor = Acceptor::new(listeners);
        for address in addresses {
            let client = TcpStream::connect(address).await.unwrap();
            let (_, peer) = acceptor.accept().await;
            assert_eq!(peer, client.local_addr().unwrap());
        }
    }
}
