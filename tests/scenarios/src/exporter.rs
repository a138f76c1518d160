//! The exporter under test, started the way an application embeds it.

use std::time::Duration;

use duroxide_exporter::{Exporter, ExporterBuilder};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{compare::Counting, scrape::PATIENCE, series::Series, store::Store, target::Target};

/// Name of the store in all scenarios.
pub const STORE: &str = "t";

/// How often the exporter polls in the scenarios.
pub const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A running exporter.
#[derive(Debug)]
pub struct Running {
    target: Target,
    counting: Counting,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), duroxide_exporter::RunError>>,
}

impl Running {
    /// Starts an exporter over a store, and waits until it has read it and counted all of its history.
    pub async fn start(store: impl Into<Store>) -> Self {
        let url = store.into().url();
        // A poll that takes long because the machine is busy has not failed.
        let configure = |builder: ExporterBuilder| {
            builder.poll_interval(POLL_INTERVAL).poll_timeout(PATIENCE).backfill(true)
        };
        let running = Self::with(&url, configure).await;
        running.fresh_scrape().await;
        Self { counting: Counting::Everything, ..running }
    }

    /// Starts an exporter with settings of its own over the store at `url`, which may be in any condition. It counts what
    /// comes, unless it is told otherwise.
    pub async fn with(url: &str, configure: impl FnOnce(ExporterBuilder) -> ExporterBuilder) -> Self {
        let builder = Exporter::builder().store(STORE, url).listen("127.0.0.1:0".parse().unwrap());
        let exporter = configure(builder).bind().await.expect("the exporter starts");
        let target = Target(exporter.local_addr());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(exporter.run(async move {
            let _ = stopped.await;
        }));
        Self { target, counting: Counting::Nothing, stop, task }
    }

    /// Where it is scraped.
    pub fn target(&self) -> Target {
        self.target
    }

    /// Since when it counts, if nothing has happened since it began.
    pub fn counting(&self) -> Counting {
        self.counting
    }

    /// One scrape.
    pub async fn scrape(&self) -> Series {
        self.target.scrape().await
    }

    /// See [`Target::fresh_scrape`].
    pub async fn fresh_scrape(&self) -> Series {
        self.target.fresh_scrape().await
    }

    /// Stops it and reports how it ended.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        self.task.await.expect("the exporter does not panic").expect("the exporter ends well");
    }
}
