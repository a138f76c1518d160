//! Keeps the store small, as every real deployment must. It uses the framework's own client, so the exporter also gets
//! to see instances vanish, and its counters must not fall when they do.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use duroxide::{Client, ClientError, InstanceFilter, PruneOptions};
use tokio::time::{MissedTickBehavior, interval};

use crate::standing;

const ROUND: Duration = Duration::from_secs(5);
/// Much longer than the latest callback or cancellation may come after the end: one for an instance that is gone would
/// stop an SQLite store.
const RETENTION: Duration = Duration::from_secs(3 * 60);
/// Deleting competes with the shop for the one writer that SQLite allows, so it is done in small helpings.
const BATCH: u32 = 50;
const BATCHES_PER_ROUND: u32 = 6;
const EXECUTIONS_KEPT: u32 = 5;

pub(crate) async fn run(client: Client) {
    let mut rounds = interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick comes at once. It is skipped: in a kept store an instance may have been stopped right between two
    // executions, which the framework counts as finished, and must get its chance to go on.
    rounds.tick().await;
    loop {
        rounds.tick().await;
        // The next round tries again.
        if let Err(error) = clean(&client).await {
            tracing::debug!(%error, "cleaning was cut short");
        }
    }
}

async fn clean(client: &Client) -> Result<(), ClientError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let completed_before = u64::try_from(now.saturating_sub(RETENTION).as_millis()).ok();
    for _ in 0..BATCHES_PER_ROUND {
        let filter = InstanceFilter { completed_before, limit: Some(BATCH), ..InstanceFilter::default() };
        // Counts children too, so a batch that was not full may look full: then the next one finds nothing.
        if client.delete_instance_bulk(filter).await?.instances_deleted < u64::from(BATCH) {
            break;
        }
    }
    for instance in standing::eternal() {
        let keep = PruneOptions { keep_last: Some(EXECUTIONS_KEPT), ..PruneOptions::default() };
        client.prune_executions(&instance, keep).await?;
    }
    Ok(())
}
