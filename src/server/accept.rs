//! Accepting connections from several listeners, and surviving when the system refuses.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};

/// Out of file descriptors, every accept fails at once until one is free: without a pause that is a busy loop.
const PAUSE: Duration = Duration::from_millis(50);

/// The listeners, served in turn.
pub(super) struct Acceptor {
    listeners: Vec<TcpListener>,
    next: usize,
    refused: Seldom,
}

impl Acceptor {
    pub(super) fn new(listeners: Vec<TcpListener>) -> Self {
        Self { listeners, next: 0, refused: Seldom::default() }
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
                    if let Some(unsaid) = self.refused.due() {
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

/// Lets a repeated message through once in a while: a flood of connections must not become a flood of logs.
#[derive(Default)]
pub(super) struct Seldom {
    last: Option<Instant>,
    unsaid: u64,
}

impl Seldom {
    const PERIOD: Duration = Duration::from_secs(30);

    /// Whether to say it now; if so, how often it was not said since the last time.
    pub(super) fn due(&mut self) -> Option<u64> {
        self.due_at(Instant::now())
    }

    fn due_at(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now.duration_since(last) < Self::PERIOD) {
            self.unsaid += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_said_once_a_period() {
        let (mut seldom, start) = (Seldom::default(), Instant::now());
        assert_eq!(seldom.due_at(start), Some(0));
        assert_eq!(seldom.due_at(start), None);
        assert_eq!(seldom.due_at(start + Seldom::PERIOD / 2), None);
        assert_eq!(seldom.due_at(start + Seldom::PERIOD), Some(2));
        assert_eq!(seldom.due_at(start + Seldom::PERIOD * 3), Some(0));
    }

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
