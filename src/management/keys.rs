//! Page keys: what `after` of a page request is.

use std::fmt::Display;
use std::str::FromStr;

use super::{ManagementError, Result};

/// Which list a key belongs to: a key of another list would mean something else there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    Instances,
    Search,
    Executions,
    Events,
}

impl List {
    fn prefix(self) -> &'static str {
        match self {
            Self::Instances => "i",
            Self::Search => "s",
            Self::Executions => "x",
            Self::Events => "e",
        }
    }

    /// The key of the page behind `last`.
    pub(crate) fn key(self, last: impl Display) -> String {
        format!("{}{last}", self.prefix())
    }

    /// What is in a key; `None` for the first page.
    pub(crate) fn place(self, after: Option<&str>) -> Result<Option<&str>> {
        after.map(|key| key.strip_prefix(self.prefix()).ok_or_else(refused)).transpose()
    }

    /// The number in a key; `None` for the first page.
    pub(crate) fn number<N: FromStr>(self, after: Option<&str>) -> Result<Option<N>> {
        self.place(after)?.map(|place| place.parse().map_err(|_| refused())).transpose()
    }
}

pub(crate) fn refused() -> ManagementError {
    ManagementError::InvalidArgument {
        name: "after",
        why: "it is not a page key of this list: take it from the page before".to_owned(),
    }
}

/// A page without room for anything would never end.
pub(crate) fn check_limit(limit: usize) -> Result<()> {
    if limit == 0 {
        return Err(ManagementError::InvalidArgument { name: "limit", why: "must be at least 1".to_owned() });
    }
    Ok(())
}
