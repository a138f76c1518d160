//! Request and report of a purge.

use serde::{Deserialize, Serialize};

use crate::management::Timestamp;

/// What to purge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurgeRequest {
    /// Only trees of which every member ended before this time.
    pub older_than: Timestamp,
    /// Whether only to say what would be deleted.
    pub dry_run: bool,
    /// At most this many trees are deleted; `None`: all.
    pub max_trees: Option<u64>,
}

impl PurgeRequest {
    /// Everything that ended before `time`.
    pub fn older_than(time: Timestamp) -> Self {
        Self { older_than: time, dry_run: false, max_trees: None }
    }

    /// Only says what would be deleted.
    #[must_use]
    pub fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    /// Deletes at most `trees` trees.
    #[must_use]
    pub fn max_trees(mut self, trees: u64) -> Self {
        self.max_trees = Some(trees);
        self
    }
}

/// What a purge deleted, or would delete.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurgeReport {
    /// Ids of the deleted instances, tree by tree.
    pub instances: Vec<String>,
    /// Trees that were deleted.
    pub trees_deleted: u64,
    /// Trees whose root has ended, but that were left alone: a member has not ended, or not before the given time.
    pub trees_kept: u64,
    /// Trees that should have been deleted and could not be, in words.
    pub failures: Vec<String>,
    /// True when nothing was really deleted.
    pub dry_run: bool,
}
