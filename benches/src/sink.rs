//! What an exporter sends by OTLP over HTTP, taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The answer to what was taken, and one to what should be sent again.
pub(crate) const OK: &str = "200 OK";
pub(crate) const UNAVAILABLE: &str = "503 Service Unavailable";

/// A collector.
pub(crate) struct Sink {
    port: u16,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Sink {
    /// Listens on a port, or on any for 0. `answer` is what the answer to a path and a body is.
    pub(crate) async fn open(
        port: u16,
        answer: impl Fn(&str, &[u8]) -> &'static str + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let sink = Self { port: listener.local_addr()?.port(), counts: Arc::default() };
        let (counts, answer) = (Arc::clone(&sink.counts), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (counts, answer) = (Arc::clone(&counts), Arc::clone(&answer));
                // Ends with the connection.
                tokio::spawn(async move { take(stream, &counts, &*answer).await });
            }
        });
        Ok(sink)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn requests(&self) -> u64 {
        self.counts.requests.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.counts.bytes.load(Ordering::Relaxed)
    }
}

async fn take(
    stream: TcpStream,
    counts: &Counts,
    answer: &(impl Fn(&str, &[u8]) -> &'static str + Sync),
) -> anyhow::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut line, mut path, mut length) = (String::new(), String::new(), 0);
    while stream.read_line(&mut line).await? > 0 {
        if path.is_empty() {
            line.split(' ').nth(1).unwrap_or("/").clone_into(&mut path);
        } else if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse()?;
        } else if line == "\r\n" {
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await?;
            counts.requests.fetch_add(1, Ordering::Relaxed);
            counts.bytes.fetch_add(length as u64, Ordering::Relaxed);
            let status = answer(&path, &body);
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).await?;
            path.clear();
        }
        line.clear();
    }
    Ok(())
}
