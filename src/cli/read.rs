//! One census of every store, for the commands that look once.

use std::time::Duration;

use serde::Serialize;

use super::Error;
use crate::app::StartError;
use crate::config::{Config, Endpoint, Otlp, Settings};
use crate::labels::{FailureReason, Signal};
use crate::management::Capabilities;
use crate::otlp::{Client, SendError};
use crate::source::{self, Census, Request, SourceError};
use crate::store::StoreSpec;
use crate::store::connect::{self, Deployment};

/// What one store answered.
pub(super) struct Reading {
    pub(super) store: StoreSpec,
    pub(super) outcome: Result<Census, SourceError>,
    /// What `instances` can tell of it.
    pub(super) capabilities: Capabilities,
}

/// A store that could not be read, as JSON shows it.
#[derive(Debug, Serialize)]
pub(super) struct Failure {
    /// The value that `duroxide_poll_failures_total` has under `reason`.
    pub(super) reason: FailureReason,
    pub(super) message: String,
    /// What a person can do about it.
    pub(super) advice: String,
}

impl From<&SourceError> for Failure {
    fn from(error: &SourceError) -> Self {
        Self { reason: error.reason, message: error.message.clone(), advice: error.advice().to_owned() }
    }
}

/// Reads all stores side by side, so that one that hangs delays the answer only once.
pub(super) fn all(config: Config) -> Result<Vec<Reading>, Error> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::System)?;
    let readings = runtime.block_on(async {
        let limit = config.settings.poll_timeout;
        let reads: Vec<_> = config
            .stores
            .into_iter()
            .map(|store| (store.clone(), tokio::spawn(read(store, limit))))
            .collect();
        let mut readings = Vec::with_capacity(reads.len());
        for (store, read) in reads {
            let outcome = read
                .await
                .unwrap_or_else(|error| Err(SourceError::new(FailureReason::Other, error.to_string())));
            let management = connect::management(&store.url, Deployment::Sidecar, limit);
            readings.push(Reading { store, outcome, capabilities: management.capabilities() });
        }
        readings
    });
    runtime.shutdown_background();
    Ok(readings)
}

/// Where a signal would be pushed to, and whether it would be taken there.
pub(super) struct Pushing {
    pub(super) signal: Signal,
    pub(super) endpoint: String,
    pub(super) protocol: &'static str,
    pub(super) outcome: Result<(), SendError>,
}

/// Sends an empty export of each signal that is to be pushed.
pub(super) fn collectors(settings: &Settings) -> Result<Vec<Pushing>, Error> {
    let metrics = settings.otlp.metrics().map(|endpoint| (Signal::Metrics, &settings.otlp, endpoint));
    let traces = settings.traces_collector().map(|(otlp, endpoint)| (Signal::Traces, otlp, endpoint));
    let logs = settings.logs_collector().map(|(otlp, endpoint)| (Signal::Logs, otlp, endpoint));
    let all = metrics.into_iter().chain(traces).chain(logs);
    all.map(|(signal, otlp, endpoint)| probe(signal, otlp, &endpoint)).collect()
}

fn probe(signal: Signal, otlp: &Otlp, endpoint: &Endpoint) -> Result<Pushing, Error> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::System)?;
    let outcome = runtime.block_on(async {
        let client = Client::new(otlp, endpoint).map_err(StartError::Settings)?;
        Ok::<_, StartError>(client.probe(signal).await)
    })?;
    runtime.shutdown_background();
    Ok(Pushing { signal, endpoint: endpoint.to_string(), protocol: otlp.protocol.as_str(), outcome })
}

async fn read(store: StoreSpec, limit: Duration) -> Result<Census, SourceError> {
    let mut source = connect::source(&store.url, Deployment::Sidecar);
    let reading = source::within(limit, source.read(Request::MOMENT, limit)).await?;
    reading.census.ok_or_else(|| SourceError::new(FailureReason::Other, "the store took no census"))
}
