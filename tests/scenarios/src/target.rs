//! An exporter as its clients see it, embedded or a process of its own.

use std::net::SocketAddr;

use crate::{
    exporter::STORE,
    scrape::{self, wait_for},
    series::{Series, key},
};

/// Where an exporter over the store [`STORE`] is scraped.
#[derive(Debug, Clone, Copy)]
pub struct Target(pub SocketAddr);

/// A store that cannot be read, as people are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    /// Value of the label `reason`.
    pub reason: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl Target {
    /// One scrape.
    pub async fn scrape(&self) -> Series {
        scrape::metrics(self.0).await.expect("a scrape")
    }

    /// A scrape from after two more polls have ended, well or not; the second of them began after this call.
    pub async fn polled(&self) -> Series {
        let before = polls(&self.scrape().await);
        wait_for("two more polls", async || {
            let done = polls(&self.scrape().await) - before;
            if done >= 2.0 {
                Ok(())
            } else {
                Err(format!("{done} polls; the store is {:?}", self.seen().await))
            }
        })
        .await;
        // Values are taken before the counters are: those next to the count may be older than it.
        self.scrape().await
    }

    /// A scrape whose values were all read after this call. Polls must succeed: frozen values prove nothing.
    pub async fn fresh_scrape(&self) -> Series {
        let fresh = self.polled().await;
        if up(&fresh) != 1.0 {
            panic!("the last poll of the store failed: {:?}", self.health().await);
        }
        fresh
    }

    /// How polling goes, as `/readyz` tells it.
    pub async fn health(&self) -> Result<(), Down> {
        let text = wait_for("the end of the first poll", async || self.seen().await).await;
        let line =
            text.lines().find(|line| line.starts_with(&format!("{STORE}: "))).expect("a line of the store");
        match line.splitn(4, ": ").collect::<Vec<_>>().as_slice() {
            [_, "up"] => Ok(()),
            [_, _since, reason, message] => {
                Err(Down { reason: (*reason).to_owned(), message: (*message).to_owned() })
            }
            _ => panic!("a line of another form: {line}"),
        }
    }

    /// `/readyz`, as it is now.
    async fn seen(&self) -> Result<String, String> {
        scrape::get(self.0, "/readyz").await.map_err(|error| format!("{error:#}"))
    }

    /// Why the store is down, once two polls that ended after this call have failed; its metrics say so, too.
    pub async fn down(&self) -> Down {
        let series = self.polled().await;
        let Err(down) = self.health().await else { panic!("the store is up, but must not be") };
        assert_eq!(up(&series), 0.0, "duroxide_up of a store that is down: {down:?}");
        let failures = failures(&series, &down.reason);
        assert!(failures >= 1.0, "no failed poll was counted under the reason {down:?}");
        down
    }
}

/// `duroxide_up`.
pub fn up(series: &Series) -> f64 {
    series.get(&key("duroxide_up", &[("store", STORE)])).copied().expect("duroxide_up")
}

/// Polls that failed for a reason.
pub fn failures(series: &Series, reason: &str) -> f64 {
    let key = key("duroxide_poll_failures_total", &[("store", STORE), ("reason", reason)]);
    series.get(&key).copied().unwrap_or_else(|| panic!("there is no series {key}"))
}

fn polls(series: &Series) -> f64 {
    series.get(&key("duroxide_polls_total", &[("store", STORE)])).copied().unwrap_or(0.0)
}
