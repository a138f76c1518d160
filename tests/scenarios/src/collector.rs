//! An OTLP collector that the project did not write: the receiver in `python/otlp_receiver.py`.
//!
//! Needs a Python with grpcio and opentelemetry-proto, named by `DUROXIDE_PYTHON`; `tests/run` makes one.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use serde_json::Value;

use crate::{
    scrape::wait_for,
    series::{Series, key},
};

/// How it is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP over gRPC.
    Grpc,
    /// OTLP over HTTP/1.1.
    Http,
}

/// Files for TLS.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// The collector's, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Who must have signed a client's certificate; `None` asks for none.
    pub client_authority: Option<PathBuf>,
}

/// A running collector; ends with the test.
#[derive(Debug)]
pub struct Collector {
    child: Child,
    orders: ChildStdin,
    protocol: Protocol,
    scheme: &'static str,
    port: u16,
    received: Arc<Mutex<Vec<Value>>>,
    reader: Option<JoinHandle<()>>,
}

impl Protocol {
    /// As the settings name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http/protobuf",
        }
    }
}

impl Collector {
    /// Starts one that takes everything. `None` when tests with Python are switched off.
    pub async fn start(protocol: Protocol) -> Option<Self> {
        Self::start_with(protocol, 0, None).await
    }

    /// The same on a port of the test's choice, and with TLS.
    pub async fn start_with(protocol: Protocol, port: u16, tls: Option<&Tls>) -> Option<Self> {
        let python = std::env::var_os("DUROXIDE_PYTHON");
        let skip = std::env::var_os("DUROXIDE_SKIP_PYTHON").is_some_and(|value| value == "1");
        assert!(
            python.is_some() || skip,
            "DUROXIDE_PYTHON names no Python with grpcio and opentelemetry-proto. `tests/run` makes one and sets it; \
             DUROXIDE_SKIP_PYTHON=1 leaves such tests out."
        );
        let python = python.filter(|_| !skip)?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/otlp_receiver.py");
        let mut command = Command::new(python);
        command.arg(script).arg(if protocol == Protocol::Grpc { "grpc" } else { "http" });
        command.args(["--port", &port.to_string()]);
        if let Some(Tls { certificate, key, client_authority }) = tls {
            command.arg("--certificate").arg(certificate).arg("--key").arg(key);
            command.args(client_authority.iter().flat_map(|file| [Path::new("--client-authority"), file]));
        }
        // What clients of tests do is no news.
        command.env("GRPC_VERBOSITY", "NONE");
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the receiver starts");
        let orders = child.stdin.take().expect("standard input");
        let received = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stdout.take().expect("standard output")).lines();
        let to = Arc::clone(&received);
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // Killed in the middle of a line, it leaves half of one.
                let Ok(line) = serde_json::from_str(&line) else { break };
                to.lock().unwrap().push(line);
            }
        });
        let reader = Some(reader);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let mut collector = Self { child, orders, protocol, scheme, port, received, reader };
        let port =
            wait_for("the receiver to listen", async || collector.line(|line| line["listening"].as_u64()))
                .await;
        collector.port = u16::try_from(port).expect("a port");
        Some(collector)
    }

    /// Its address, as a setting.
    pub fn endpoint(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.port)
    }

    /// Flags of an exporter that pushes here.
    fn flags_of_all(&self) -> Vec<String> {
        ["--otlp.endpoint", &self.endpoint(), "--otlp.protocol", self.protocol.name()]
            .map(str::to_owned)
            .to_vec()
    }

    /// The same, each `interval`.
    pub fn flags(&self, interval: &str) -> Vec<String> {
        let mut flags = self.flags_of_all();
        flags.extend(["--otlp.metrics.interval", interval].map(str::to_owned));
        flags
    }

    /// Flags of an exporter that sends traces here soon, and metrics rarely.
    pub fn flags_of_traces(&self) -> Vec<String> {
        let mut flags = self.flags_of_all();
        flags.extend(["--otlp.traces.enabled", "true", "--poll-interval", "100ms"].map(str::to_owned));
        flags
    }

    /// Flags of an exporter that sends logs here soon, and metrics rarely.
    pub fn flags_of_logs(&self) -> Vec<String> {
        let mut flags = self.flags_of_all();
        flags.extend(["--otlp.logs.enabled", "true", "--poll-interval", "100ms"].map(str::to_owned));
        flags
    }

    /// Says how requests are answered from now on; see the script.
    pub async fn order(&mut self, order: Value) {
        let count = |this: &Self| {
            this.received.lock().unwrap().iter().filter(|line| !line["order"].is_null()).count()
        };
        let before = count(self);
        writeln!(self.orders, "{order}").expect("the receiver listens to orders");
        wait_for("the receiver to take an order", async || (count(self) > before).then_some(())).await;
    }

    /// Everything that was received of metrics, in order.
    pub fn requests(&self) -> Vec<Value> {
        let received = self.received.lock().unwrap();
        let metrics = received
            .iter()
            .filter(|line| !line["answer"].is_null() && line["spans"].is_null() && line["records"].is_null());
        metrics.cloned().collect()
    }

    /// Everything that was received of traces, in order.
    pub fn traces(&self) -> Vec<Value> {
        let received = self.received.lock().unwrap();
        received.iter().filter(|line| !line["spans"].is_null()).cloned().collect()
    }

    /// Every log record that came in a request that was answered well, with its resource.
    pub fn records(&self) -> Vec<Value> {
        let received = self.received.lock().unwrap();
        let taken = received.iter().filter(|line| line["answer"] == "ok");
        let records = taken.filter_map(|line| Some((&line["resource"], line["records"].as_array()?)));
        records
            .flat_map(|(resource, records)| {
                records.iter().map(|record| {
                    let mut record = record.clone();
                    record["resource"] = resource.clone();
                    record
                })
            })
            .collect()
    }

    /// The same once there are at least so many: what was answered may not have been read from the script yet.
    pub async fn received(&self, count: usize) -> Vec<Value> {
        wait_for("requests", async || Some(self.requests()).filter(|requests| requests.len() >= count)).await
    }

    /// The next request that comes after this call.
    pub async fn next(&self) -> Value {
        let before = self.requests().len();
        wait_for("a request", async || self.requests().get(before).cloned()).await
    }

    /// Ends it, as a crash does; everything it received of traces.
    pub fn kill(mut self) -> Vec<Value> {
        self.end();
        // Lines it wrote before may still be in the pipe.
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader ends");
        }
        self.traces()
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn line<T>(&self, find: impl Fn(&Value) -> Option<T>) -> Option<T> {
        self.received.lock().unwrap().iter().find_map(find)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.end();
    }
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address").port()
}

