//! Page keys, and numbers that come from outside.

use super::Answer;
use crate::management::{ManagementError, PageRequest};

/// Which list a key belongs to: a key of another list would mean something else there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
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

    pub(super) fn key(self, last: i64) -> String {
        format!("{}{last}", self.prefix())
    }

    /// The number in a key; `None` for the first page.
    pub(super) fn position(self, after: Option<&str>) -> Result<Option<i64>, ManagementError> {
        let Some(key) = after else { return Ok(None) };
        match key.strip_prefix(self.prefix()).and_then(|number| number.parse().ok()) {
            Some(position) => Ok(Some(position)),
            None => Err(ManagementError::InvalidArgument {
                name: "after",
                why: "it is not a page key of this list: take it from the page before".to_owned(),
            }),
        }
    }
}

/// A page without room for anything would never end.
pub(super) fn check_limit(limit: usize) -> Result<(), ManagementError> {
    if limit == 0 {
        return Err(ManagementError::InvalidArgument { name: "limit", why: "at least 1".to_owned() });
    }
    Ok(())
}

pub(super) fn position(list: List, page: &PageRequest) -> Answer<Option<i64>> {
    check_limit(page.limit)?;
    Ok(list.position(page.after.as_deref())?)
}

/// An execution's number as SQLite has it; greater ones do not exist there.
pub(super) fn execution(instance: &str, execution_id: u64) -> Result<i64, ManagementError> {
    i64::try_from(execution_id).map_err(|_| ManagementError::no_execution(instance, execution_id))
}
