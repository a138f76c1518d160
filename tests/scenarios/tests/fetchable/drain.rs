//! What the real provider hands out until it has nothing more.

use std::time::Duration;

use duroxide::providers::{Provider, SessionFetchConfig, TagFilter, WorkItem};

use crate::write::{OTHERS, US};

/// Longer than any case: nothing that was handed out comes a second time.
const LEASE: Duration = Duration::from_secs(3600);

/// Everything that was handed out.
#[derive(Debug, Default)]
pub(crate) struct HandedOut {
    /// Orchestrator work, timers included.
    pub(crate) orchestrator: Vec<WorkItem>,
    /// Instances it was for.
    pub(crate) instances: usize,
    /// Activities.
    pub(crate) worker: Vec<WorkItem>,
}

/// Drains both queues.
pub(crate) async fn drain(provider: &dyn Provider) -> anyhow::Result<HandedOut> {
    let mut out = HandedOut::default();
    while let Some((item, _, _)) = provider.fetch_orchestration_item(LEASE, Duration::ZERO, None).await? {
        // On Postgres an instance is taken also when all of its messages are held by others.
        out.instances += usize::from(!item.messages.is_empty());
        out.orchestrator.extend(item.messages);
    }
    // A session with a valid lease is served by its owner only, so both owners fetch.
    for owner in [US, OTHERS] {
        let session = SessionFetchConfig { owner_id: owner.to_owned(), lock_timeout: LEASE };
        while let Some((item, _, _)) =
            provider.fetch_work_item(LEASE, Duration::ZERO, Some(&session), &TagFilter::Any).await?
        {
            out.worker.push(item);
        }
    }
    Ok(out)
}
