//! A wire that counts what passes, and that can go dead without a word, as one does behind a firewall that forgot it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// Passes on TCP connections, for as long as the test's runtime runs.
#[derive(Debug)]
pub struct Relay {
    endpoint: String,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    sent: AtomicU64,
    connections: AtomicU64,
    /// Connections up to this number are dead.
    dead: AtomicU64,
}

impl Relay {
    /// A relay to an `http` address.
    pub async fn to(endpoint: &str) -> Self {
        let to = endpoint.rsplit('/').next().expect("an authority").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&to).await.expect("the other end");
                let number = shared.connections.fetch_add(1, Ordering::SeqCst) + 1;
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                let state = Arc::clone(&shared);
                tokio::spawn(async move {
                    let mut buffer = vec![0; 1 << 16];
                    while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
                        state.sent.fetch_add(read as u64, Ordering::SeqCst);
                        let alive = number > state.dead.load(Ordering::SeqCst);
                        if alive && to_server.write_all(&buffer[..read]).await.is_err() {
                            break;
                        }
                    }
                });
                tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
            }
        });
        Self { endpoint: format!("http://localhost:{port}"), state }
    }

    /// Its address.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Bytes that clients have sent.
    pub fn sent(&self) -> u64 {
        self.state.sent.load(Ordering::SeqCst)
    }

    /// What clients send on the connections that there are arrives nowhere from now on; new ones are well.
    pub fn kill_connections(&self) {
        self.state.dead.store(self.state.connections.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}
