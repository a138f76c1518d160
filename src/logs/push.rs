//! Sends queued log records until it is stopped.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use tokio::time::MissedTickBehavior;

use super::queue::Queue;
use super::record;
use super::stuck::Watch;
use crate::catalogue;
use crate::labels::Signal;
use crate::observe::Readers;
use crate::otlp::Sender;
use crate::telemetry::Telemetry;
use duroxide_instrument::TraceIds;

/// What arrives within this time goes together.
const GATHER: Duration = Duration::from_millis(500);

/// From a failure to the next try, unless the collector asks for more.
const PAUSE: Duration = Duration::from_secs(5);

/// Pushes log records to one collector.
pub(crate) struct LogPusher {
    sender: Sender<ExportLogsServiceRequest>,
    queue: Queue,
    readers: Readers,
    watch: Watch,
    /// Between two looks at what is stuck.
    interval: Duration,
    telemetry: Arc<Telemetry>,
    resource: Vec<(String, String)>,
    /// Taken out of the queue, and not taken by the collector yet.
    pending: VecDeque<ExportLogsServiceRequest>,
}

impl LogPusher {
    pub(crate) fn new(
        sender: Sender<ExportLogsServiceRequest>,
        queue: Queue,
        readers: Readers,
        ids: TraceIds,
        interval: Duration,
        telemetry: Arc<Telemetry>,
        resource: Vec<(String, String)>,
    ) -> Self {
        telemetry.add(&catalogue::OTLP_DROPPED, [Signal::Logs.as_str()], 0);
        Self {
            sender,
            queue,
            readers,
            watch: Watch::new(ids),
            interval,
            telemetry,
            resource,
            pending: VecDeque::new(),
        }
    }

    /// Pushes until `stop`, then what is left within `last`.
    pub(crate) async fn run(mut self, stop: impl Future<Output = ()>, last: Duration) {
        tokio::select! {
            () = self.follow() => {}
            () = stop => {}
        }
        // What is not taken by then is lost, as is the log of any process that ends.
        let _ = tokio::time::timeout(last, self.send()).await;
    }

    async fn follow(&mut self) {
        let mut looks = tokio::time::interval(self.interval);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = looks.tick() => self.watch.look(&self.readers.view(), &self.queue),
                () = self.queue.arrival() => {
                    tokio::time::sleep(GATHER).await;
                    if let Err(pause) = self.send().await {
                        tokio::time::sleep(pause).await;
                    }
                }
            }
        }
    }

    /// Sends everything that waits. After a failure, how long to leave the collector alone.
    async fn send(&mut self) -> Result<(), Duration> {
        loop {
            while let Some(request) = self.pending.front() {
                match self.sender.send(request.clone()).await {
                    Ok(()) => {}
                    // No other try would help, and everything behind it would wait for ever.
                    Err(error) if error.malformed => {}
                    Err(error) => return Err(error.wait.unwrap_or(PAUSE).max(PAUSE)),
                }
                self.pending.pop_front();
            }
            let (records, dropped) = self.queue.take();
            self.telemetry.add(&catalogue::OTLP_DROPPED, [Signal::Logs.as_str()], dropped);
            if records.is_empty() {
                return Ok(());
            }
            self.pending = record::requests(records, &self.resource).into();
        }
    }
}
