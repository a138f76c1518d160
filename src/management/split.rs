//! Reads from one place, writes to another: a replica for looking, the primary for deleting.

use std::sync::Arc;

use super::{Capabilities, Capability, ManagementAPI};

/// A [`ManagementAPI`] that asks `reads` about everything and lets `writes` do what changes the store.
///
/// Both have to be of the same store. What was deleted is seen by `reads` as soon as it has reached it.
///
/// ```no_run
/// use duroxide_exporter::{Split, connect, connect_admin};
///
/// # fn main() -> Result<(), duroxide_exporter::UrlError> {
/// let replica = connect("postgres://monitor@replica.example/app?schema=orders")?;
/// let primary = connect_admin("postgres://admin@primary.example/app?schema=orders")?;
/// let management = Split::new(replica, primary);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Split {
    reads: Arc<dyn ManagementAPI>,
    writes: Arc<dyn ManagementAPI>,
}

impl Split {
    /// Reads from `reads`, writes to `writes`.
    pub fn new(reads: Arc<dyn ManagementAPI>, writes: Arc<dyn ManagementAPI>) -> Self {
        Self { reads, writes }
    }

    fn offers(&self) -> Capabilities {
        let (reads, writes) = (self.reads.capabilities(), self.writes.capabilities());
        let looks = reads.iter().filter(|capability| *capability != Capability::Purge);
        let purge = writes.has(Capability::Purge).then_some(Capability::Purge);
        Capabilities::new(looks.chain(purge))
    }
}

impl std::fmt::Debug for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Split")
    }
}

delegate_management!(Split, this => {
    capabilities: this.offers(),
    reads: *this.reads,
    writes: *this.writes,
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::management::{
        InstanceInfo, ManagementError, PurgeReport, PurgeRequest, Result, SystemMetrics, Timestamp,
    };

    /// Answers everything with its own number.
    struct Numbered(u64, &'static [Capability]);

    #[async_trait::async_trait]
    impl ManagementAPI for Numbered {
        fn capabilities(&self) -> Capabilities {
            Capabilities::new(self.1.iter().copied())
        }

        async fn get_instance_info(&self, instance: &str) -> Result<InstanceInfo> {
            Err(ManagementError::no_instance(instance))
        }

        async fn get_metrics(&self) -> Result<SystemMetrics> {
            Ok(SystemMetrics { total_instances: self.0, ..SystemMetrics::default() })
        }

        async fn purge_completed(&self, _request: PurgeRequest) -> Result<PurgeReport> {
            Ok(PurgeReport { trees_deleted: self.0, ..PurgeReport::default() })
        }
    }

    #[tokio::test]
    async fn each_side_is_asked_for_its_own() {
        let reads = Arc::new(Numbered(1, &[Capability::Metrics, Capability::Purge]));
        let writes = Arc::new(Numbered(2, &[Capability::List]));
        let split = Split::new(reads.clone(), writes.clone());
        assert_eq!(split.capabilities(), Capabilities::new([Capability::Metrics]));
        assert_eq!(
            Split::new(writes, reads).capabilities(),
            Capabilities::new([Capability::List, Capability::Purge])
        );
        assert_eq!(split.get_metrics().await.unwrap().total_instances, 1);
        let request = PurgeRequest::older_than(Timestamp::from_unix_millis(0));
        assert_eq!(split.purge_completed(request).await.unwrap().trees_deleted, 2);
    }
}
