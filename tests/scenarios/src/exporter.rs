//! The exporter under test, started the way an application embeds it.

use std::{net::SocketAddr, path::Path, time::Duration};

use tokio::{sync::oneshot, task::JoinHandle};

use crate::{
    scrape::{self, wait_for},
    series::{Series, key},
};

/// Name of the store in all scenarios.
pub const STORE: &str = "t";

/// How often the exporter polls in the scenarios.
pub const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A running exporter.
#[derive(Debug)]
pub struct Running {
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), duroxide_exporter::RunError>>,
}

impl Running {
    /// Starts an exporter over the store at `path`, and waits until it has read it.
    pub async fn start(path: &Path) -> Self {
        let exporter = duroxide_exporter::Exporter::builder()
            .store(STORE, &format!("sqlite:{}", path.display()))
            .poll_interval(POLL_INTERVAL)
            .listen("127.0.0.1:0".parse().unwrap())
            .bind()
            .await
            .expect("the exporter starts");
        let addr = exporter.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(exporter.run(async move {
            let _ = stopped.await;
        }));
        let running = Self { addr, stop, task };
        running.fresh_scrape().await;
        running
    }

    /// One scrape.
    pub async fn scrape(&self) -> Series {
        scrape::metrics(self.addr).await.expect("a scrape")
    }

    /// A scrape whose values were all read after this call: two polls end first, and the second of them began
    /// after it. Polls must succeed: frozen values prove nothing.
    pub async fn fresh_scrape(&self) -> Series {
        let before = polls(&self.scrape().await);
        let fresh = wait_for("two more polls", async || {
            let series = self.scrape().await;
            (polls(&series) >= before + 2.0).then_some(series)
        })
        .await;
        let up = fresh.get(&key("duroxide_up", &[("store", STORE)]));
        assert_eq!(up, Some(&1.0), "the last poll of the store failed");
        fresh
    }

    /// Stops it and reports how it ended.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        self.task.await.expect("the exporter does not panic").expect("the exporter ends well");
    }
}

fn polls(series: &Series) -> f64 {
    series.get(&key("duroxide_polls_total", &[("store", STORE)])).copied().unwrap_or(0.0)
}
