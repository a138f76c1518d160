//! Keeps the store small, as every real deployment must. It uses the framework's own client, so the exporter also gets
//! to see instances vanish, and its counters must not fall when they do.
//!
//! Trees are deleted one by one and never by force: the framework's bulk deletion, which takes a time of completion,
//! would also delete children that still run. What has ended, and since when, is remembered here instead.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use duroxide::{Client, ClientError, PruneOptions};
use tokio::time::{MissedTickBehavior, interval};

use crate::standing;

const ROUND: Duration = Duration::from_secs(5);
/// Much longer than the latest callback or cancellation may come after the end: one for an instance that is gone would
/// stop an SQLite store, and leave an execution without instance in a Postgres one.
const RETENTION: Duration = Duration::from_secs(3 * 60);
/// Deleting competes with the shop for the one writer that SQLite allows.
const TREES_PER_ROUND: usize = 300;
const EXECUTIONS_KEPT: u32 = 5;
/// The current execution has ended, and no other follows. (One that continues as new has a status of its own.)
const ENDED: [&str; 2] = ["Completed", "Failed"];
/// Stands in the ids of all children that the shop starts. They go with their parents.
const CHILD: &str = "::sub::";

pub(crate) async fn run(client: Client) {
    let mut ended = Ended::default();
    let mut rounds = interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        // The next round tries again.
        if let Err(error) = clean(&client, &mut ended).await {
            tracing::debug!(%error, "cleaning was cut short");
        }
        for instance in standing::eternal() {
            let keep = PruneOptions { keep_last: Some(EXECUTIONS_KEPT), ..PruneOptions::default() };
            if let Err(error) = client.prune_executions(&instance, keep).await {
                tracing::debug!(%error, instance, "old executions were kept");
            }
        }
    }
}

async fn clean(client: &Client, ended: &mut Ended) -> Result<(), ClientError> {
    let mut ids = Vec::new();
    for status in ENDED {
        ids.extend(client.list_instances_by_status(status).await?);
    }
    ended.update(ids, Instant::now());
    for root in ended.due(Instant::now()) {
        // Another janitor may have been here first, or the store was busy.
        if let Err(error) = delete(client, ended, &root).await {
            tracing::debug!(%error, root, "a tree was kept");
        }
    }
    Ok(())
}

async fn delete(client: &Client, ended: &Ended, root: &str) -> Result<(), ClientError> {
    let now = Instant::now();
    let tree = client.get_instance_tree(root).await?;
    if tree.all_ids.iter().all(|id| ended.is_old(id, now)) {
        // Looks once more, in the transaction that deletes, whether all have ended.
        client.delete_instance(root, false).await?;
    }
    Ok(())
}

/// When instances were first seen to have ended.
#[derive(Default)]
struct Ended(HashMap<String, Instant>);

impl Ended {
    fn update(&mut self, ids: Vec<String>, now: Instant) {
        let before = std::mem::take(&mut self.0);
        self.0 = ids
            .into_iter()
            .map(|id| {
                let since = before.get(&id).copied().unwrap_or(now);
                (id, since)
            })
            .collect();
    }

    fn is_old(&self, id: &str, now: Instant) -> bool {
        self.0.get(id).is_some_and(|since| now.saturating_duration_since(*since) >= RETENTION)
    }

    /// Roots that have been kept long enough, oldest first.
    fn due(&self, now: Instant) -> Vec<String> {
        let mut due: Vec<_> =
            self.0.iter().filter(|(id, _)| !id.contains(CHILD) && self.is_old(id, now)).collect();
        due.sort_by_key(|(_, since)| **since);
        due.into_iter().take(TREES_PER_ROUND).map(|(id, _)| id.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_due_after_the_retention() {
        let start = Instant::now();
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        let mut ended = Ended::default();
        ended.update(ids(&["b", "b::sub::2", "gone"]), start);
        ended.update(ids(&["a", "b", "b::sub::2"]), start + ROUND);
        assert_eq!(ended.due(start + RETENTION), ids(&["b"]));
        assert!(ended.is_old("b::sub::2", start + RETENTION));
        assert_eq!(ended.due(start + ROUND + RETENTION), ids(&["b", "a"]));
    }
}
