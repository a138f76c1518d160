//! Lists come a page at a time.

use serde::{Deserialize, Serialize};

/// Which page of a list.
///
/// Pages follow each other by key, not by number: entries that are added or deleted meanwhile make no other entry
/// appear twice or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRequest {
    /// At most this many entries; a page that would be large in bytes ends earlier.
    pub limit: usize,
    /// The `next` of the page before; `None` for the first.
    pub after: Option<String>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { limit: 100, after: None }
    }
}

impl PageRequest {
    /// The first page, with at most `limit` entries.
    pub fn first(limit: usize) -> Self {
        Self { limit, after: None }
    }

    /// The page that begins after `key`, the `next` of the page before.
    #[must_use]
    pub fn after(mut self, key: impl Into<String>) -> Self {
        self.after = Some(key.into());
        self
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Key of the next page, opaque; `None` on the last. A page may be short, even empty, and not be the last.
    pub next: Option<String>,
    /// True when a limit on time ended the page early: matches may follow that were not looked at yet. Then there
    /// is a `next`.
    pub partial: bool,
}

impl<T> Page<T> {
    /// The only page of a list.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None, partial: false }
    }
}
