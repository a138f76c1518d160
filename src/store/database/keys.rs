//! Numbers that come from outside.

use super::reading::QueryResult;
pub(in crate::store) use crate::management::keys::{List, check_limit, refused};
use crate::management::{ManagementError, PageRequest};

pub(in crate::store) fn position(list: List, page: &PageRequest) -> QueryResult<Option<i64>> {
    check_limit(page.limit)?;
    Ok(list.number(page.after.as_deref())?)
}

/// An execution's number as databases have it; greater ones do not exist there.
pub(in crate::store) fn execution(instance: &str, execution_id: u64) -> Result<i64, ManagementError> {
    i64::try_from(execution_id).map_err(|_| ManagementError::no_execution(instance, execution_id))
}
