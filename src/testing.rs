//! For this project's own tests: one poll of a store as plain numbers, without HTTP. No stable interface.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::metrics::{self, Value};
use crate::observe::{
    CounterState, Follower, Health, Poller, PollerSettings, Readers, StoreReader, store_view,
};
use crate::source::{Request, Start};
use crate::state::StateFile;
use crate::store::StoreUrl;
use crate::store::connect::{self, Deployment};
use crate::telemetry::Telemetry;
use duroxide_instrument::TraceIds;

/// Series as `name{label="value",…}`, labels sorted, values escaped as in the text format.
pub type Numbers = BTreeMap<String, f64>;

/// A store that is polled on demand, under the label `store="probe"`.
pub struct Probe {
    poller: Poller,
    /// Whether each poll counts the instances anew: tests change them by hand, and no history tells of that.
    recounts: bool,
    reader: StoreReader,
    readers: Readers,
}

impl Probe {
    /// A probe of the store at `url`, whose runtime may be in this process.
    ///
    /// # Errors
    /// When the URL is not one of a store.
    pub async fn open(url: &str) -> Result<Self, String> {
        Self::new(url, Deployment::Embedded)
    }

    /// A probe of the store at `url`, as a process of its own would read it.
    ///
    /// # Errors
    /// When the URL is not one of a store.
    pub async fn sidecar(url: &str) -> Result<Self, String> {
        Self::new(url, Deployment::Sidecar)
    }

    /// A probe that begins with the oldest event, or goes on where one before it in this directory ended.
    ///
    /// # Errors
    /// When the URL is not one of a store, or the directory cannot be used.
    pub async fn following(url: &str, state_dir: &Path) -> Result<Self, String> {
        let state = StateFile::open(state_dir, "probe").map_err(|error| error.to_string())?;
        Self::with(url, Deployment::Embedded, true, Some(state))
    }

    fn new(url: &str, deployment: Deployment) -> Result<Self, String> {
        Self::with(url, deployment, false, None)
    }

    fn with(
        url: &str,
        deployment: Deployment,
        backfill: bool,
        state: Option<StateFile<CounterState>>,
    ) -> Result<Self, String> {
        let url = StoreUrl::parse(url).map_err(|error| error.to_string())?;
        let telemetry = Arc::new(Telemetry::new(crate::observe::DURATION_MS));
        let (writer, reader) = store_view("probe".into());
        let settings = PollerSettings {
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(30),
            backfill,
            max_label_values: usize::MAX,
        };
        let source = connect::source(&url, deployment);
        let poller = Poller::new("probe".into(), source, writer, settings, Arc::clone(&telemetry), state);
        Ok(Self {
            poller,
            recounts: !backfill,
            reader: reader.clone(),
            readers: Readers::new(vec![reader], telemetry),
        })
    }

    /// Polls once.
    ///
    /// # Errors
    /// What a person would read in the log when the poll failed.
    pub async fn poll(&mut self) -> Result<Numbers, String> {
        if self.recounts {
            self.poller.recount_now();
        }
        self.poller.poll().await;
        // Once level it may turn out that something is to be learnt first about what runs.
        for _ in 0..2 {
            if self.poller.is_behind() {
                self.poller.catch_up(Instant::now() + Duration::from_secs(60)).await;
                self.poller.poll().await;
            }
        }
        self.numbers()
    }

    /// Polls once, and leaves what is more than one step of the history.
    ///
    /// # Errors
    /// What a person would read in the log when the poll failed.
    pub async fn step(&mut self) -> Result<Numbers, String> {
        self.poller.poll().await;
        self.numbers()
    }

    fn numbers(&self) -> Result<Numbers, String> {
        if let Health::Down { message, .. } = self.reader.view().health {
            return Err(message.to_string());
        }
        let mut numbers = Numbers::new();
        for family in metrics::families(&self.readers.view(), Instant::now()) {
            let name = family.metric.prometheus_name();
            for sample in family.samples {
                let mut labels = sample.labels;
                match sample.value {
                    Value::Number(value) => {
                        numbers.insert(series(&name, &labels), value);
                    }
                    Value::Histogram { buckets, sum, count, exemplars: _ } => {
                        let base = family.metric.base_name();
                        numbers.insert(series(&format!("{base}_sum"), &labels), sum);
                        numbers.insert(series(&format!("{base}_count"), &labels), metrics::count(count));
                        for (bound, below) in buckets {
                            labels.push(("le", bound.to_string().into()));
                            numbers.insert(series(&format!("{base}_bucket"), &labels), metrics::count(below));
                            labels.pop();
                        }
                    }
                }
            }
        }
        Ok(numbers)
    }
}

/// The history of a store, followed from its beginning to its end without rest.
pub struct Backfill;

impl Backfill {
    /// Follows the history of the store at `url`; how many events were counted.
    ///
    /// # Errors
    /// When the URL is not one of a store, or what a person would read in the log when a step failed.
    pub async fn run(url: &str) -> Result<u64, String> {
        let url = StoreUrl::parse(url).map_err(|error| error.to_string())?;
        let mut source = connect::source(&url, Deployment::Sidecar);
        let mut follower = Follower::new("probe", usize::MAX, true, None);
        loop {
            let step = follower.step("probe", &mut *source, Duration::from_secs(30)).await;
            step.map_err(|error| error.to_string())?;
            if !follower.is_behind() {
                return Ok(follower.events());
            }
        }
    }
}

/// The traces of a store, made and thrown away.
#[derive(Debug, Default)]
pub struct Traces {
    /// How many spans there are.
    pub spans: usize,
    /// Their size, encoded.
    pub bytes: usize,
    /// Time it took to make and encode them, on one thread; not to read their history.
    pub took: Duration,
}

impl Traces {
    /// Follows the history of the store at `url` from its beginning to its end.
    ///
    /// # Errors
    /// When the URL is not one of a store, or what a person would read in the log when a read failed.
    pub async fn build(url: &str) -> Result<Self, String> {
        let url = StoreUrl::parse(url).map_err(|error| error.to_string())?;
        let mut source = connect::source(&url, Deployment::Sidecar);
        let ids = TraceIds::new("");
        let (mut traces, mut start) = (Self::default(), Start::Beginning);
        loop {
            let request = Request { census: false, recount: false, history: Some(&start) };
            let read =
                source.read(request, Duration::from_secs(30)).await.map_err(|error| error.to_string())?;
            let batch = read.history.ok_or("no history")?;
            let began = Instant::now();
            let (spans, bytes) = crate::traces::build(&batch.chunks, &ids);
            traces.took += began.elapsed();
            traces.spans += spans;
            traces.bytes += bytes;
            if batch.backlog == 0 {
                return Ok(traces);
            }
            start = Start::After(batch.position);
        }
    }
}

fn series(name: &str, labels: &[(&'static str, Arc<str>)]) -> String {
    let mut pairs: Vec<String> = labels
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| {
            format!("{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
        })
        .collect();
    pairs.sort();
    format!("{name}{{{}}}", pairs.join(","))
}
