//! Deleting trees that have ended, out of any store that can delete some instances at once.
//!
//! Every tree is looked at twice: when it is found, and right before its batch is deleted. A dry run does the first.

use std::collections::HashSet;

use super::patience::Patience;
use crate::labels::InstanceStatus;
use crate::management::{ManagementError, PurgeReport, PurgeRequest, Result, Timestamp, quoted};

/// A store whose trees are deleted.
#[async_trait::async_trait]
pub(crate) trait PurgeBackend: Send {
    /// Ids of the instances that have completed or failed, oldest first.
    async fn ended(&mut self) -> Result<Vec<String>>;

    /// The instance, if it is there.
    async fn find(&mut self, instance: &str) -> Result<Option<TreeMember>>;

    /// When an instance completed or failed; `None` when it has not, or nobody knows.
    async fn ended_at(&mut self, member: &TreeMember) -> Result<Option<Timestamp>>;

    /// Ids of the instances that it started as children.
    async fn children(&mut self, instance: &str) -> Result<Vec<String>>;

    /// Deletes all of these or, with an error, none: never one that runs. They were seen to have ended before
    /// `older_than`.
    async fn delete(&mut self, instances: &[String], older_than: Timestamp) -> Result<()>;
}

/// An instance as a purge looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreeMember {
    pub(crate) id: String,
    pub(crate) parent: Option<String>,
    pub(crate) status: InstanceStatus,
    pub(crate) execution_id: u64,
}

/// Purges.
pub(crate) async fn purge<G: PurgeBackend>(grove: &mut G, request: &PurgeRequest) -> Result<PurgeReport> {
    Sweep(grove).purge(request).await
}

/// A purge's way through a store.
struct Sweep<'a, G>(&'a mut G);

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

impl<G: PurgeBackend> Sweep<'_, G> {
    async fn purge(&mut self, request: &PurgeRequest) -> Result<PurgeReport> {
        let report = PurgeReport { dry_run: request.dry_run, ..PurgeReport::default() };
        let mut run = Run { request, report, batch: Vec::new() };
        match self.sweep(&mut run).await {
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
    async fn sweep(&mut self, run: &mut Run<'_>) -> Result<()> {
        for root in self.0.ended().await? {
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

    /// Deletes the batch; when that is refused, tree by tree.
    async fn flush(&mut self, run: &mut Run<'_>) -> Result<()> {
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
        &mut self,
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
                    let Err(error) = self.0.delete(&ids, run.request.older_than).await else {
                        run.deleted(doomed);
                        return Ok(Ok(()));
                    };
                    doomed.iter_mut().for_each(|tree| tree.tried = true);
                    (doomed, error)
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
        &mut self,
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

    async fn verdict_patiently(&mut self, root: &str, before: Timestamp) -> Result<Verdict> {
        let mut patience = Patience::default();
        loop {
            match self.verdict(root, before).await {
                Err(error) if patience.wait_after(&error).await => {}
                verdict => return verdict,
            }
        }
    }

    async fn verdict(&mut self, root: &str, before: Timestamp) -> Result<Verdict> {
        let Some(info) = self.0.find(root).await? else { return Ok(Verdict::NoRoot) };
        // One whose parent is gone is the top of what is left.
        if let Some(parent) = &info.parent
            && self.0.find(parent).await?.is_some()
        {
            return Ok(Verdict::NoRoot);
        }
        let mut members = vec![root.to_owned()];
        let mut seen = HashSet::from([root.to_owned()]);
        let mut waiting = vec![info];
        while let Some(info) = waiting.pop() {
            if self.0.ended_at(&info).await?.is_none_or(|time| time >= before) {
                return Ok(Verdict::Keep);
            }
            for id in self.0.children(&info.id).await? {
                if !seen.insert(id.clone()) {
                    continue;
                }
                // Gone since its parent was asked: somebody else deletes here. Next time.
                let Some(child) = self.0.find(&id).await? else { return Ok(Verdict::Keep) };
                members.push(id);
                if members.len() > LARGEST {
                    return Ok(Verdict::TooLarge);
                }
                waiting.push(child);
            }
        }
        Ok(Verdict::Delete(members))
    }
}
