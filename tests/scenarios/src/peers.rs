//! Real peers of the exporter: Prometheus and promtool.

use std::{
    ffi::OsString,
    io::Write as _,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::{
    scrape::{get, wait_for},
    series::{Series, key},
};

/// The path in an environment variable that `tests/run` sets.
fn path_of(variable: &str) -> PathBuf {
    let path: OsString = std::env::var_os(variable).unwrap_or_else(|| {
        panic!("{variable} is not set: it names the program's file; tests/run fetches and sets it")
    });
    path.into()
}

/// What `promtool check metrics` says about an exposition; nothing, when all is well.
pub fn promtool(exposition: &str) -> Result<(), String> {
    let mut child = Command::new(path_of("DUROXIDE_PROMTOOL"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    let mut stdin = child.stdin.take().expect("its standard input");
    let body = exposition.to_owned();
    // It may stop reading at the first mistake.
    let writer = std::thread::spawn(move || stdin.write_all(body.as_bytes()));
    let output = child.wait_with_output().expect("promtool ends");
    let written = writer.join().expect("the writer ends");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    match (output.status.success(), said.is_empty(), written) {
        (true, true, Ok(())) => Ok(()),
        (_, _, written) => {
            Err(format!("promtool ended with {}, written {written:?}, and said:\n{said}", output.status))
        }
    }
}

/// A running Prometheus with a directory of its own; killed when the test ends, however it ends.
#[derive(Debug)]
pub struct Prometheus {
    child: Child,
    address: SocketAddr,
    directory: TempDir,
}

impl Prometheus {
    /// Starts one that scrapes these targets every second, each as a job of its own, and waits until it is ready.
    pub async fn start(jobs: &[(&str, SocketAddr)]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut config = "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n".to_owned();
        for (job, target) in jobs {
            config.push_str(&format!("- job_name: {job}\n  static_configs: [{{targets: ['{target}']}}]\n"));
        }
        std::fs::write(directory.path().join("prometheus.yml"), config).expect("its configuration");
        let log = std::fs::File::create(directory.path().join("log")).expect("its log");
        let address = free_address();
        let child = Command::new(path_of("DUROXIDE_PROMETHEUS"))
            .arg(format!("--config.file={}", directory.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--enable-feature=exemplar-storage")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("prometheus starts");
        let this = Self { child, address, directory };
        wait_for("Prometheus to be ready", async || get(this.address, "/-/ready").await.ok()).await;
        this
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// The exemplars it keeps of a query's series: labels of the series, labels of the exemplar, its value.
    pub async fn exemplars(&self, query: &str) -> Vec<[serde_json::Value; 3]> {
        let query: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let path = format!("/api/v1/query_exemplars?query={query}&start=0&end=99999999999");
        let body = get(self.address, &path).await.expect("an answer to a query");
        let answer: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        let series = answer["data"].as_array().expect("a list");
        let of = |series: &serde_json::Value| -> Vec<[serde_json::Value; 3]> {
            let exemplars = series["exemplars"].as_array().expect("exemplars").iter();
            let labels = &series["seriesLabels"];
            exemplars.map(|one| [labels.clone(), one["labels"].clone(), one["value"].clone()]).collect()
        };
        series.iter().flat_map(of).collect()
    }

    /// The latest values of all series of a job, as the exporter named them: without `job` and `instance`.
    pub async fn series(&self, job: &str) -> Series {
        let query: String = format!("{{job=\"{job}\"}}").bytes().map(|byte| format!("%{byte:02X}")).collect();
        let body =
            get(self.address, &format!("/api/v1/query?query={query}")).await.expect("an answer to a query");
        let answer: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        let results = answer["data"]["result"].as_array().expect("a vector");
        results.iter().map(|result| (name(&result["metric"]), value(&result["value"][1]))).collect()
    }
}

fn name(metric: &serde_json::Value) -> String {
    let labels = metric.as_object().expect("labels");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let own: Vec<(&str, String)> = labels
        .iter()
        .filter(|(name, _)| !["__name__", "job", "instance"].contains(&name.as_str()))
        .map(|(name, value)| (name.as_str(), text(value)))
        .collect();
    let own: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
    key(&text(&labels["__name__"]), &own)
}

fn value(text: &serde_json::Value) -> f64 {
    match text.as_str().expect("a number in a text") {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        number => number.parse().expect("a number"),
    }
}

/// Prometheus cannot be asked which port it took.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address")
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
