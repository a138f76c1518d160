//! The exporter as a process: started, scraped, measured, stopped.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::cpu;

pub(crate) struct Exporter {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) started: Instant,
}

/// How many polls the exporter has ended, how long they took together, and what it has read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Polls {
    pub(crate) count: f64,
    pub(crate) seconds: f64,
    /// Events it has counted.
    pub(crate) events: f64,
}

impl Exporter {
    /// `store` is its URL.
    pub(crate) fn start(binary: &Path, store: &str, interval: &str) -> anyhow::Result<Self> {
        Self::start_with(binary, store, interval, &[])
    }

    pub(crate) fn start_with(
        binary: &Path,
        store: &str,
        interval: &str,
        more: &[&str],
    ) -> anyhow::Result<Self> {
        // A free port: taken and given back; nobody else is expected to want it on this machine.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let started = Instant::now();
        let child = Command::new(binary)
            .args(["serve", "--log.level", "error", "--poll-interval", interval])
            .args(["--store", &format!("bench={store}")])
            .args(["--web.listen-address", &address.to_string()])
            .args(more)
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start the exporter")?;
        Ok(Self { child, address, started })
    }

    /// Time from the start of the process until the first view of the store is served.
    pub(crate) fn first_view(&self) -> anyhow::Result<Duration> {
        loop {
            if self.scrape().is_ok_and(|body| body.contains("\nduroxide_up{store=\"bench\"} 1")) {
                return Ok(self.started.elapsed());
            }
            ensure!(self.started.elapsed() < Duration::from_secs(120), "no view after two minutes");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// One scrape on a connection of its own.
    pub(crate) fn scrape(&self) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// Seconds of each of `n` scrapes on one kept connection, as Prometheus does them.
    pub(crate) fn scrapes(&self, n: usize) -> anyhow::Result<Vec<f64>> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut writer = stream;
        let mut seconds = Vec::with_capacity(n);
        let mut body = Vec::new();
        for _ in 0..n {
            let began = Instant::now();
            writer.write_all(b"GET /metrics HTTP/1.1\r\nHost: bench\r\n\r\n")?;
            let mut length = 0;
            loop {
                let mut line = String::new();
                ensure!(reader.read_line(&mut line)? > 0, "the exporter closed the connection");
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse()?;
                }
                if line == "\r\n" {
                    break;
                }
            }
            body.resize(length, 0);
            reader.read_exact(&mut body)?;
            seconds.push(began.elapsed().as_secs_f64());
        }
        Ok(seconds)
    }

    /// A line of `/proc/PID/status`, in KiB.
    pub(crate) fn memory_kib(&self, key: &str) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(key)).context("no such line")?;
        Ok(line.trim_start_matches(':').trim().trim_end_matches(" kB").parse()?)
    }

    /// Seconds of CPU time of the process so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<f64> {
        cpu::of_process(self.child.id())
    }

    pub(crate) fn polls(&self) -> anyhow::Result<Polls> {
        let body = self.scrape()?;
        let value = |what| sum(&body, &format!("duroxide_poll_duration_seconds_{what}"));
        let events = sum(&body, "duroxide_history_events_total");
        Ok(Polls { count: value("count"), seconds: value("sum"), events })
    }

    pub(crate) fn series(&self) -> anyhow::Result<usize> {
        let body = self.scrape()?;
        let ours = |line: &&str| line.starts_with("duroxide_") || line.starts_with("process_");
        Ok(body.lines().filter(ours).count())
    }

    /// Events that are there and not counted yet; `None` before the first view.
    pub(crate) fn backlog(&self) -> anyhow::Result<Option<f64>> {
        let body = self.scrape()?;
        let name = "duroxide_history_backlog_events";
        Ok(body.contains(&format!("\n{name}{{")).then(|| sum(&body, name)))
    }

    /// Waits for the end of the next poll: its duration in seconds. Scrapes rarely, to be no load of its own.
    pub(crate) async fn next_poll(&self) -> anyhow::Result<f64> {
        let (before, began) = (self.polls()?, Instant::now());
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let now = self.polls()?;
            if now.count > before.count {
                return Ok((now.seconds - before.seconds) / (now.count - before.count));
            }
            ensure!(began.elapsed() < Duration::from_secs(300), "no poll for five minutes");
        }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // Only ever the process started above.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The sum of all series of a name.
fn sum(body: &str, name: &str) -> f64 {
    let values = body.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?.strip_prefix('{')?;
        rest.rsplit_once(' ')?.1.parse::<f64>().ok()
    });
    values.sum()
}
