//! A small scraper: HTTP GET, the text format 0.0.4, and waiting for a condition.
//!
//! Written by hand so that a mistake of the exporter's own encoder cannot hide behind a shared parser.

use std::{fmt::Display, net::SocketAddr, time::Duration};

use anyhow::{Context as _, bail, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::Instant,
};

use crate::series::{Series, key};

pub use cluster::PATIENCE;

/// Body of `GET path`; anything but a 200 is an error.
pub async fn get(addr: SocketAddr, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(addr).await.with_context(|| format!("connecting to {addr}"))?;
    // HTTP/1.0 keeps the body free of chunks and lets the server close the connection.
    let request = format!("GET {path} HTTP/1.0\r\nHost: {addr}\r\nAccept: text/plain;version=0.0.4\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8(answer).context("the answer is UTF-8")?;
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer has a head")?;
    let status = head.lines().next().unwrap_or_default();
    ensure!(status.split(' ').nth(1) == Some("200"), "GET {path}: {status}\n{body}");
    Ok(body.to_owned())
}

/// One scrape of `/metrics`.
pub async fn metrics(addr: SocketAddr) -> anyhow::Result<Series> {
    parse(&get(addr, "/metrics").await?)
}

/// Parses an exposition. A series that appears twice is an error: Prometheus rejects the whole scrape then.
pub fn parse(text: &str) -> anyhow::Result<Series> {
    ensure!(text.is_empty() || text.ends_with('\n'), "the exposition does not end with a line feed");
    let mut series = Series::new();
    for line in text.split('\n').filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, value) = parse_line(line).with_context(|| format!("in the line {line:?}"))?;
        ensure!(series.insert(name.clone(), value).is_none(), "the series {name} appears twice");
    }
    Ok(series)
}

/// Brings a key written by somebody else into the canonical spelling.
pub fn canonical(name: &str) -> anyhow::Result<String> {
    Ok(parse_name(name)?.0)
}

fn parse_line(line: &str) -> anyhow::Result<(String, f64)> {
    let (name, rest) = parse_name(line)?;
    let mut fields = rest.split_ascii_whitespace();
    let value = match fields.next().context("no value")? {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        number => number.parse().with_context(|| format!("{number:?} is no number"))?,
    };
    ensure!(fields.next().is_none(), "something follows the value");
    Ok((name, value))
}

/// The canonical key at the start of `text`, and what follows it.
fn parse_name(text: &str) -> anyhow::Result<(String, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')).unwrap_or(text.len());
    let (family, mut rest) = text.split_at(end);
    ensure!(!family.is_empty(), "no metric name");
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            rest = rest.strip_prefix(',').unwrap_or(rest);
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            let (label, after) = rest.split_once("=\"").context("a label without a value")?;
            let (value, after) = unescape(after)?;
            ensure!(!labels.iter().any(|(name, _)| *name == label), "the label {label} appears twice");
            labels.push((label, value));
            rest = after;
        }
    }
    let labels: Vec<_> = labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Ok((key(family, &labels), rest))
}

/// A label value up to its closing quote, and what follows.
fn unescape(text: &str) -> anyhow::Result<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, text.get(at + 1..).unwrap_or_default())),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped @ ('\\' | '"'))) => value.push(escaped),
                other => bail!("\\ before {other:?} is no escape of the text format"),
            },
            c => value.push(c),
        }
    }
    bail!("a label value without its closing quote")
}

/// What a look at a condition brings: what is waited for, or what was seen instead.
pub trait Look {
    /// What is waited for.
    type Value;

    /// The value, or what was seen instead.
    fn outcome(self) -> Result<Self::Value, String>;
}

impl<T> Look for Option<T> {
    type Value = T;

    fn outcome(self) -> Result<T, String> {
        self.ok_or_else(|| "nothing that can be told".to_owned())
    }
}

impl<T, E: Display> Look for Result<T, E> {
    type Value = T;

    fn outcome(self) -> Result<T, String> {
        self.map_err(|seen| seen.to_string())
    }
}

/// Looks again and again until `condition` gives a value. `what` is what the failure message misses; it also tells what
/// was seen last.
pub async fn wait_for<L: Look>(what: &str, mut condition: impl AsyncFnMut() -> L) -> L::Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match condition().await.outcome() {
            Ok(value) => return value,
            Err(seen) => {
                assert!(
                    Instant::now() < deadline,
                    "waited {PATIENCE:?} in vain for {what}; last seen: {seen}"
                );
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_format_is_read_with_all_its_escapes() {
        let series = parse(
            "# HELP a b\n# TYPE a gauge\na 1\nb{x=\"q\\\"\\\\\\n,}\",empty=\"\",c=\"2\"} 2.5\nc{} +Inf\n",
        )
        .unwrap();
        assert_eq!(series["a"], 1.0);
        assert_eq!(series[&key("b", &[("c", "2"), ("x", "q\"\\\n,}")])], 2.5);
        assert_eq!(series["c"], f64::INFINITY);
    }

    #[test]
    fn what_prometheus_would_refuse_is_refused() {
        for bad in [
            "a 1\na 1\n",
            "a\n",
            "a{x=\"1} 1\n",
            "a{x=\"\\t\"} 1\n",
            "a 1",
            "a x\n",
            "a{x=\"1\",x=\"2\"} 1\n",
        ] {
            assert!(parse(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
