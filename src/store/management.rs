//! Any [`ManagementAPI`] as a [`Source`]: what it can tell, and nothing made up.
//!
//! Depths and totals have no breakdown; the families that need one are left out rather than filled with zeros.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::labels::{FailureReason, InstanceStatus};
use crate::management::{Capability, ManagementAPI, ManagementError, QueueDepths, SystemMetrics};
use crate::source::{
    Census, ExecutionKey, InstanceCensus, InstanceCount, Mode, Position, QueueCensus, QueueStats, Reading,
    Request, Source, SourceError, StoreFacts, StoreKind, Take,
};

const KIND: StoreKind = StoreKind::of("management");

/// A [`Source`] over any [`ManagementAPI`].
pub(crate) struct ManagementSource(Arc<dyn ManagementAPI>);

impl ManagementSource {
    pub(crate) fn new(management: Arc<dyn ManagementAPI>) -> Self {
        Self(management)
    }
}

#[async_trait::async_trait]
impl Source for ManagementSource {
    async fn read(&mut self, request: Request<'_>, _limit: Duration) -> Result<Reading, SourceError> {
        // Without a history there is nothing but a census.
        let census = if request.census { Some(self.census().await?) } else { None };
        Ok(Reading { census, history: None })
    }

    async fn recall(
        &mut self,
        _executions: &[ExecutionKey],
        _position: &Position,
        _limit: Duration,
        _take: &mut Take<'_>,
    ) -> Result<(), SourceError> {
        Ok(())
    }
}

impl ManagementSource {
    async fn census(&self) -> Result<Census, SourceError> {
        // The framework's own depths count sleeping timers and miss expired leases: they are not what the metric says.
        let capabilities = self.0.capabilities();
        let inexact =
            capabilities.has(Capability::QueueDepths) && !capabilities.has(Capability::ExactQueueDepths);
        let depths = if inexact { None } else { offered(self.0.get_queue_depths().await)? };
        let metrics = offered(self.0.get_metrics().await)?;
        let age = offered(self.0.data_age().await)?.flatten();
        if depths.is_none() && metrics.is_none() {
            return Err(SourceError::new(
                FailureReason::Unsupported,
                "this management API offers neither get_queue_depths nor get_metrics: there is nothing to export",
            ));
        }
        Ok(Census {
            now_ms: millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()),
            store: StoreFacts {
                kind: &KIND,
                schema: String::new(),
                mode: if age.is_some() { Mode::Replica } else { Mode::Live },
                last_replay_age_ms: age.map(millis),
                replication: None,
                clock_skew_ms: Vec::new(),
                sizes: Vec::new(),
                notes: Vec::new(),
            },
            identity: None,
            queues: depths.map(|depths| queue_census(&depths)),
            waiting: None,
            total_instances: None,
            instances: metrics.map(|metrics| instance_census(&metrics)),
        })
    }
}

/// What a backend does not offer is absent; what fails is an error.
fn offered<T>(answer: Result<T, ManagementError>) -> Result<Option<T>, SourceError> {
    let error = match answer {
        Ok(value) => return Ok(Some(value)),
        Err(ManagementError::Unsupported { .. }) => return Ok(None),
        Err(error) => error,
    };
    let reason = match error {
        ManagementError::Unavailable(_) => FailureReason::Unavailable,
        ManagementError::TimedOut(_) => FailureReason::Timeout,
        ManagementError::IncompatibleSchema(_) => FailureReason::Schema,
        _ => FailureReason::Other,
    };
    Err(SourceError::new(reason, error.to_string()))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn queue_census(depths: &QueueDepths) -> QueueCensus {
    let fetchable = |rows| QueueStats { fetchable: Some(rows), ..QueueStats::default() };
    // Pending timers wait on purpose: that queue has no fetchable rows to tell.
    QueueCensus {
        queues: [fetchable(depths.orchestrator_queue), fetchable(depths.worker_queue), QueueStats::default()],
        detail: None,
    }
}

fn instance_census(metrics: &SystemMetrics) -> InstanceCensus {
    let SystemMetrics {
        total_instances,
        running_instances,
        completed_instances,
        failed_instances,
        total_executions: _,
        total_events: _,
    } = metrics;
    let known = running_instances.saturating_add(*completed_instances).saturating_add(*failed_instances);
    let counts = [
        (InstanceStatus::Running, *running_instances),
        (InstanceStatus::Completed, *completed_instances),
        (InstanceStatus::Failed, *failed_instances),
        (InstanceStatus::Unknown, total_instances.saturating_sub(known)),
    ];
    InstanceCensus {
        running: Vec::new(),
        counts: counts
            .into_iter()
            .map(|(status, count)| InstanceCount {
                orchestration: "".into(),
                version: "".into(),
                status,
                count,
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::management::{Capabilities, InstanceInfo};

    /// Tells depths, and says how good they are.
    struct Depths(&'static [Capability]);

    #[async_trait::async_trait]
    impl ManagementAPI for Depths {
        fn capabilities(&self) -> Capabilities {
            Capabilities::new(self.0.iter().copied())
        }

        async fn get_instance_info(&self, instance: &str) -> Result<InstanceInfo, ManagementError> {
            Err(ManagementError::no_instance(instance))
        }

        async fn get_metrics(&self) -> Result<SystemMetrics, ManagementError> {
            Ok(SystemMetrics::default())
        }

        async fn get_queue_depths(&self) -> Result<QueueDepths, ManagementError> {
            Ok(QueueDepths { orchestrator_queue: 3, worker_queue: 2, timer_queue: Some(1) })
        }
    }

    #[tokio::test]
    async fn depths_that_are_not_exact_are_not_exported() {
        for (capabilities, exported) in [
            (&[][..], true),
            (&[Capability::QueueDepths, Capability::ExactQueueDepths], true),
            (&[Capability::QueueDepths], false),
        ] {
            let census = ManagementSource::new(Arc::new(Depths(capabilities))).census().await.unwrap();
            assert_eq!(census.queues.is_some(), exported, "{capabilities:?}");
        }
    }
}
