//! Page keys, and numbers that come from outside.

use std::fmt::Display;

use super::reading::Answer;
use crate::management::{ManagementError, PageRequest};

/// Which list a key belongs to: a key of another list would mean something else there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum List {
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
    pub(in crate::store) fn key(self, last: impl Display) -> String {
        format!("{}{last}", self.prefix())
    }

    /// What is in a key; `None` for the first page.
    pub(in crate::store) fn place(self, after: Option<&str>) -> Result<Option<&str>, ManagementError> {
        after.map(|key| key.strip_prefix(self.prefix()).ok_or_else(refused)).transpose()
    }

    /// The number in a key; `None` for the first page.
    pub(in crate::store) fn position(self, after: Option<&str>) -> Result<Option<i64>, ManagementError> {
        self.place(after)?.map(|place| place.parse().map_err(|_| refused())).transpose()
    }
}

pub(in crate::store) fn refused() -> ManagementError {
    ManagementError::InvalidArgument {
        name: "after",
        why: "it is not a page key of this list: take it from the page before".to_owned(),
    }
}

/// A page without room for anything would never end.
pub(in crate::store) fn check_limit(limit: usize) -> Result<(), ManagementError> {
    if limit == 0 {
        return Err(ManagementError::InvalidArgument { name: "limit", why: "at least 1".to_owned() });
    }
    Ok(())
}

pub(in crate::store) fn position(list: List, page: &PageRequest) -> Answer<Option<i64>> {
    check_limit(page.limit)?;
    Ok(list.position(page.after.as_deref())?)
}

/// An execution's number as databases have it; greater ones do not exist there.
pub(in crate::store) fn execution(instance: &str, execution_id: u64) -> Result<i64, ManagementError> {
    i64::try_from(execution_id).map_err(|_| ManagementError::no_execution(instance, execution_id))
}
