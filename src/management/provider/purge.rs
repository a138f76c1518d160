//! Deleting trees that have ended, through the framework's own atomic deletion.
//!
//! Every tree is looked at twice: when it is found, and right before its batch is deleted. A dry run does the first.

mod patience;

use std::collections::HashSet;

use duroxide::providers::Provider;

use super::Backend;
use super::error::from_provider;
use super::read::moment;
use crate::labels::InstanceStatus;
use crate::management::{ManagementError, PurgeReport, PurgeRequest, Result, Timestamp, quoted};
use patience::Patience;

/// Instances a batch is filled up to.
const BATCH: usize = 100;

/// Larger trees are left alone: the framework binds every id twice, and SQLite takes 32,766 values a statement.
const LARGEST: usize = 10_000;

/// What is to be done with the tree of an instance that has ended.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Delete these: the root first.
    Delete(Vec<String>),
    /// A member has not ended, or too late.
    Keep,
    /// There is no such instance, or it belongs to the tree of another.
    NoRoot,
    TooLarge,
}

/// A tree that is to be deleted.
struct Tree {
    root: String,
    members: Vec<String>,
    /// Its deletion was tried and answered with an error that says nothing about what became of it.
    tried: bool,
}

/// A purge under way.
struct Run<'a> {
    request: &'a PurgeRequest,
    report: PurgeReport,
    batch: Vec<Tree>,
}

impl Run<'_> {
    fn is_enough(&self) -> bool {
        let batch = u64::try_from(self.batch.len()).unwrap_or(u64::MAX);
        let trees = self.report.trees_deleted.saturating_add(batch);
        self.request.max_trees.is_some_and(|most| trees >= most)
    }

    fn batched(&self) -> usize {
        self.batch.iter().map(|tree| tree.members.len()).sum()
    }

    fn deleted(&mut self, trees: impl IntoIterator<Item = Tree>) {
        for tree in trees {
            self.report.trees_deleted += 1;
            self.report.instances.extend(tree.members);
        }
    }

    fn failed(&mut self, root: &str, why: &dyn std::fmt::Display) {
        self.report.failures.push(format!("tree of instance {}: {why}", quoted(root)));
    }

    fn too_large(&mut self, root: &str) {
        self.failed(root, &format!("has more than {LARGEST} instances, which cannot be deleted at once"));
    }
}

