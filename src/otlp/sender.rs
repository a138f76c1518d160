//! Sends requests of one signal to its collector; counts what became of each, and tells it in the log.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Instant;

use tracing::Instrument as _;

use super::client::Client;
use super::export::Export;
use super::export_log::ExportLog;
use super::failure::SendError;
use crate::catalogue;
use crate::labels::ExportOutcome;
use crate::telemetry::Telemetry;

/// Sends requests of the kind `E`.
pub(crate) struct Sender<E> {
    client: Client,
    telemetry: Arc<Telemetry>,
    told: ExportLog,
    kind: PhantomData<fn(E)>,
}

impl<E: Export + 'static> Sender<E> {
    pub(crate) fn new(client: Client, telemetry: Arc<Telemetry>) -> Self {
        let signal = E::SIGNAL.as_str();
        telemetry.add(&catalogue::OTLP_REJECTED, [signal], 0);
        for outcome in ExportOutcome::ALL {
            telemetry.add(&catalogue::OTLP_EXPORTS, [signal, outcome.as_str()], 0);
        }
        Self { client, telemetry, told: ExportLog::new(E::SIGNAL), kind: PhantomData }
    }

    /// Sends a request until it is taken, refused, or the time for it is over.
    ///
    /// # Errors
    /// When it was not taken. If it is malformed it never will be, and its items are counted as rejected.
    pub(crate) async fn send(&mut self, request: E) -> Result<(), SendError> {
        let items = request.items();
        let span = tracing::debug_span!("export", signal = %E::SIGNAL, items);
        match self.client.send(request).instrument(span).await {
            Ok(accepted) => {
                let all = accepted.rejected == 0;
                let outcome = if all { ExportOutcome::Success } else { ExportOutcome::Partial };
                self.count(outcome, accepted.rejected);
                self.told.accepted(&accepted, Instant::now());
                Ok(())
            }
            Err(error) => {
                self.count(error.outcome, if error.malformed { items } else { 0 });
                self.told.failed(&error, Instant::now());
                Err(error)
            }
        }
    }

    /// A request was given up before its own time was over, for there was no more.
    pub(crate) fn given_up(&self) {
        self.count(ExportOutcome::Timeout, 0);
    }

    /// A request ended, and so many of its items were not taken.
    fn count(&self, outcome: ExportOutcome, rejected: u64) {
        let signal = E::SIGNAL.as_str();
        self.telemetry.add(&catalogue::OTLP_EXPORTS, [signal, outcome.as_str()], 1);
        self.telemetry.add(&catalogue::OTLP_REJECTED, [signal], rejected);
    }
}
