//! Pushes the metrics of the newest view at each interval, until it is stopped.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{self, Duration, SystemTime};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use tokio::time::{Instant, MissedTickBehavior};

use super::sender::Sender;
use crate::labels::{ExportOutcome, Signal};
use crate::metrics;
use crate::observe::Readers;
use crate::output::otlp::{self, Starts};

/// Pushes metrics to one collector.
pub(crate) struct MetricsPusher {
    sender: Sender<ExportMetricsServiceRequest>,
    readers: Readers,
    interval: Duration,
    resource: Arc<[(String, String)]>,
    /// Shared with the thread that makes requests, so that one that is given up takes nothing with it.
    starts: Arc<Mutex<Starts>>,
    /// The collector asked to be left alone until then.
    not_before: Option<Instant>,
}

impl MetricsPusher {
    pub(crate) fn new(
        sender: Sender<ExportMetricsServiceRequest>,
        readers: Readers,
        interval: Duration,
        resource: Vec<(String, String)>,
    ) -> Self {
        Self {
            sender,
            readers,
            interval,
            resource: resource.into(),
            starts: Arc::default(),
            not_before: None,
        }
    }

    /// Pushes until `stop`, then once more within `last`: what was counted since is not lost.
    pub(crate) async fn run(mut self, stop: impl Future<Output = ()>, last: Duration) {
        {
            let mut ticks = tokio::time::interval_at(Instant::now() + self.interval, self.interval);
            // After a push that took longer, the next follows at once, and only one.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let pushing = async {
                loop {
                    ticks.tick().await;
                    self.push().await;
                }
            };
            tokio::select! {
                () = pushing => {}
                () = stop => {}
            }
        }
        // What was in flight is newer in this one.
        if tokio::time::timeout(last, self.push()).await.is_err() {
            self.sender.given_up();
            tracing::warn!(signal = %Signal::Metrics, "the OTLP collector did not take the last values in time");
        }
    }

    async fn push(&mut self) {
        if self.not_before.is_some_and(|until| Instant::now() < until) {
            return;
        }
        self.not_before = None;
        for request in self.requests().await {
            let Err(error) = self.sender.send(request).await else { continue };
            self.not_before = error.wait.map(|wait| Instant::now() + wait);
            // Another piece may be taken where this one was refused; not where nobody takes anything.
            if error.outcome != ExportOutcome::Refused {
                return;
            }
        }
    }

    /// The newest view as requests, made away from the event loop: many series take milliseconds.
    async fn requests(&self) -> Vec<ExportMetricsServiceRequest> {
        let (view, resource) = (self.readers.view(), Arc::clone(&self.resource));
        let starts = Arc::clone(&self.starts);
        let made = tokio::task::spawn_blocking(move || {
            let now = SystemTime::now();
            let mut starts = starts.lock().unwrap_or_else(PoisonError::into_inner);
            otlp::requests(&metrics::families(&view, time::Instant::now()), &resource, now, &mut starts)
        });
        match made.await {
            Ok(requests) => requests,
            Err(error) => {
                tracing::error!(%error, "metrics were not made into OTLP: a defect of this program");
                Vec::new()
            }
        }
    }
}