/// A request's metrics under the names of a scrape, as the official translation has them.
pub fn series(request: &Value) -> Series {
    let table = include_str!("../../golden/otlp_names.tsv");
    let mut series = Series::new();
    let mut add = |name: &str, labels: &[(&str, &str)], value: f64| {
        let key = key(name, labels);
        assert!(series.insert(key.clone(), value).is_none(), "{key} was pushed twice");
    };
    for metric in request["metrics"].as_array().expect("metrics") {
        let name = metric["name"].as_str().expect("a name");
        let row = table.lines().find(|row| row.split('\t').next() == Some(name));
        let row: Vec<&str> =
            row.unwrap_or_else(|| panic!("{name} is not in the table")).split('\t').collect();
        assert_eq!(metric["unit"], row[1], "{name}");
        let kind = match row[2] {
            "counter" => "sum",
            kind => kind,
        };
        assert_eq!(metric["kind"], kind, "{name}");
        if kind != "gauge" {
            assert_eq!(metric["temporality"], 2, "{name} is not cumulative");
        }
        if kind == "sum" {
            assert_eq!(metric["monotonic"], true, "{name}");
        }
        for point in metric["points"].as_array().expect("points") {
            let labels = point["attributes"].as_object().expect("attributes");
            let mut labels: Vec<(&str, &str)> =
                labels.iter().map(|(key, value)| (key.as_str(), value.as_str().expect("text"))).collect();
            if kind != "histogram" {
                add(row[3], &labels, number(&point["value"]));
                continue;
            }
            add(&format!("{}_sum", row[3]), &labels, number(&point["sum"]));
            add(&format!("{}_count", row[3]), &labels, number(&point["count"]));
            let bounds =
                point["bounds"].as_array().expect("bounds").iter().map(|bound| bound_text(number(bound)));
            let buckets = point["buckets"].as_array().expect("buckets");
            let bounds: Vec<String> = bounds.chain(["+Inf".to_owned()]).collect();
            assert_eq!(buckets.len(), bounds.len(), "{name}");
            let mut below = 0.0;
            for (bound, here) in bounds.iter().zip(buckets) {
                below += number(here);
                labels.push(("le", bound));
                add(&format!("{}_bucket", row[3]), &labels, below);
                labels.pop();
            }
        }
    }
    series
}

/// A bound as the exposition spells it.
fn bound_text(bound: f64) -> String {
    if bound < 1e6 {
        format!("{bound:?}")
    } else {
        let text = format!("{bound:e}");
        let (mantissa, exponent) = text.split_once('e').expect("an exponent");
        format!("{mantissa}e+{exponent:0>2}")
    }
}

/// A number, or a text of one.
pub fn number(value: &Value) -> f64 {
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
    number.unwrap_or_else(|| panic!("{value} is no number"))
}