impl<P: Provider + ?Sized> Backend<'_, P> {
    pub(super) async fn purge(&self, request: &PurgeRequest) -> Result<PurgeReport> {
        let report = PurgeReport { dry_run: request.dry_run, ..PurgeReport::default() };
        let mut run = Run { request, report, batch: Vec::new() };
        match self.run(&mut run).await {
            Ok(()) => Ok(run.report),
            // What was deleted must be told.
            Err(error) if run.report.trees_deleted > 0 && !request.dry_run => {
                run.report.failures.push(format!("gave up before the end: {error}"));
                Ok(run.report)
            }
            Err(error) => Err(error),
        }
    }

    /// Fails when the store is unavailable for longer than patience lasts.
    async fn run(&self, run: &mut Run<'_>) -> Result<()> {
        for root in self.ended().await? {
            if run.is_enough() {
                // What is in the batch may turn out to stay; then there is room for more.
                self.flush(run).await?;
                if run.is_enough() {
                    return Ok(());
                }
            }
            match self.verdict_patiently(&root, run.request.older_than).await {
                Ok(Verdict::Delete(members)) => {
                    if run.batched() + members.len() > BATCH {
                        self.flush(run).await?;
                    }
                    run.batch.push(Tree { root, members, tried: false });
                }
                Ok(Verdict::Keep) => run.report.trees_kept += 1,
                Ok(Verdict::NoRoot) => {}
                Ok(Verdict::TooLarge) => run.too_large(&root),
                Err(error @ ManagementError::Unavailable(_)) => return Err(error),
                Err(error) => run.failed(&root, &error),
            }
        }
        self.flush(run).await
    }

    /// Instances that have ended, oldest first.
    async fn ended(&self) -> Result<Vec<String>> {
        let mut ended = self.with_status("Completed").await?;
        ended.extend(self.with_status("Failed").await?);
        let mut ids = self.ids().await?;
        ids.retain(|id| ended.contains(id));
        ids.reverse();
        Ok(ids)
    }

    /// Deletes the batch; when that is refused, tree by tree.
    async fn flush(&self, run: &mut Run<'_>) -> Result<()> {
        let batch = std::mem::take(&mut run.batch);
        if run.request.dry_run {
            run.deleted(batch);
            return Ok(());
        }
        let Err((trees, _)) = self.delete(run, batch).await? else { return Ok(()) };
        for tree in trees {
            if let Err((trees, error)) = self.delete(run, vec![tree]).await? {
                for tree in trees {
                    run.failed(&tree.root, &error);
                }
            }
        }
        Ok(())
    }

    /// Looks at the trees once more and deletes them at once. Refused: which, and why.
    async fn delete(
        &self,
        run: &mut Run<'_>,
        mut trees: Vec<Tree>,
    ) -> Result<Result<(), (Vec<Tree>, ManagementError)>> {
        let mut patience = Patience::default();
        loop {
            let refused = match self.look_again(run, trees).await {
                Err(refused) => refused,
                Ok(doomed) if doomed.is_empty() => return Ok(Ok(())),
                Ok(mut doomed) => {
                    let ids: Vec<String> =
                        doomed.iter().flat_map(|tree| tree.members.iter().cloned()).collect();
                    let Err(error) = self.admin.delete_instances_atomic(&ids, false).await else {
                        run.deleted(doomed);
                        return Ok(Ok(()));
                    };
                    doomed.iter_mut().for_each(|tree| tree.tried = true);
                    (doomed, from_provider(&error))
                }
            };
            match refused {
                (left, error) if patience.wait_after(&error).await => trees = left,
                (_, error @ ManagementError::Unavailable(_)) => return Err(error),
                refused => return Ok(Err(refused)),
            }
        }
    }

    /// Those that are still to be deleted, as they are now.
    async fn look_again(
        &self,
        run: &mut Run<'_>,
        trees: Vec<Tree>,
    ) -> Result<Vec<Tree>, (Vec<Tree>, ManagementError)> {
        let mut doomed = Vec::new();
        let mut trees = trees.into_iter();
        while let Some(tree) = trees.next() {
            match self.verdict(&tree.root, run.request.older_than).await {
                Ok(Verdict::Delete(members)) => doomed.push(Tree { members, ..tree }),
                Ok(Verdict::Keep) => run.report.trees_kept += 1,
                // The deletion had happened although the answer was an error.
                Ok(Verdict::NoRoot) if tree.tried => run.deleted([tree]),
                Ok(Verdict::NoRoot) => {}
                Ok(Verdict::TooLarge) => run.too_large(&tree.root),
                Err(error) => {
                    doomed.push(tree);
                    doomed.extend(trees);
                    return Err((doomed, error));
                }
            }
        }
        Ok(doomed)
    }

    async fn verdict_patiently(&self, root: &str, before: Timestamp) -> Result<Verdict> {
        let mut patience = Patience::default();
        loop {
            match self.verdict(root, before).await {
                Err(error) if patience.wait_after(&error).await => {}
                verdict => return verdict,
            }
        }
    }

    async fn verdict(&self, root: &str, before: Timestamp) -> Result<Verdict> {
        let Some(info) = self.find(root).await? else { return Ok(Verdict::NoRoot) };
        // One whose parent is gone is the top of what is left.
        if let Some(parent) = &info.parent_instance_id
            && self.find(parent).await?.is_some()
        {
            return Ok(Verdict::NoRoot);
        }
        let mut members = vec![root.to_owned()];
        let mut seen = HashSet::from([root.to_owned()]);
        let mut waiting = vec![info];
        while let Some(info) = waiting.pop() {
            if !self.ended_before(&info, before).await? {
                return Ok(Verdict::Keep);
            }
            for id in self.children(&info.instance_id).await? {
                if !seen.insert(id.clone()) {
                    continue;
                }
                // Gone since its parent was asked: somebody else deletes here. Next time.
                let Some(child) = self.find(&id).await? else { return Ok(Verdict::Keep) };
                members.push(id);
                if members.len() > LARGEST {
                    return Ok(Verdict::TooLarge);
                }
                waiting.push(child);
            }
        }
        Ok(Verdict::Delete(members))
    }

    async fn ended_before(
        &self,
        info: &duroxide::providers::management::InstanceInfo,
        before: Timestamp,
    ) -> Result<bool> {
        let status = InstanceStatus::from_framework(Some(&info.status));
        if !matches!(status, InstanceStatus::Completed | InstanceStatus::Failed) {
            return Ok(false);
        }
        let execution = self.find_execution(&info.instance_id, info.current_execution_id).await?;
        let completed_at = execution.and_then(|execution| execution.completed_at).and_then(moment);
        Ok(completed_at.is_some_and(|time| time < before))
    }
}

#[cfg(test)]
mod tests;
